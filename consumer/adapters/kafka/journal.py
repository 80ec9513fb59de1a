"""The journal: one fenced transactional producer for each owned partition.

The client has no group fencing in transactions, so the transactional id names the partition: whoever starts a producer
under it fences the one before. After any error, timeout or cancellation in a transaction call the producer is thrown
away: asking once more with the same epoch could decide a later transaction.
"""

# The library has types for half of itself.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false

import asyncio
from collections.abc import Callable, Iterable

from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced

from consumer.adapters.kafka.calls import Offset
from consumer.adapters.kafka.client import GONE_WRONG, Cluster, Names
from consumer.adapters.kafka.entries import read_entry, write_entry
from consumer.adapters.kafka.past import read_past
from consumer.adapters.kafka.producer import Outgoing, Producer
from consumer.adapters.kafka.reader import Reader
from consumer.adapters.kafka.suppressions import read_all, read_position, write
from consumer.core.ending import Concluded
from consumer.core.metadata import Foreign, decode
from consumer.core.packed import Packed
from consumer.core.past import Past
from consumer.core.record import ORIGIN_HEADER, Headers, Record
from consumer.core.tick import Tick
from consumer.ports import BrokenError, FencedError, Opened, Suppressions, UncertainError

_PARKED_AT_ONCE = 1024 * 1024
"""Octets of the parked topic that are fetched ahead. All partitions are read at once, and what they have is kept besides."""

Encode = Callable[[Concluded, float], tuple[Headers, bytes]]


