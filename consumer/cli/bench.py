"""`consumer bench`: how many requests a second this setup takes to their outcomes, and how long each one waits for it.

The consumers, brokers, windows and limits are the real ones; only the relay is not, unless that is asked for. Twice it is
made sure that no mail goes out: by the tenant's configuration, before anything is written, and by the outcome of a
first request alone, since the consumers may have read another configuration than this command.
"""

import asyncio
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil

from consumer.adapters.clock import SystemClock
from consumer.adapters.config_api import ConfigApi
from consumer.adapters.metrics import Metrics
from consumer.cli import wire
from consumer.cli.exits import Exit
from consumer.cli.start import refuse
from consumer.client import Client, KafkaAwayError
from consumer.client.events import ACCEPTED, OutcomeEvent, request
from consumer.core import simulator
from consumer.core.attribute import SEND_EMAIL
from consumer.core.tenant import HOUR, Limit, Mode, Tenant, Unavailable, UnknownTenant
from consumer.core.tenants import Faults
from consumer.core.timestamp import format_timestamp
from consumer.outside import tenants_of
from consumer.settings import Settings

NOBODY = simulator.ACCEPTED
"""Whom the requests are to, where nobody else is named: no relay in the world can deliver there (RFC 6761, 6.4)."""

_BY_NOBODY = "taken by nobody"
"""What a stand-in for a relay says, and no relay does."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked for. `rate` is requests a second, None: as fast as `in_flight` at a time allow. Times in seconds."""

    tenant: str
    requests: int
    in_flight: int
    rate: float | None
    size: int
    wait: float
    live: bool = False
    to: str | None = None


@dataclass(slots=True)
class Tally:
    """How the requests ended, and after how many seconds each; `unanswered` have no outcome yet."""

    endings: Counter[str] = field(default_factory=Counter[str])
    waits: list[float] = field(default_factory=list[float])
    unanswered: int = 0
    seconds: float = 0.0
    busy: float = 0.0

    def add(self, seen: OutcomeEvent | None, waited: float) -> None:
        if seen is None:
            self.unanswered += 1
            return
        self.endings[str(seen.data.get("type") or seen.kind)] += 1
        self.waits.append(waited)

    @property
    def a_second(self) -> float:
        """Outcomes a second, from the first request to the last outcome."""
        return len(self.waits) / self.seconds if self.seconds else 0.0

    def within(self, part: float) -> float | None:
        """Seconds that this part of the requests (0.5: half of them) had their outcome within; None without any."""
        ordered = sorted(self.waits)
        return ordered[max(0, ceil(part * len(ordered)) - 1)] if ordered else None

    @property
    def code(self) -> Exit:
        if self.unanswered:
            return Exit.NO_ANSWER
        return Exit.OK if set(self.endings) <= {ACCEPTED} else Exit.OTHER


def objection(tenant: Tenant, load: Load, *, simulate: bool) -> str | None:
    """Why this load is not put on this tenant; None if nothing speaks against it."""
    if tenant.mode is Mode.HOLD:
        return f"tenant {tenant.name} is on hold: its requests would wait"
    stood_in = tenant.mode is Mode.DRY_RUN or simulate or tenant.simulator
    if load.live is (load.to is None):
        return "--live sends real mail: it goes with --to, which says to whom, and --to only with it"
    if not load.live and not stood_in:
        return (
            f"tenant {tenant.name} has mode {tenant.mode.value}: mail would go to its relay. Take a tenant with"
            " `mode: dry-run` or `simulator: true`, or say --live"
        )
    for limit in (Limit(tenant.h_limit, HOUR), *tenant.limits):
        if limit.count < load.requests + 1:
            return (
                f"tenant {tenant.name} has a limit of {limit.count} in {limit.per:g} s: not all of {load.requests}"
                " requests, and one before them, would be sent in time. Take fewer, or a tenant with a larger limit"
            )
    return None


async def bench(settings: Settings, load: Load, *, as_json: bool) -> Exit:
    """Puts the load on, and tells how it went."""
    tenant = await _tenant(settings, load.tenant)
    if isinstance(tenant, str):
        return _refused(tenant, Exit.SETTINGS)
    wrong = objection(tenant, load, simulate=settings.smtp.simulator)
    if wrong:
        return _refused(wrong, Exit.USAGE)
    async with wire.client(settings, follow=True) as client:
        run = _Run(client, load)
        first, waited = await run.one(0)
        objected = _of_first(first, load)
        if objected:
            return _refused(objected, Exit.NO_ANSWER if first is None else Exit.OTHER)
        print(f"the first took {waited * 1000:.0f} ms; {load.requests} follow", file=sys.stderr)
        tally = await run.all()
    print(_as_json(load, tally) if as_json else _as_table(load, tally))
    if tally.unanswered:
        print("what has no outcome expires; did it wait for slots of the tenant's windows?", file=sys.stderr)
    if tally.busy > _BUSY:
        print(
            "this command itself had no time to spare: the consumers may take more than it gave them", file=sys.stderr
        )
    return tally.code


