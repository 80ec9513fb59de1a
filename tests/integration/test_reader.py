"""Stretches of a partition, read on a real broker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaProducer

from consumer.adapters.kafka.client import Cluster
from consumer.adapters.kafka.reader import Reader

LESS_THAN_ITS_BOUND = 1.5


async def test_a_reader_that_is_closed_right_behind_a_stretch_waits_for_nobody(
    broker: str, topics: Callable[..., Awaitable[str]]
) -> None:
    # The library lost its own cancellation there, and each close took its bound of 2 s: two of them in each takeover.
    topic = await topics("aborted")
    producer: Any
    async with AIOKafkaProducer(bootstrap_servers=broker, transactional_id=topic) as producer:
        await producer.begin_transaction()
        await (await producer.send(topic, b"nobody reads it", partition=0))
        await producer.abort_transaction()
    for _ in range(10):
        reader = Reader(Cluster(broker))
        _, end = await reader.bounds(topic, 0)
        assert [raw async for batch in reader.stretch(topic, 0, 0, end) for raw in batch] == []
        async with asyncio.timeout(LESS_THAN_ITS_BOUND):
            await reader.close()


async def test_a_reader_goes_on_after_a_stretch(broker: str, topics: Callable[..., Awaitable[str]]) -> None:
    topic = await topics("stretched")
    producer: Any
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for number in range(30):
            await producer.send_and_wait(topic, b"%d" % number, partition=0)
    reader = Reader(Cluster(broker))
    for start, end in ((0, 10), (20, 30), (5, 25), (29, 30)):
        read = [raw.offset async for batch in reader.stretch(topic, 0, start, end) for raw in batch]
        assert read == list(range(start, end))
    await reader.close()
