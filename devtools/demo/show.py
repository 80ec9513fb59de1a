"""How the demo looks: at a terminal live and in colour, otherwise as plain lines."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.rule import Rule
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from devtools.demo.exchange import Row
from devtools.demo.scene import Metrics

_WIDEST = 120


def console() -> Console:
    """Where nobody looks at a terminal, lines may be as long as they are in the README."""
    made = Console(highlight=False)
    if not made.is_terminal:
        return Console(highlight=False, width=100)
    return Console(highlight=False, width=min(made.width, _WIDEST))


@dataclass(slots=True)
class Running:
    """A step under way, or done: what it is, what came of it, and the seconds."""

    doing: str
    began: float = field(default_factory=time.monotonic)
    found: str = ""
    state: str = "running"
    seconds: float = 0.0
    _spinner: Spinner = field(default_factory=lambda: Spinner("dots", style="cyan"))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        seconds = time.monotonic() - self.began if self.state == "running" else self.seconds
        marks = {"done": Text("✓", "green"), "failed": Text("✗", "bold red")}
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(width=1)
        line.add_column(width=30, no_wrap=True)
        line.add_column(ratio=1, overflow="fold", style="dim")
        line.add_column(width=7, justify="right", style="dim")
        line.add_row(marks.get(self.state, self._spinner), self.doing, Text(self.found), f"{seconds:.1f} s")
        yield line


class Show:
    """Everything that is printed."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, doing: str) -> Iterator[Running]:
        """A live line while it lasts, with its seconds; `found` may be set to what came of it."""
        step = Running(doing)
        try:
            with Live(step, console=self.console, refresh_per_second=10, transient=True):
                yield step
            step.state = "done"
        finally:
            step.seconds = time.monotonic() - step.began
            step.state = "failed" if step.state == "running" else step.state
            self.console.print(step)

    def heading(self, text: str, after: str = "") -> None:
        self.console.print()
        self.console.print(
            Rule(Text.assemble((text, "bold"), (f"  {after}" if after else "", "dim")), align="left", style="dim")
        )

    def say(self, text: str = "", style: str = "") -> None:
        self.console.print(Text(text, style), soft_wrap=True)

    def live(self) -> Live:
        return Live(console=self.console, refresh_per_second=8)

    def health(self, answers: Mapping[str, tuple[int, str]]) -> None:
        table = _table("", "", "")
        table.columns[0].no_wrap = True
        for path, (status, body) in answers.items():
            table.add_row(path, _status(status), body)
        self.console.print(table)

    def metrics(self, before: Metrics, meanwhile: Metrics, after: Metrics) -> None:
        """Those that have moved."""
        table = _table("metric", "before", "while one waited", "now")
        for column in table.columns[1:]:
            column.justify = "right"
        for name in after:
            values = [_value(name, metrics) for metrics in (before, meanwhile, after)]
            if _is_worth_a_look(name) and len(set(values)) > 1:
                table.add_row(name.removeprefix("consumer_").replace("_count", ""), *values)
        self.console.print(table)

    def mails(self, folder: Path, envelopes: Sequence[Mapping[str, object]], in_full: int) -> None:
        """As they arrived: some with their first lines, the others by subject."""
        files = sorted(folder.glob("*.eml"))
        for path, envelope in list(zip(files, envelopes, strict=True))[:in_full]:
            self.console.print(_mail(path, envelope))
        table = _table("file", "envelope", "subject")
        for path, envelope in list(zip(files, envelopes, strict=True))[in_full:]:
            table.add_row(path.name, _route(envelope), _parsed(path)["Subject"])
        self.console.print(table)


