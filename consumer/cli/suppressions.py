"""`consumer suppressions`: who must not be written to, and commands about it.

The list is only read here. A command is feedback like any other: whoever owns the tenant's home partition carries it
out. Addresses are hashed before anything is written, so that none gets into Kafka by a command.
"""

import asyncio
import json
import re
import sys
import time
import uuid
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from typing import Literal

from consumer.adapters.kafka.reader import Reader
from consumer.adapters.kafka.suppressions import POSITION, read, read_position
from consumer.app import cluster
from consumer.cli.exits import Exit
from consumer.client import KafkaAwayError, WrongTopicError, connected, events
from consumer.client.reading import partitions
from consumer.core.address import is_token, parse_recipient
from consumer.core.feedback import FEEDBACK
from consumer.core.record import Coordinates
from consumer.core.suppression import Suppression
from consumer.core.suppression_list import Listed
from consumer.core.timestamp import format_timestamp
from consumer.outside import suppression_of
from consumer.ports import UncertainError
from consumer.settings import Settings

NO_KEY = "CONSUMER_SUPPRESSION__KEY has to be set: addresses are hashed with it"
NO_RECIPIENT = "expected an address, a PII token, or a digest as `suppressions list` shows it"

_WITHIN = 30.0
_PAUSE = 0.2
_DIGEST = re.compile("[0-9a-f]{8}:[0-9a-f]{32}")
_HEAD = ("tenant", "digest", "kind", "reason", "in force", "until", "since", "bounces", "complaints")
_ROW = "{:16}  {:41}  {:10}  {:10}  {:8}  {:24}  {:24}  {:>7}  {:>10}"


@dataclass(frozen=True, slots=True)
class Whom:
    """A recipient as feedback names it: by a digest, or by a token that only the vault can resolve."""

    field: Literal["digest", "recipient"]
    text: str

    @property
    def mark(self) -> bytes | None:
        return bytes.fromhex(self.text.partition(":")[2]) if self.field == "digest" else None


def whom(settings: Settings, tenant: str, written: str) -> Whom | str:
    """Whom an argument means (`-`: the first line of stdin), or what is wrong. It is never quoted."""
    text = sys.stdin.readline().strip() if written == "-" else written
    if _DIGEST.fullmatch(text):
        return Whom("digest", text)
    if is_token(text):
        return Whom("recipient", text)
    if parse_recipient(text) is None:
        return NO_RECIPIENT
    policy = suppression_of(settings.suppression)
    return NO_KEY if policy is None else Whom("digest", f"{policy.key_id}:{policy.mark(tenant, text).hex()}")


async def show(settings: Settings, tenant: str | None, one: Whom | None, *, as_json: bool) -> Exit:
    """Prints a line for each recipient that is known; whether it must not be written to stands in it."""
    rows = 0
    for listed in await _all(settings):
        if tenant in (None, listed.tenant) and (one is None or listed.mark == one.mark):
            if not (rows or as_json):
                print(_ROW.format(*_HEAD))
            print(_told(listed, as_json=as_json))
            rows += 1
    if not rows:
        print("nobody like that is on the list", file=sys.stderr)
    return Exit.OK


async def tell(
    settings: Settings, fact: Mapping[str, object], tenant: str, one: Whom, *, wait: float, as_json: bool
) -> Exit:
    """Writes the feedback, and waits until the list has it."""
    emission = events.request(str(uuid.uuid4()), tenant, {**fact, one.field: one.text}, FEEDBACK)
    async with _reading(settings) as reader:
        topic, number = settings.topics.suppressions, await _partitions(settings)
        ends = [(await reader.bounds(topic, partition))[1] for partition in range(number)]
        async with connected(cluster(settings.kafka), settings.topics.feedback, None) as client:
            at = (await client.emit(emission)).at
        values = await _heard(reader, topic, at, ends[at.partition], wait)
    if values is None:
        print(
            f"not heard within {wait:g} s; it may still be: does a consumer run with suppression on?", file=sys.stderr
        )
        return Exit.NO_ANSWER
    key = b"" if one.mark is None else one.mark.hex().encode()
    if one.mark is not None and key not in values:
        print("heard, and not taken: most likely the consumer has another key; its log tells", file=sys.stderr)
        return Exit.OTHER
    listed = read(key, values[key] or b"") if key in values else None
    print(_told(listed, as_json=as_json) if listed else _gone(tenant, one, fact, as_json=as_json))
    return Exit.OK


