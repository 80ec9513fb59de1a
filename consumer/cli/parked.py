"""`consumer parked`: what waits and why, and commands about it.

The parked topic is only read here. A command is an event like any other: whoever owns the partition carries it out.
"""

import json
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace

from consumer.cli import wire
from consumer.cli.exits import Exit
from consumer.client import events
from consumer.client.events import Emission
from consumer.core.attribute import PARKED_COMMAND
from consumer.core.parked_command import Verb
from consumer.core.parking import Entry, Reason
from consumer.core.timestamp import format_timestamp
from consumer.settings import Settings

OBEYED = "obeyed"
NOTHING = ""

_HEAD = ("partition", "offset", "tenant", "id", "reason", "due", "deadline", "attempts", "last reason")
_ROW = "{:>9}  {:>9}  {:16}  {:36}  {:27}  {:24}  {:24}  {:>8}  {}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of those that wait: of whom, and why; None for all."""

    tenant: str | None
    reason: Reason | None

    def has(self, entry: Entry) -> bool:
        return self.tenant in (None, entry.tenant) and self.reason in (None, entry.reason)


async def show(settings: Settings, wanted: Wanted, *, as_json: bool) -> Exit:
    """Prints a line for each request that waits, in order of partition and offset."""
    rows = 0
    async for partition, entry in _entries(settings):
        if wanted.has(entry):
            if not (rows or as_json):
                print(_ROW.format(*_HEAD))
            print(_as_json(partition, entry) if as_json else _as_line(partition, entry))
            rows += 1
    if not rows:
        print("nothing of that is parked", file=sys.stderr)
    return Exit.OK


async def order(settings: Settings, verb: Verb, tenant: str, ids: Sequence[str], *, wait: float, as_json: bool) -> Exit:
    """Asks for it, and waits for the outcome of each command."""
    deadline = time.monotonic() + wait
    kinds: list[str] = []
    async with wire.client(settings, follow=True) as client:
        asked = {id_: await client.emit(_command(verb, tenant, id_)) for id_ in ids}
        for id_, command in asked.items():
            seen = await command.outcome(max(0.0, deadline - time.monotonic()))
            if seen is None:
                print(f"no outcome for {id_} within {wait:g} s; it may still come", file=sys.stderr)
                kinds.append(NOTHING)
                continue
            kinds.append(seen.kind)
            # People know the request, not the command.
            print(seen.as_json() if as_json else replace(seen, id=id_).as_line(), flush=True)
    if NOTHING in kinds:
        return Exit.NO_ANSWER
    return Exit.OK if set(kinds) <= {OBEYED} else Exit.OTHER


def _command(verb: Verb, tenant: str, request_id: str) -> Emission:
    return events.request(str(uuid.uuid4()), tenant, {"command": verb, "id": request_id}, type_=PARKED_COMMAND)


async def _entries(settings: Settings) -> AsyncGenerator[tuple[int, Entry]]:
    async for partition, entries in wire.parked(settings):
        for offset in sorted(entries):
            yield partition, entries[offset]


def _cells(partition: int, entry: Entry) -> Mapping[str, object]:
    return {
        "partition": partition,
        "offset": entry.offset,
        "tenant": entry.tenant,
        "id": entry.id,
        "reason": entry.reason.value,
        "due": format_timestamp(entry.due),
        "deadline": format_timestamp(entry.deadline),
        "attempts": entry.progress.attempts,
        "lastReason": entry.progress.last_reason,
    }


def _as_json(partition: int, entry: Entry) -> str:
    return json.dumps(_cells(partition, entry), ensure_ascii=False)


def _as_line(partition: int, entry: Entry) -> str:
    return events.printable(_ROW.format(*_cells(partition, entry).values()).rstrip())
