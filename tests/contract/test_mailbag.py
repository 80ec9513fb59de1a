"""What every mailbag promises, over Kafka and in memory: feedback from where it is asked for, in order, and no error."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from consumer.adapters.kafka.client import Cluster, Names
from consumer.adapters.kafka.mailbag import KafkaMailbag
from consumer.adapters.memory_kafka import MemoryKafka, MemoryMailbag
from consumer.ports import Mailbag

WITHIN = 30.0


@dataclass
class Box:
    """A mailbag, and how something comes into it."""

    mailbag: Mailbag
    tell: Callable[[int, bytes], Awaitable[object]]

    async def read(self, positions: dict[int, int | None], number: int) -> list[tuple[int, int, bytes | None]]:
        """So many records, as somebody reads them who goes on where he was."""
        found: list[tuple[int, int, bytes | None]] = []
        at = dict(positions)
        while len(found) < number:
            for record in await self.mailbag.fetch(at, 2, WITHIN):
                found.append((record.at.partition, record.at.offset, record.value))
                at[record.at.partition] = record.at.offset + 1
        return sorted(found)


@asynccontextmanager
async def in_memory(_: pytest.FixtureRequest) -> AsyncIterator[Box]:
    kafka = MemoryKafka(2)

    async def tell(partition: int, value: bytes) -> None:
        kafka.tell(partition, value)

    yield Box(MemoryMailbag(kafka.feedback, kafka.told), tell)


@asynccontextmanager
async def on_kafka(request: pytest.FixtureRequest) -> AsyncIterator[Box]:
    bootstrap: str = request.getfixturevalue("broker")
    names = Names(feedback=f"f{uuid.uuid4().hex[:8]}.feedback")
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(names.feedback, 2, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    mailbag = KafkaMailbag(Cluster(bootstrap), names.feedback)
    yield Box(mailbag, lambda partition, value: producer.send_and_wait(names.feedback, value, partition=partition))
    await mailbag.aclose()
    await producer.stop()


@pytest.fixture(params=[pytest.param(on_kafka, marks=pytest.mark.broker), in_memory], ids=["kafka", "memory"])
async def box(request: pytest.FixtureRequest) -> AsyncIterator[Box]:
    opened: AbstractAsyncContextManager[Box] = request.param(request)
    async with opened as made:
        yield made


async def test_from_the_first_where_nobody_ever_read(box: Box) -> None:
    for number in range(5):
        await box.tell(number % 2, b"%d" % number)
    assert await box.read({0: None, 1: None}, 5) == [
        (0, 0, b"0"),
        (0, 1, b"2"),
        (0, 2, b"4"),
        (1, 0, b"1"),
        (1, 1, b"3"),
    ]


async def test_from_where_it_is_asked_for_each_time(box: Box) -> None:
    for number in range(4):
        await box.tell(0, b"%d" % number)
    assert await box.read({0: 2}, 2) == [(0, 2, b"2"), (0, 3, b"3")]
    assert await box.read({0: 1}, 3) == [(0, 1, b"1"), (0, 2, b"2"), (0, 3, b"3")]


async def test_only_partitions_that_are_asked_for(box: Box) -> None:
    await box.tell(0, b"zero")
    await box.tell(1, b"one")
    assert await box.read({1: None}, 1) == [(1, 0, b"one")]
    assert await box.read({0: None}, 1) == [(0, 0, b"zero")]


async def test_nothing_there_is_nothing_after_a_while(box: Box) -> None:
    assert await box.mailbag.fetch({0: None}, 10, 0.05) == []
    await box.tell(0, b"late")
    assert await box.read({0: None}, 1) == [(0, 0, b"late")]


async def test_asked_for_none_it_has_none_at_once_and_goes_on_where_it_is_told_then(box: Box) -> None:
    await box.tell(0, b"a")
    assert len(await box.read({0: 0}, 1)) == 1
    assert await box.mailbag.fetch({}, 10, WITHIN) == []
    assert len(await box.read({0: 0}, 1)) == 1


@pytest.mark.broker
async def test_with_no_broker_there_is_nothing_and_no_error() -> None:
    mailbag = KafkaMailbag(Cluster("127.0.0.1:1", request_timeout=0.5, retry_backoff=0.01), "requests")
    assert await mailbag.fetch({0: None}, 10, 0.05) == []
    await mailbag.aclose()