def until(seconds: float) -> str:
    """So many seconds from now, as feedback says it."""
    return format_timestamp(time.time() + seconds)


async def _all(settings: Settings) -> list[Listed]:
    found: list[Listed] = []
    topic = settings.topics.suppressions
    async with _reading(settings) as reader:
        for partition in range(await _partitions(settings)):
            first, end = await reader.bounds(topic, partition)
            values = await _values(reader, topic, partition, first, end)
            found += (_listed(key, value) for key, value in values.items() if value is not None and key != POSITION)
    return found


def _listed(key: bytes, value: bytes) -> Listed:
    listed = read(key, value)
    if listed is None:
        raise WrongTopicError("the suppression topic holds a record that is not ours, or that a newer version wrote")
    return listed


async def _heard(
    reader: Reader, topic: str, at: Coordinates, end: int, wait: float
) -> Mapping[bytes, bytes | None] | None:
    """What was written from `end` until the feedback there was dealt with; None if that takes too long."""
    deadline = time.monotonic() + wait
    values: dict[bytes, bytes | None] = {}
    while True:
        start, (_, end) = end, await reader.bounds(topic, at.partition)
        values |= await _values(reader, topic, at.partition, start, end)
        position = read_position({key: value for key, value in values.items() if value is not None})
        if position is not None and position > at.offset:
            return values
        if time.monotonic() >= deadline:
            return None
        await asyncio.sleep(_PAUSE)


async def _values(reader: Reader, topic: str, partition: int, start: int, end: int) -> dict[bytes, bytes | None]:
    """What a stretch of a partition holds, by key; a tombstone is None."""
    values: dict[bytes, bytes | None] = {}
    async for batch in reader.stretch(topic, partition, start, end):
        values |= {raw.key or b"": raw.value for raw in batch}
    return values


@asynccontextmanager
async def _reading(settings: Settings) -> AsyncGenerator[Reader]:
    reader = Reader(cluster(settings.kafka), _WITHIN)
    try:
        yield reader
    except KafkaAwayError:
        raise
    except UncertainError as error:
        raise KafkaAwayError(f"Kafka cannot be reached, or did not answer in time: {error}") from error
    finally:
        await reader.close()


async def _partitions(settings: Settings) -> int:
    return await partitions(cluster(settings.kafka), settings.topics.suppressions)


def _told(listed: Listed, *, as_json: bool) -> str:
    cells = dict(_cells(listed, listed.entry)) if listed.entry else {}
    if as_json:
        return json.dumps(cells, ensure_ascii=False)
    cells["inForce"] = "yes" if cells["inForce"] else "no"
    cells["until"] = cells["until"] or "for good"
    shown = (cells[name] for name in _SHOWN)
    return events.printable(_ROW.format(*shown).rstrip())


_SHOWN = ("tenant", "digest", "kind", "reason", "inForce", "until", "since", "bounces", "complaints")


def _cells(listed: Listed, entry: Suppression) -> Iterator[tuple[str, object]]:
    yield "tenant", listed.tenant
    yield "digest", f"{listed.key_id}:{listed.mark.hex()}"
    yield "kind", entry.kind.value
    yield "reason", entry.reason
    yield "inForce", entry.holds(time.time())
    yield "until", None if entry.until == inf else format_timestamp(entry.until or entry.since)
    yield "since", format_timestamp(entry.since)
    yield "last", format_timestamp(entry.last)
    yield "bounces", entry.bounces
    yield "complaints", entry.complaints


def _gone(tenant: str, one: Whom, fact: Mapping[str, object], *, as_json: bool) -> str:
    heard = {"tenant": tenant, one.field: one.text, "heard": fact["kind"]}
    return json.dumps(heard) if as_json else f"{heard['heard']} of {one.text} was heard"
