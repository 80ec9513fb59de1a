"""The outcome topic as everybody should read it: `read_committed`, all partitions, outside any group."""

# The library has no types.
# pyright: reportMissingTypeStubs=false

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from consumer.adapters.kafka import topics
from consumer.adapters.kafka.client import GONE_WRONG, Cluster, stopped
from consumer.client.events import OutcomeEvent, outcome
from consumer.ports import UncertainError

WITHIN = 30.0
"""Seconds that Kafka has for anything it is asked."""

_Client: TypeAlias = Any


class KafkaAwayError(UncertainError):
    """Kafka cannot be reached, or did not answer in time. A request under way may be written or not.

    The same request may be submitted again under the same id: at worst it is a Duplicate.
    """


class TooLargeError(Exception):
    """The request is larger than a record may be (1 MB); nothing was written."""


class WrongTopicError(Exception):
    """A topic is not there, or not what it should be; the text says what to do."""


class Outcomes:
    """The outcome topic, open. Say where to begin before the first `follow` or `there_now`."""

    def __init__(self, client: _Client, places: list[TopicPartition]) -> None:
        self._client = client
        self._places = places

    async def from_time(self, at: float) -> None:
        """What comes next is no older than that (seconds since the epoch)."""
        with telling():
            async with asyncio.timeout(WITHIN):
                asked = dict.fromkeys(self._places, max(0, int(at * 1000)))
                found = await self._client.offsets_for_times(asked)
                ends = await self._client.end_offsets(self._places)
        for place in self._places:
            self._client.seek(place, found[place].offset if found[place] else ends[place])

    async def from_end(self) -> None:
        """What comes next is not there yet."""
        for place, end in (await self._ends()).items():
            self._client.seek(place, end)

    async def follow(self) -> AsyncGenerator[OutcomeEvent]:
        """Outcomes as they come, for ever. Raises `KafkaAwayError`; asked again, it goes on where it was."""
        while True:
            for seen in await self._batch():
                yield seen

    async def there_now(self) -> AsyncGenerator[OutcomeEvent]:
        """Outcomes up to those that were last when it began."""
        ends = await self._ends()
        while any([await self._client.position(place) < end for place, end in ends.items()]):
            for seen in await self._batch():
                yield seen

    async def _batch(self) -> list[OutcomeEvent]:
        with telling():
            batches = await self._client.getmany(timeout_ms=500)
        return [outcome(record.headers, record.value) for records in batches.values() for record in records]

    async def _ends(self) -> Mapping[TopicPartition, int]:
        with telling():
            async with asyncio.timeout(WITHIN):
                return await self._client.end_offsets(self._places)


@asynccontextmanager
async def opened(cluster: Cluster, topic: str) -> AsyncGenerator[Outcomes]:
    """The outcome topic, open. Raises `KafkaAwayError` or `WrongTopicError`."""
    places = [TopicPartition(topic, number) for number in range(await partitions(cluster, topic))]
    client: _Client = AIOKafkaConsumer(
        **cluster.options(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    try:
        with telling():
            async with asyncio.timeout(WITHIN):
                await client.start()
        client.assign(places)
        yield Outcomes(client, places)
    finally:
        await stopped(client.stop(), 2.0)


async def partitions(cluster: Cluster, topic: str) -> int:
    """How many the topic has. Raises `KafkaAwayError` or `WrongTopicError`."""
    try:
        found = await topics.partitions((topic,), cluster.options(), within=WITHIN)
    except UncertainError as error:
        raise KafkaAwayError(str(error)) from error
    if topic not in found:
        raise WrongTopicError(f"topic {topic} is missing: run `consumer topics create` (or this user may not see it)")
    return found[topic]


@contextmanager
def telling() -> Generator[None]:
    """Turns what the library raises where Kafka is away into `KafkaAwayError`."""
    try:
        yield
    except MessageSizeTooLargeError as error:
        raise TooLargeError("the request is larger than a record may be") from error
    except GONE_WRONG as error:
        raise KafkaAwayError(f"Kafka cannot be reached, or did not answer in time: {type(error).__name__}") from error