_BUSY = 0.8


def _refused(text: str, code: Exit) -> Exit:
    refuse((text,))
    return code


async def _tenant(settings: Settings, name: str) -> Tenant | str:
    tenants = tenants_of(settings, Metrics(), SystemClock())
    if isinstance(tenants, Faults):
        return "; ".join(tenants.errors)
    try:
        found = await tenants.get(name)
    finally:
        if isinstance(tenants, ConfigApi):
            await tenants.aclose()
    match found:
        case UnknownTenant():
            return "--tenant: nobody of that name is configured here"
        case Unavailable():
            return "CONSUMER_TENANTS__URL: config-api does not answer, or not with a tenant that can be used"
        case Tenant():
            return found


def _of_first(first: OutcomeEvent | None, load: Load) -> str | None:
    """Why it stays at the first request."""
    if first is None:
        return f"the first request has no outcome within {load.wait:g} s: `consumer parked list` says what waits"
    if not first.accepted:
        return f"the first request ended as {first.data.get('type') or first.kind}: {first.data.get('message', '')}"
    if not load.live and _BY_NOBODY not in str(first.data.get("response", "")):
        return (
            "the first mail went to a relay: the consumers have another configuration than this command. No more follow"
        )
    return None


class _Run:
    """The requests of one call of the command, told from all others by their ids."""

    def __init__(self, client: Client, load: Load) -> None:
        self._client = client
        self._load = load
        self._name = uuid.uuid4().hex[:8]
        self._data = {"to": [load.to or NOBODY], "subject": f"bench {self._name}", "text": "x" * load.size}

    async def one(self, number: int) -> tuple[OutcomeEvent | None, float]:
        """Its outcome, if there is one in time, and how long that took."""
        # None is left behind: what has no outcome by then expires.
        expires = format_timestamp(time.time() + self._load.wait)
        asked = request(f"bench-{self._name}-{number}", self._load.tenant, self._data, SEND_EMAIL, expires=expires)
        began = time.perf_counter()
        submitted = await self._client.emit(asked)
        seen = await submitted.outcome(self._load.wait)
        return seen, time.perf_counter() - began

    async def all(self) -> Tally:
        tally, numbers = Tally(), iter(range(1, self._load.requests + 1))
        began, worked = time.perf_counter(), time.process_time()
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(self._load.in_flight, self._load.requests)):
                    tasks.create_task(self._some(numbers, began, tally))
        except ExceptionGroup as failed:
            if failed.split(KafkaAwayError)[1] is not None:
                raise
            raise KafkaAwayError(
                f"Kafka was lost after {len(tally.waits)} outcomes; what is written still ends"
            ) from failed
        tally.seconds = time.perf_counter() - began
        tally.busy = (time.process_time() - worked) / tally.seconds
        return tally

    async def _some(self, numbers: Iterator[int], began: float, tally: Tally) -> None:
        """One after another, each in its turn."""
        for number in numbers:
            if self._load.rate is not None:
                await asyncio.sleep(began + (number - 1) / self._load.rate - time.perf_counter())
            tally.add(*await self.one(number))


def _as_json(load: Load, tally: Tally) -> str:
    parts = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    waits = {name: tally.within(part) for name, part in parts.items()}
    return json.dumps(
        {
            "tenant": load.tenant,
            "requests": load.requests,
            "outcomes": dict(sorted(tally.endings.items())),
            "unanswered": tally.unanswered,
            "seconds": round(tally.seconds, 3),
            "perSecond": round(tally.a_second, 1),
            "latencySeconds": {name: None if wait is None else round(wait, 4) for name, wait in waits.items()},
            "commandBusy": round(tally.busy, 2),
        }
    )


def _as_table(load: Load, tally: Tally) -> str:
    rows = [("requests", f"{load.requests:,}")]
    rows += [(ending, f"{number:,}") for ending, number in sorted(tally.endings.items())]
    rows += [("no outcome", f"{tally.unanswered:,}")] if tally.unanswered else []
    rows += [("seconds", f"{tally.seconds:.1f}"), ("a second", f"{tally.a_second:,.0f}")]
    for name, part in (("half within", 0.5), ("90 % within", 0.9), ("99 % within", 0.99), ("all within", 1.0)):
        wait = tally.within(part)
        rows += [] if wait is None else [(name, f"{wait * 1000:,.0f} ms")]
    return "\n".join(f"{name:<16}{value:>12}" for name, value in rows)
