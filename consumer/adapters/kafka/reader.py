"""Reading a stretch of one partition, outside the group and `read_committed`."""

# The library has types for half of itself.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from consumer.adapters.kafka.batches import Raw, raw
from consumer.adapters.kafka.client import GONE_WRONG, Cluster, stopped
from consumer.core.record import Coordinates, Record
from consumer.ports import UncertainError

_T = TypeVar("_T")

AT_ONCE = 100
"""Records of a stretch that are unpacked in one turn of the loop: few, to be read while the processor has them at hand."""

FAR = 100
"""Records to read past rather than to seek over."""


class Reader:
    """One client that reads where it is told; one reading at a time."""

    def __init__(self, cluster: Cluster, within: float = 30.0, *, at_once: int = 4 * 1024 * 1024) -> None:
        """`at_once` is how many bytes are fetched ahead: many for a long stretch, few for single records."""
        self._cluster = cluster
        self._at_once = at_once
        self._bounds: dict[tuple[str, int], tuple[int, int]] = {}
        self._within = within
        self._lock = asyncio.Lock()
        self._client: AIOKafkaConsumer | None = None

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset there is, and the one after the last committed one."""
        place = TopicPartition(topic, partition)

        async def ask(client: AIOKafkaConsumer) -> tuple[int, int]:
            first = await client.beginning_offsets([place])
            last = await client.end_offsets([place])
            return first[place], last[place]

        return await self._ask(ask)

    async def since(self, topic: str, partition: int, at: float) -> int | None:
        """The first offset whose record is no older than that (seconds since the epoch)."""
        place = TopicPartition(topic, partition)

        async def ask(client: AIOKafkaConsumer) -> int | None:
            found = await client.offsets_for_times({place: max(0, int(at * 1000))})
            return found[place].offset if found[place] is not None else None

        return await self._ask(ask)

    async def stretch(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[list[Raw], None]:
        """The records from `start` up to `end`, in batches. Raises `UncertainError` if they do not come in time."""
        if start >= end:
            return
        place = TopicPartition(topic, partition)
        async with self._lock:
            try:
                client = await self._started()
                client.assign([place])
                client.seek(place, start)
                reached = start
                while reached < end:
                    async with asyncio.timeout(self._within):
                        batch = await self._batch(client, place, reached, end)
                    reached = await self._position(client, place)
                    yield [record for record in batch if record.offset < end]
                # Otherwise it would read on. Not `unsubscribe`: to a client that is closed right behind that the library
                # loses its own cancellation, and the close waits for ever (each takeover had twice its bound of 2 s).
                client.pause(place)
            except GONE_WRONG as error:
                await self._discard()
                raise UncertainError(type(error).__name__) from error

    async def pick(self, topic: str, places: Collection[Coordinates]) -> list[Record]:
        """Single records; what the topic no longer holds is missing."""
        picked: list[Record] = []
        for partition in {place.partition for place in places}:
            offsets = sorted(place.offset for place in places if place.partition == partition)
            first, last = await self._known_bounds(topic, partition, offsets[-1])
            for start, end in _stretches([offset for offset in offsets if first <= offset < last]):
                wanted = set(offsets)
                async for batch in self.stretch(topic, partition, start, end):
                    picked += [record_of(one, partition) for one in batch if one.offset in wanted]
        return picked

    async def close(self) -> None:
        await self._discard()

    async def _known_bounds(self, topic: str, partition: int, highest: int) -> tuple[int, int]:
        """The bounds as far as is known: a read of what is gone fails, and then they are asked for anew."""
        known = self._bounds.get((topic, partition))
        if known is None or highest >= known[1]:
            known = self._bounds[topic, partition] = await self.bounds(topic, partition)
        return known

    async def _batch(self, client: AIOKafkaConsumer, place: TopicPartition, reached: int, end: int) -> list[Raw]:
        while True:
            # No more than what is asked for: each record is unpacked at a cost. And few at once: the memory of
            # those before is used again, and the loop turns in between.
            await asyncio.sleep(0)
            # Not for long: behind the last record there may be the end of its transaction alone, which nobody hands out.
            batches: Any = await client.getmany(place, timeout_ms=20, max_records=min(end - reached, AT_ONCE))
            if batches.get(place) or await self._position(client, place) > reached:
                return batches.get(place, [])

    async def _position(self, client: AIOKafkaConsumer, place: TopicPartition) -> int:
        return await client.position(place)

    async def _ask(self, ask: Callable[[AIOKafkaConsumer], Awaitable[_T]]) -> _T:
        async with self._lock:
            try:
                async with asyncio.timeout(self._within):
                    return await ask(await self._started())
            except GONE_WRONG as error:
                await self._discard()
                raise UncertainError(type(error).__name__) from error

    async def _started(self) -> AIOKafkaConsumer:
        if self._client is None:
            client = AIOKafkaConsumer(
                # A topic that it has not heard of yet costs it one pause.
                **self._cluster.options(brisk=True),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_committed",
                value_deserializer=raw,
                max_partition_fetch_bytes=self._at_once,
                # What comes next on the connection is answered only after a fetch that still waits for records.
                fetch_max_wait_ms=20,
            )
            try:
                async with asyncio.timeout(self._within):
                    await client.start()
            except BaseException:
                await stopped(client.stop(), 2.0)
                raise
            self._client = client
        return self._client

    async def _discard(self) -> None:
        client, self._client = self._client, None
        self._bounds.clear()
        if client is not None:
            await stopped(client.stop(), 2.0)


def _stretches(offsets: list[int]) -> list[tuple[int, int]]:
    """Start and end of each run of offsets that is read in one go."""
    runs: list[tuple[int, int]] = []
    for offset in offsets:
        if runs and offset - runs[-1][1] < FAR:
            runs[-1] = (runs[-1][0], offset + 1)
        else:
            runs.append((offset, offset + 1))
    return runs


def record_of(one: Raw, partition: int) -> Record:
    """The library's record as ours."""
    headers = tuple([(name, value or b"") for name, value in one.headers])
    return Record(Coordinates(partition, one.offset), one.key, one.value, headers, one.timestamp / 1000)