class KafkaJournal:
    """The port `Journal` on aiokafka."""

    def __init__(
        self,
        cluster: Cluster,
        names: Names,
        *,
        encode: Encode,
        now: Callable[[], float],
        transaction_timeout: float,
        suppression: bool = True,
    ) -> None:
        """Without `suppression` the topics for it need not be there."""
        self._cluster = cluster
        self._names = names
        self._encode = encode
        self._now = now
        self._timeout = transaction_timeout
        self._suppression = suppression
        self._producers: dict[int, Producer] = {}
        self._committed: set[int] = set()  # whose last transaction was, as was seen before a start that came to nothing

    # taking over

    async def open(self, partition: int) -> Opened:
        await self.close(partition)
        offset, text = await self._fence(partition)
        first, last = await self._bounds(partition)
        position = None if offset < 0 else offset
        return Opened(position, decode(text, offset) if offset >= 0 else Foreign("none"), first, last)

    async def past(self, partition: int, since: float) -> Iterable[Past]:
        reader = Reader(self._cluster)
        try:
            start = await reader.since(self._names.outcomes, partition, since)
            _, end = await reader.bounds(self._names.outcomes, partition)
            past: list[Past] = []
            if start is not None:
                async for batch in reader.stretch(self._names.outcomes, partition, start, end):
                    past += [one for raw in batch if (one := read_past(raw)) is not None]
            return past
        finally:
            await reader.close()

    async def parked(self, partition: int) -> Packed:
        reader = Reader(self._cluster, at_once=_PARKED_AT_ONCE)
        entries = Packed(partition)
        try:
            first, end = await reader.bounds(self._names.parked, partition)
            async for batch in reader.stretch(self._names.parked, partition, first, end):
                for raw in batch:
                    _keep(entries, raw.key, raw.value, partition)
            return entries
        finally:
            await reader.close()

    async def suppressions(self, partition: int) -> Suppressions:
        reader = Reader(self._cluster)
        values: dict[bytes, bytes] = {}
        try:
            first, end = await reader.bounds(self._names.suppressions, partition)
            async for batch in reader.stretch(self._names.suppressions, partition, first, end):
                for raw in batch:
                    if raw.value is None:
                        values.pop(raw.key or b"", None)
                    else:
                        values[raw.key or b""] = raw.value
            return Suppressions(read_all(values, partition), read_position(values))
        finally:
            await reader.close()

    # ticks

    async def commit(self, partition: int, tick: Tick) -> None:
        producer = self._producers.get(partition)
        if producer is None:
            raise UncertainError("no producer")
        try:
            async with asyncio.timeout(self._timeout):
                place = TopicPartition(self._names.requests, partition)
                await producer.commit(self._records(partition, tick), place, tick.position, tick.metadata)
        except ProducerFenced as error:
            await self.close(partition)
            raise FencedError from error
        except GONE_WRONG as error:
            await self.close(partition)
            raise UncertainError(_reason(error, producer)) from error
        except asyncio.CancelledError:
            await self.close(partition)
            raise

    async def close(self, partition: int) -> None:
        producer = self._producers.pop(partition, None)
        if producer is not None:
            await producer.stop()

    async def aclose(self) -> None:
        """Let go of everything; bounded."""
        for partition in tuple(self._producers):
            await self.close(partition)

    def _records(self, partition: int, tick: Tick) -> Iterable[Outgoing]:
        now, names = self._now(), self._names
        outcomes, parking = TopicPartition(names.outcomes, partition), TopicPartition(names.parked, partition)
        for concluded in tick.outcomes:
            headers, value = self._encode(concluded, now)
            key = concluded.subject.tenant.encode() if concluded.subject.tenant else None
            yield Outgoing(outcomes, key, value, headers)
        for parked in tick.parked:
            key, value = (b"%d" % parked, None) if isinstance(parked, int) else write_entry(parked)
            yield Outgoing(parking, key, value)
        for home, record in tick.forwards:
            yield _forwarded(record, TopicPartition(names.requests, home))
        for key, value in write(tick.learnt):
            yield Outgoing(TopicPartition(names.suppressions, partition), key, value)
        for home, record in tick.learnt.forwards:
            yield _forwarded(record, TopicPartition(names.feedback, home))

    # what was committed

    async def _fence(self, partition: int) -> Offset:
        """From here on nobody else can commit, and this is what was committed last."""
        transactional_id = f"{self._names.group}.{self._names.requests}.{partition}"
        producer = Producer(
            self._cluster, transactional_id=transactional_id, group=self._names.group, timeout=self._timeout
        )
        try:
            async with asyncio.timeout(30.0):
                await producer.start(
                    *self._written_by(partition), commit=await self._committed_last(partition, producer)
                )
                offset = await producer.committed(TopicPartition(self._names.requests, partition))
        except ProducerFenced as error:
            await producer.stop()
            raise FencedError from error
        except GONE_WRONG as error:
            await producer.stop()
            raise UncertainError(_reason(error, producer)) from error
        except asyncio.CancelledError:
            await producer.stop()
            raise
        self._producers[partition] = producer
        self._committed.discard(partition)
        return offset

    async def _committed_last(self, partition: int, producer: Producer) -> bool:
        committed = await producer.committed_last()
        if committed is not None:
            (self._committed.add if committed else self._committed.discard)(partition)
        return partition in self._committed

    def _written_by(self, partition: int) -> tuple[list[str], list[TopicPartition]]:
        """What an owner of the partition writes to: topics of which it may be any partition, and partitions."""
        names = self._names
        anywhere, here = [names.requests], [names.outcomes, names.parked]
        if self._suppression:
            anywhere, here = [*anywhere, names.feedback], [*here, names.suppressions]
        return anywhere, [TopicPartition(topic, partition) for topic in here]

    async def _bounds(self, partition: int) -> tuple[int, int]:
        reader = Reader(self._cluster)
        try:
            return await reader.bounds(self._names.requests, partition)
        finally:
            await reader.close()


def _reason(error: BaseException, producer: Producer) -> str:
    name = type(error).__name__
    return f"{name} ({producer.waits_for})" if producer.waits_for else name


def _forwarded(record: Record, home: TopicPartition) -> Outgoing:
    headers = (*record.headers, (ORIGIN_HEADER, str(record.at).encode()))
    return Outgoing(home, record.key, record.value, headers, round(record.timestamp * 1000))


def _keep(entries: Packed, key: bytes | None, value: bytes | None, partition: int) -> None:
    entry = read_entry(key, value)
    if entry is None:
        raise BrokenError(
            f"partition {partition} of the parked topic holds a record that is not ours: it is internal to this consumer"
        )
    if isinstance(entry, int):
        entries.pop(entry)
    else:
        entries.put(entry)
