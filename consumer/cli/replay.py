"""`consumer replay`: requests that ended badly, asked for again.

An outcome is also the dead letter: it says where its request lies. What is chosen from outcomes is read from
the request topic and written there once more, as it was and under its id, which is free again unless a mail went out.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import typer

from consumer.adapters.kafka.reader import Reader
from consumer.app import cluster
from consumer.cli import wire
from consumer.cli.exits import Exit
from consumer.cli.wire import ago
from consumer.client import Client, Emission, OutcomeEvent
from consumer.client.events import printable, repeated
from consumer.core.record import Coordinates, Record
from consumer.core.timestamp import parse_timestamp
from consumer.settings import Settings

SENT = frozenset(("accepted", "unknown"))
"""A mail went out, or may have."""
FAILED = frozenset(("rejected", "suppressed", "rate-limited", "expired", "invalid", "unresolvable"))
"""What is replayed where nothing else is said."""
NEVER = frozenset(("duplicate", "obeyed", "declined"))
"""Nothing that a request could be asked for again for."""

_AT_ONCE = 200
_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class Choice:
    """Which requests: of whom, of which endings (none: those that failed), and how many seconds ago they ended.

    `sent_too` is somebody's word that a second mail is wanted.
    """

    tenant: str | None
    kinds: frozenset[str]
    since: float
    until: float
    sent_too: bool

    def has(self, seen: OutcomeEvent, now: float) -> bool:
        ours = self.tenant is None or seen.tenant == self.tenant
        at = parse_timestamp(seen.time) or 0.0
        wanted = {seen.kind, str(seen.data.get("type", ""))} & self.kinds if self.kinds else seen.kind in FAILED
        return ours and bool(wanted) and seen.kind not in NEVER and now - self.since <= at <= now - self.until


@dataclass(frozen=True, slots=True)
class Ended:
    """How a request ended, as far as a replay has to know."""

    kind: str
    type: str
    tenant: str
    id: str
    origin: str
    time: str

    @property
    def sent(self) -> bool:
        return self.kind in SENT

    def as_json(self) -> str:
        told = {"tenant": self.tenant, "id": self.id, "outcome": self.kind, "type": self.type}
        return json.dumps({**told, "origin": self.origin, "time": self.time}, ensure_ascii=False)

    def as_line(self) -> str:
        return printable(f"{self.time}  {self.tenant:16}  {self.id:36}  {self.type or self.kind:15}  {self.origin}")


@dataclass(slots=True)
class Chosen:
    """The last ending of each request that is to be asked for again, and what was left out."""

    choice: Choice
    now: float
    ended: dict[tuple[str, str], Ended] = field(default_factory=dict[tuple[str, str], Ended])
    _sent: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def look(self, seen: OutcomeEvent) -> None:
        """The next outcome, in the order of its partition."""
        name = (seen.tenant, seen.id or seen.origin)
        if seen.kind in SENT:
            self._sent.add(name)
        if self.choice.has(seen, self.now):
            type_ = str(seen.data.get("type", ""))
            self.ended[name] = Ended(seen.kind, type_, seen.tenant, seen.id, seen.origin, seen.time)
        elif seen.kind not in NEVER:
            self.ended.pop(name, None)  # it ended otherwise since

    def again(self) -> list[Ended]:
        """Oldest first."""
        names = self.ended.keys() if self.choice.sent_too else self.ended.keys() - self._sent
        return sorted((self.ended[name] for name in names), key=lambda one: one.time)

    @property
    def left_out(self) -> int:
        """Those that are not asked for again because a mail went out, or may have."""
        return 0 if self.choice.sent_too else len(self.ended.keys() & self._sent)


async def replay(settings: Settings, choice: Choice, *, execute: bool, rate: float, as_json: bool) -> Exit:
    """Shows what would be asked for again; with `execute` it is asked for, at most `rate` a second."""
    chosen = Chosen(choice, time.time())
    async with wire.outcomes(settings) as outcomes:
        await outcomes.from_time(ago(choice.since))
        async for seen in outcomes.there_now():
            chosen.look(seen)
    again = chosen.again()
    for one in again:
        print(one.as_json() if as_json else one.as_line())
    _sum_up(again, chosen.left_out, execute=execute)
    if not execute or not again:
        return Exit.OK
    missing = await _asked(settings, again, rate)
    if missing:
        print(f"{missing} of them are no longer in {settings.topics.requests}", file=sys.stderr)
    return Exit.OTHER if missing else Exit.OK


def _sum_up(again: list[Ended], left_out: int, *, execute: bool) -> None:
    kinds = Counter(one.type or one.kind for one in again)
    listed = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())) or "none"
    print(f"{len(again)} requests {'are' if execute else 'would be'} asked for again: {listed}", file=sys.stderr)
    if left_out:
        print(f"{left_out} left out: a mail went out, or may have (--sent-too takes them, too)", file=sys.stderr)
    if any(one.sent for one in again):
        print("of what was accepted or unknown, recipients get a SECOND mail, under a new request id", file=sys.stderr)
    if again and not execute:
        print("nothing was done: add --execute to do it", file=sys.stderr)


async def _asked(settings: Settings, again: list[Ended], rate: float) -> int:
    """Writes them again; how many were not to be found."""
    missing = 0
    reader = Reader(cluster(settings.kafka), _WITHIN)
    begun = time.monotonic()
    try:
        async with wire.client(settings, follow=False) as client:
            with typer.progressbar(length=len(again), label="asking", file=sys.stderr) as bar:
                for start in range(0, len(again), _AT_ONCE):
                    part = again[start : start + _AT_ONCE]
                    records = await _records(reader, settings.topics.requests, part)
                    missing += len(part) - len(records)
                    for number, one in enumerate(part, start):
                        await asyncio.sleep(begun + number / rate - time.monotonic())
                        await _ask(client, one, records.get(one.origin))
                        bar.update(1)
    finally:
        await reader.close()
    return missing


async def _records(reader: Reader, topic: str, part: Iterable[Ended]) -> Mapping[str, Record]:
    places = [Coordinates(*map(int, one.origin.split(":"))) for one in part if one.origin != ":"]
    return {str(record.at): record for record in await reader.pick(topic, places)}


async def _ask(client: Client, one: Ended, record: Record | None) -> None:
    if record is not None:
        emission = Emission(record.key, record.value or b"", record.headers)
        await client.emit(repeated(emission, f"{one.id}-again") if one.sent else emission)
