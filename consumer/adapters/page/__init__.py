"""The live page: one look at everything, as HTML that needs nothing from elsewhere.

It works without JavaScript; with it, the page brings itself up to date. A content security policy lets in only the
style and the script that stand in it, and everything that comes from a tenants file or a topic is escaped.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from time import gmtime, strftime

from consumer.adapters.page.plot import KINDS, bars
from consumer.core.overview import ROWS, Overview, PartitionNow, Waiting, WindowNow, WorkerNow

_STYLE = (files(__name__) / "style.css").read_text()
_SCRIPT = (files(__name__) / "refresh.js").read_text()


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy."""


def render(view: Overview, *, title: str) -> str:
    """The whole page. `title` is what the process is called among others."""
    blocks = (
        _tiles(view),
        _hour(view),
        _section("Waiting", _waiting(view)),
        _section("Windows that were full", _windows(view.windows)),
        _section("Circuits", _circuits(view)),
        _section("Partitions", _partitions(view.partitions)),
        *([_section("Workers", _workers(view.workers))] if view.workers else ()),
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><header><h1>{escape(title)}</h1>{_state(view)}</header>"
        f'<main id="now">{"".join(blocks)}<p class="at">As of {_clock(view.now)} UTC. '
        '<a href="/metrics">metrics</a> <a href="/readyz">readiness</a></p></main>'
        f"<script>{_SCRIPT}</script></body></html>"
    )


def _state(view: Overview) -> str:
    missing = [name for name, ok in view.ready.items() if not ok]
    if missing:
        return f'<p id="state" class="state bad">not ready: {escape(", ".join(missing))}</p>'
    return '<p id="state" class="state good">ready</p>'


def _tiles(view: Overview) -> str:
    lags = [partition.lag for partition in view.partitions if partition.lag is not None]
    tiles = (
        ("behind", f"{sum(lags):,}" if lags else _NOT_KNOWN),
        ("under way", f"{sum(partition.under_way for partition in view.partitions):,}"),
        ("waiting", f"{sum(partition.parked for partition in view.partitions):,}"),
        ("partitions", str(len(view.partitions))),
        ("outcomes this hour", f"{sum(sum(minute.values()) for minute in view.hour):,}"),
    )
    return (
        f'<div class="tiles">{"".join(f"<div><b>{value}</b><span>{name}</span></div>" for name, value in tiles)}</div>'
    )


def _hour(view: Overview) -> str:
    totals = {kind: sum(minute.get(kind, 0) for minute in view.hour) for minute in view.hour for kind in minute}
    told = sorted((kind, number) for kind, number in totals.items() if number)
    legend = "".join(
        f'<li><i class="{KINDS.get(kind, "other")}"></i>{escape(kind)} <b>{number:,}</b></li>' for kind, number in told
    )
    return _section("Outcomes of the last hour", f'{bars(view.hour)}<ul class="legend">{legend}</ul>' if told else "")


def _waiting(view: Overview) -> str:
    most = sorted(view.waiting, key=lambda one: (-one.number, one.tenant, one.reason))
    rows = (_waits(one, view.now) for one in most[:ROWS])
    more = f'<p class="more">and {len(most) - ROWS:,} more</p>' if len(most) > ROWS else ""
    return _table(("tenant", "reason", "requests", "next"), rows) + more


def _waits(one: Waiting, now: float) -> Sequence[str]:
    return one.tenant, one.reason.value, f"{one.number:,}", _NOT_KNOWN if one.due is None else _from_now(one.due, now)


def _windows(windows: Iterable[WindowNow]) -> str:
    fullest = sorted(windows, key=lambda one: (-one.used / max(1, one.count), one.tenant))
    return _table(("tenant", "used", "of", "in"), (_used(window) for window in fullest[:ROWS]))


def _used(window: WindowNow) -> Sequence[str]:
    return window.tenant, f"{window.used:,}", f"{window.count:,} {window.unit}", _span(window.per)


def _circuits(view: Overview) -> str:
    rows = ((one.relay, one.reason, _from_now(one.until, view.now)) for one in view.circuits[:ROWS])
    return _table(("relay", "reason", "tried again"), rows)


def _partitions(partitions: Iterable[PartitionNow]) -> str:
    heads = ("partition", "state", "next offset", "behind", "under way", "with leave to send", "waiting")
    return _table(heads, (_partition(one) for one in sorted(partitions, key=lambda one: one.number)))


def _partition(one: PartitionNow) -> Sequence[str]:
    position, lag = (_NOT_KNOWN if number is None else f"{number:,}" for number in (one.position, one.lag))
    state = "open" if one.open else "being taken over"
    return str(one.number), state, position, lag, f"{one.under_way:,}", f"{one.intents:,}", f"{one.parked:,}"


def _workers(workers: Iterable[WorkerNow]) -> str:
    heads = ("worker", "state", "process", "restarts", "partitions")
    return _table(heads, (_worker(one) for one in sorted(workers, key=lambda one: one.number)))


def _worker(one: WorkerNow) -> Sequence[str]:
    partitions = ", ".join(str(number) for number in sorted(one.partitions)) or _NOT_KNOWN
    process = _NOT_KNOWN if one.process is None else str(one.process)
    return str(one.number), one.state, process, f"{one.restarts:,}", partitions


# pieces


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content or _NONE}</section>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else ""


def _clock(at: float) -> str:
    return strftime("%Y-%m-%d %H:%M:%S", gmtime(at))


def _from_now(at: float, now: float) -> str:
    """When, as people say it; what is far away with its date."""
    if at - now > _SOON:
        return f"{_clock(at)} UTC"
    return "now" if at <= now else f"in {_span(at - now)}"


def _span(seconds: float) -> str:
    for unit, length in _UNITS.items():
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s"


_NONE = '<p class="none">none</p>'
_NOT_KNOWN = "-"
_SOON = 3 * 3600.0
_UNITS: Mapping[str, float] = {"d": 86_400.0, "h": 3600.0, "min": 60.0, "s": 1.0}
