"""Kafka as the commands use it: one record out, outcomes in."""

# pyright: reportMissingTypeStubs=false

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from consumer.adapters.kafka import topics
from consumer.adapters.kafka.client import GONE_WRONG, stopped
from consumer.app import cluster
from consumer.cli.events import Emission, Seen, outcome
from consumer.core.record import Coordinates
from consumer.ports import UncertainError
from consumer.settings import Settings

_WITHIN = 30.0
_Client: TypeAlias = Any  # the library has no types


class MissingTopicError(Exception):
    """A topic that a command needs is not there; the text says what to do."""


def options(settings: Settings) -> dict[str, Any]:
    return cluster(settings.kafka).options()


async def send(settings: Settings, emission: Emission) -> Coordinates:
    """Writes the record; where it lies."""
    await _partitions(settings, settings.topics.requests)
    producer: _Client = AIOKafkaProducer(**options(settings), acks="all", enable_idempotence=True)
    try:
        async with asyncio.timeout(_WITHIN):
            await producer.start()
            written = await producer.send_and_wait(
                settings.topics.requests, emission.value, key=emission.key, headers=list(emission.headers)
            )
            return Coordinates(written.partition, written.offset)
    except GONE_WRONG as error:
        raise UncertainError(_told(error)) from error
    finally:
        await stopped(producer.stop(), 2.0)


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


def ago(seconds: float) -> float:
    """Seconds since the epoch, so many seconds ago."""
    return time.time() - seconds


async def _partitions(settings: Settings, topic: str) -> int:
    found = await topics.describe(settings, options(settings), within=_WITHIN)
    if topic not in found:
        raise MissingTopicError(f"topic {topic} is missing: run `consumer topics create`")
    return found[topic].partitions


def _told(error: BaseException) -> str:
    return f"Kafka cannot be reached, or did not answer in time: {type(error).__name__}"
