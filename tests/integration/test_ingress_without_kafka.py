"""The HTTP API while Kafka is away: nothing that was answered with 503 is written behind the caller's back."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from consumer.adapters.kafka.client import Cluster
from consumer.adapters.metrics import CallMetrics
from consumer.client import Client, connected
from consumer.ingress import Limits, serving
from devtools.broker import Broker

pytestmark = [pytest.mark.broker, pytest.mark.first_day, pytest.mark.slow, pytest.mark.timeout(120)]

MAIL = {"subject": "Hello", "recipient": "ann@example.com", "message": "World"}


@asynccontextmanager
async def api(broker: Broker, metrics: CallMetrics) -> AsyncIterator[tuple[Client, str]]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1) for name in ("requests", "outcomes")])
    await admin.close()
    cluster = Cluster(broker.bootstrap, request_timeout=3.0, retry_backoff=0.2)
    limits = Limits(wait=2.0)
    async with (
        connected(cluster, "requests", "outcomes") as client,
        serving(client, "127.0.0.1", 0, limits, metrics) as port,
    ):
        yield client, f"http://127.0.0.1:{port}/send-email"


async def called(session: aiohttp.ClientSession, url: str, request_id: str) -> tuple[int, str]:
    headers = {"Tenant": "acme", "Request-ID": request_id}
    async with session.post(url, json=MAIL, headers=headers) as answer:
        return answer.status, (await answer.json())["message"]


async def written(broker: Broker) -> list[str]:
    """The ids of all requests in the topic, in order."""
    place = TopicPartition("requests", 0)
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest") as reader:
        reader.assign([place])
        end = (await reader.end_offsets([place]))[place]
        found: list[str] = []
        while len(found) < end:
            found += [json.loads((await reader.getone()).value or b"")["id"]]
        return found


async def test_what_was_answered_with_503_is_not_written_later_and_may_come_again() -> None:
    metrics = CallMetrics()
    with Broker() as broker:
        async with api(broker, metrics) as (client, url), aiohttp.ClientSession() as session:
            assert (await called(session, url, "before"))[0] == 202  # there is no consumer
            assert await client.reaches(5.0)
            broker.kill()
            async with asyncio.TaskGroup() as tasks:
                lost = [tasks.create_task(called(session, url, f"lost-{n}")) for n in range(3)]
            assert {one.result()[0] for one in lost} == {503}
            assert "call again" in lost[0].result()[1]
            assert not await client.reaches(1.0)
            broker.start()
            assert (await called(session, url, "lost-1"))[0] == 202
            assert await client.reaches(5.0)
        assert await written(broker) == ["before", "lost-1"]
    unpublished = [
        metrics.registry.get_sample_value("consumer_ingress_publish_errors_total", {"why": why})
        for why in ("kafka-away", "no-answer")
    ]
    assert sum(count or 0 for count in unpublished) == 3
