"""Kafka as the commands use it: one record out, outcomes in."""

# pyright: reportMissingTypeStubs=false

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from consumer.adapters.kafka import topics
from consumer.adapters.kafka.client import GONE_WRONG, stopped
from consumer.adapters.kafka.entries import read_entry
from consumer.adapters.kafka.reader import Reader
from consumer.app import cluster
from consumer.cli.events import Emission, Seen, outcome
from consumer.core.parking import Entry
from consumer.core.record import Coordinates
from consumer.ports import UncertainError
from consumer.settings import Settings

_WITHIN = 30.0
_Client: TypeAlias = Any  # the library has no types


class WrongTopicError(Exception):
    """A topic that a command needs is not there, or not what it should be; the text says what to do."""


def options(settings: Settings) -> dict[str, Any]:
    return cluster(settings.kafka).options()


async def send(settings: Settings, emission: Emission) -> Coordinates:
    """Writes the record; where it lies."""
    (written,) = await send_all(settings, (emission,))
    return written


async def send_all(settings: Settings, emissions: Sequence[Emission]) -> list[Coordinates]:
    """Writes the records, one after another; where they lie."""
    await _partitions(settings, settings.topics.requests)
    producer: _Client = AIOKafkaProducer(**options(settings), acks="all", enable_idempotence=True)
    try:
        async with asyncio.timeout(_WITHIN):
            await producer.start()
            return [await _write(producer, settings.topics.requests, emission) for emission in emissions]
    except GONE_WRONG as error:
        raise UncertainError(_told(error)) from error
    finally:
        await stopped(producer.stop(), 2.0)


async def _write(producer: _Client, topic: str, emission: Emission) -> Coordinates:
    written = await producer.send_and_wait(topic, emission.value, key=emission.key, headers=list(emission.headers))
    return Coordinates(written.partition, written.offset)


class Outcomes:
    """The outcome topic, read_committed, all partitions."""

    def __init__(self, client: _Client, places: list[TopicPartition]) -> None:
        self._client = client
        self._places = places

    async def from_time(self, at: float) -> None:
        """What comes next is no older than that (seconds since the epoch)."""
        found = await self._client.offsets_for_times(dict.fromkeys(self._places, max(0, int(at * 1000))))
        ends = await self._client.end_offsets(self._places)
        for place in self._places:
            self._client.seek(place, found[place].offset if found[place] else ends[place])

    async def from_end(self) -> None:
        """What comes next is not there yet."""
        for place, end in (await self._client.end_offsets(self._places)).items():
            self._client.seek(place, end)

    async def follow(self) -> AsyncGenerator[Seen]:
        """Outcomes as they come, for ever."""
        while True:
            for seen in await self._batch():
                yield seen

    async def there_now(self) -> AsyncGenerator[Seen]:
        """Outcomes up to those that were last when it began."""
        ends: Mapping[TopicPartition, int] = await self._client.end_offsets(self._places)
        while any([await self._client.position(place) < end for place, end in ends.items()]):
            for seen in await self._batch():
                yield seen

    async def _batch(self) -> list[Seen]:
        try:
            batches = await self._client.getmany(timeout_ms=500)
        except GONE_WRONG as error:
            raise UncertainError(_told(error)) from error
        return [outcome(record.headers, record.value) for records in batches.values() for record in records]


@asynccontextmanager
async def outcomes(settings: Settings) -> AsyncGenerator[Outcomes]:
    """The outcome topic, open."""
    topic = settings.topics.outcomes
    places = [TopicPartition(topic, number) for number in range(await _partitions(settings, topic))]
    client: _Client = AIOKafkaConsumer(
        **options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    try:
        async with asyncio.timeout(_WITHIN):
            await client.start()
        client.assign(places)
        yield Outcomes(client, places)
    except GONE_WRONG as error:
        raise UncertainError(_told(error)) from error
    finally:
        await stopped(client.stop(), 2.0)


async def parked(settings: Settings) -> AsyncGenerator[tuple[int, dict[int, Entry]]]:
    """What waits, partition by partition, by home offset: the compacted topic, read_committed, to its end."""
    topic = settings.topics.parked
    reader = Reader(cluster(settings.kafka), _WITHIN)
    try:
        for partition in range(await _partitions(settings, topic)):
            first, end = await reader.bounds(topic, partition)
            entries: dict[int, Entry] = {}
            async for batch in reader.stretch(topic, partition, first, end):
                for raw in batch:
                    _keep(entries, raw.key, raw.value)
            yield partition, entries
    except UncertainError as error:
        raise UncertainError(_told(error.__cause__ or error)) from error
    finally:
        await reader.close()


def _keep(entries: dict[int, Entry], key: bytes | None, value: bytes | None) -> None:
    match read_entry(key, value):
        case None:
            raise WrongTopicError("the parked topic holds a record that is not ours, or that a newer version wrote")
        case int() as ended:
            entries.pop(ended, None)
        case Entry() as entry:
            entries[entry.offset] = entry


def ago(seconds: float) -> float:
    """Seconds since the epoch, so many seconds ago."""
    return time.time() - seconds


async def _partitions(settings: Settings, topic: str) -> int:
    found = await topics.describe(settings, options(settings), within=_WITHIN)
    if topic not in found:
        raise WrongTopicError(f"topic {topic} is missing: run `consumer topics create`")
    return found[topic].partitions


def _told(error: BaseException) -> str:
    return f"Kafka cannot be reached, or did not answer in time: {type(error).__name__}"
