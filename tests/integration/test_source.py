"""The request topic, read as a member of a group on a real broker."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from consumer.adapters.kafka.client import Cluster, Names
from consumer.adapters.kafka.source import KafkaSource, Membership
from consumer.core.record import Coordinates, Record

FAST = Membership(session_timeout=6.0, heartbeat_interval=0.3, rebalance_timeout=10.0)


@dataclass
class Member:
    """A source, and what the group has told it."""

    source: KafkaSource
    assigned: list[set[int]] = field(default_factory=list[set[int]])
    revoked: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def give_back(self) -> None:
        self.revoked += 1

    def take(self, partitions: Collection[int]) -> None:
        self.assigned.append(set(partitions))
        self.changed.set()

    async def has(self, number: int) -> None:
        """Wait for an assignment of so many partitions."""
        async with asyncio.timeout(20):
            while not self.assigned or len(self.assigned[-1]) != number:
                self.changed.clear()
                await self.changed.wait()

    async def fetched(self, number: int) -> list[Record]:
        """So many records."""
        found: list[Record] = []
        async with asyncio.timeout(20):
            while len(found) < number:
                found += await self.source.fetch(self.assigned[-1], 100, 0.2)
        return found


@dataclass
class Group:
    join: Callable[[], Awaitable[Member]]
    produce: Callable[[int, int], Awaitable[None]]


@pytest.fixture
async def group(broker: str, topics: Callable[..., Awaitable[str]]) -> AsyncIterator[Group]:
    requests = await topics("requests", partitions=2)
    names = Names(requests, "none", "none", f"g{uuid.uuid4().hex[:8]}")
    async with AsyncExitStack() as stack:
        producer: Any = await stack.enter_async_context(AIOKafkaProducer(bootstrap_servers=broker))

        async def join() -> Member:
            member = Member(KafkaSource(Cluster(broker), names, FAST))
            stack.push_async_callback(member.source.stop)
            await member.source.start(member.give_back, member.take)
            return member

        async def produce(partition: int, number: int) -> None:
            for index in range(number):
                await producer.send_and_wait(requests, b"%d" % index, partition=partition, headers=[("h", b"\xff")])

        yield Group(join, produce)


async def test_records_come_in_order_from_where_the_partition_was_sought_to(group: Group) -> None:
    await group.produce(0, 5)
    member = await group.join()
    await member.has(2)
    member.source.seek(0, 2)
    member.source.seek(1, 0)
    found = await member.fetched(3)
    assert [record.at for record in found] == [Coordinates(0, offset) for offset in (2, 3, 4)]
    assert (found[0].value, found[0].headers) == (b"2", (("h", b"\xff"),))
    assert abs(found[0].timestamp - found[2].timestamp) < 10
    assert member.source.lag()[0] == 0


async def test_records_read_before_are_read_again_in_any_order_and_what_is_gone_is_missing(group: Group) -> None:
    await group.produce(0, 3)
    await group.produce(1, 2)
    member = await group.join()
    await member.has(2)
    places = [Coordinates(1, 1), Coordinates(0, 2), Coordinates(0, 0), Coordinates(0, 99)]
    found = await member.source.reread(places)
    assert {record.at for record in found} == set(places[:3])


async def test_what_could_be_read_and_was_not_is_told(group: Group) -> None:
    await group.produce(0, 3)
    member = await group.join()
    await member.has(2)
    member.source.seek(0, 0)
    member.source.seek(1, 0)
    assert await member.source.unread((0, 1, 7)) == {0: 0}
    await member.fetched(3)
    assert await member.source.unread((0, 1)) == {}


async def test_the_end_of_a_transaction_is_nothing_to_read(broker: str, topics: Callable[..., Awaitable[str]]) -> None:
    requests = await topics("requests", partitions=1)
    names = Names(requests, "none", "none", f"g{uuid.uuid4().hex[:8]}")
    producer: Any = AIOKafkaProducer(bootstrap_servers=broker, transactional_id=names.group)
    async with producer, producer.transaction():
        await producer.send_and_wait(requests, b"{}", partition=0)
    member = Member(KafkaSource(Cluster(broker), names, FAST))
    await member.source.start(member.give_back, member.take)
    await member.has(1)
    member.source.seek(0, 0)
    await member.fetched(1)
    async with asyncio.timeout(20):
        while await member.source.unread((0,)):
            assert await member.source.fetch((0,), 10, 0.1) == []
    await member.source.stop()


async def test_membership_is_what_the_group_says_now(group: Group) -> None:
    first = await group.join()
    await first.has(2)
    assert first.source.joined
    assert await first.source.member(0)
    assert not await first.source.member(7)
    second = await group.join()
    await asyncio.wait_for(asyncio.gather(first.has(1), second.has(1)), 20)
    assert first.revoked >= 1
    (mine,), (theirs,) = first.assigned[-1], second.assigned[-1]
    assert {mine, theirs} == {0, 1}
    assert await first.source.member(mine)
    assert not await first.source.member(theirs)
    await second.source.stop()
    await first.has(2)


async def test_a_fetch_of_what_is_not_ours_fetches_nothing(group: Group) -> None:
    await group.produce(0, 1)
    member = await group.join()
    await member.has(2)
    assert await member.source.fetch([], 10, 0.05) == []
    assert await member.source.fetch([7], 10, 0.05) == []


async def test_a_header_whose_name_is_not_utf_8_stops_nobody(
    broker: str, topics: Callable[..., Awaitable[str]]
) -> None:
    requests = await topics("requests", partitions=1)
    async with AIOKafkaProducer(bootstrap_servers=broker, linger_ms=0) as producer:
        for value in (b"before", b"poison", b"after"):
            batch: Any = producer.create_batch()
            for part in (b"1", b"2"):
                batch.append(key=None, value=value + part, timestamp=None, headers=[("\x01\x02", b"x"), ("good", None)])
            batch._builder = Spoilt(batch._builder, spoil=value == b"poison")  # noqa: SLF001
            await (await producer.send_batch(batch, requests, partition=0))
    source = KafkaSource(Cluster(broker), Names(requests, "none", "none", f"g{uuid.uuid4().hex[:8]}"), FAST)
    member = Member(source)
    await source.start(member.give_back, member.take)
    try:
        await member.has(1)
        source.seek(0, 0)
        found = await member.fetched(6)
        (again,) = await source.reread([Coordinates(0, 2)])
    finally:
        await source.stop()
    assert [record.value for record in found] == [b"before1", b"before2", b"poison1", b"poison2", b"after1", b"after2"]
    assert found[2].headers == (("\ufffd\ufffd", b"x"), ("good", b""))
    assert again == found[2]


class Spoilt:
    """A batch that is written as a client in another language may write it: names of headers are bytes to it."""

    def __init__(self, inner: Any, *, spoil: bool) -> None:  # noqa: ANN401
        self._inner = inner
        self._spoil = spoil

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._inner, name)

    def build(self) -> bytes:
        batch = bytearray(self._inner.build())
        if self._spoil:
            batch = batch.replace(b"\x04\x01\x02", b"\x04\xff\xfe")
            batch[17:21] = calc_crc32c(bytes(batch[21:])).to_bytes(4, "big")
        return bytes(batch)