def outcomes(rows: Sequence[Row], waiting: str) -> Table:
    """Requests and what became of them so far."""
    table = _table("request", "outcome", "in the outcome", "s")
    table.columns[0].min_width = 24
    table.columns[1].no_wrap = True
    table.columns[3].justify, table.columns[3].min_width = "right", 4
    for row in rows:
        about = Text.assemble(row.ask.about, "\n", (f"{row.ask.tenant} / {row.ask.id}", "dim"))
        if row.seen is not None:
            table.add_row(about, _ending(row), _details(row.seen.data), f"{row.seconds:.1f}")
        elif row.sent is not None:
            seconds = time.monotonic() - row.sent
            table.add_row(about, Text("...", "dim"), Text(waiting, "dim"), Text(f"{seconds:.1f}", "dim"))
        else:
            table.add_row(about)
    return table


def _ending(row: Row) -> Text:
    data = row.seen.data if row.seen else {}
    status = int(data.get("status", 0))
    ending = Text.assemble(_status(status), "\n", str(data.get("type", "accepted")))
    if not row.right:
        ending.append(f"\nexpected {row.ask.status} {row.ask.type}", "bold red")
    return ending


def _details(data: Mapping[str, object]) -> Text:
    """The relay's words and the Message-ID where there are some; otherwise what is wrong."""
    said = str(data.get("response") or data.get("message") or "")
    lines = [Text(said)]
    if data.get("stages"):
        lines.append(Text(", ".join(f"{one['stage']} {one['ms']:g} ms" for one in _dicts(data, "stages")), "dim"))
    if data.get("rejected") and data.get("accepted"):
        lines += [Text(f"refused: {one['recipient']}, {one['response']}") for one in _dicts(data, "rejectedErrors")]
    if data.get("messageId"):
        lines.append(Text(_short(str(data["messageId"])), "dim"))
    return Text("\n").join(lines)


def _short(message_id: str) -> str:
    """Enough of it to find the mail by; the whole stands there."""
    local, _, domain = message_id.partition("@")
    return f"{local[:13]}...@{domain}"


def _dicts(data: Mapping[str, object], name: str) -> Sequence[Mapping[str, object]]:
    found = data.get(name)
    return found if isinstance(found, list) else []


def _mail(path: Path, envelope: Mapping[str, object]) -> Panel:
    mail = _parsed(path)
    lines = [Text.assemble(("envelope: ", "dim"), _route(envelope))]
    shown = (name for name in ("From", "To", "Subject", "Date", "Message-ID", "Content-Type") if mail[name])
    lines += [Text.assemble((f"{name}: ", "dim"), " ".join(str(mail[name]).split())) for name in shown]
    lines.append(Text())
    for part in mail.walk():
        if part.get_content_maintype() == "text":
            lines += [Text(line) for line in str(part.get_content()).splitlines()[:3]]
    return Panel(Group(*lines), title=path.name, title_align="left", border_style="dim", box=box.ROUNDED)


def _parsed(path: Path) -> EmailMessage:
    found = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
    assert isinstance(found, EmailMessage)  # noqa: S101  the policy's own kind
    return found


def _route(envelope: Mapping[str, object]) -> str:
    recipients = envelope["recipients"]
    to = ", ".join(map(str, recipients)) if isinstance(recipients, list) else ""
    return f"{envelope['sender']} → {to}"


def envelopes(journal: Path) -> list[Mapping[str, object]]:
    """What the relay wrote down of each mail, in the order of the files."""
    return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, header_style="dim", show_edge=False, show_header=any(columns))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _status(status: int) -> Text:
    colours = {2: "bold green", 4: "bold yellow", 5: "bold red"}
    return Text(str(status), colours.get(status // 100, ""))


_OF_THE_MACHINE = ("consumer_tick", "consumer_event_loop", "consumer_stalled")


def _is_worth_a_look(name: str) -> bool:
    parts = ("_bucket", "_created", "_sum")
    ours = name.startswith("consumer_") and not name.startswith(_OF_THE_MACHINE)
    return ours and not any(part in name.partition("{")[0] for part in parts)


def _value(name: str, metrics: Metrics) -> str:
    """A histogram as how many, and how long on average."""
    value = metrics.get(name, 0.0)
    total = metrics.get(name.replace("_count", "_sum"), 0.0)
    if "_count" in name and value:
        return f"{value:g} x {1000 * total / value:.1f} ms"
    return f"{value:g}"
