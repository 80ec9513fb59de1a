"""The client for Python producers: what is submitted lies in Kafka, and its outcome is handed to who waits for it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from consumer.client import Client, KafkaAwayError, OutcomeEvent, Submitted, TooLargeError, WrongTopicError, connect
from tests.conftest import Topics

MAIL = {"to": ["ann@example.com"], "subject": "Grüße", "text": "World"}


@dataclass
class Answering:
    """Somebody who reads requests and publishes an outcome for each."""

    bootstrap: str
    requests: str
    outcomes: str

    async def run(self) -> None:
        reader = AIOKafkaConsumer(self.requests, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        writer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        async with reader, writer:
            while True:
                record: Any = await reader.getone()
                event = json.loads(record.value)
                if event["id"] != "silence":
                    headers = told(event["id"], f"{record.partition}:{record.offset}")
                    await writer.send_and_wait(self.outcomes, b'{"status": 204}', headers=headers)


def told(request_id: str, origin: str) -> list[tuple[str, bytes]]:
    partition, _, offset = origin.partition(":")
    headers = {"x-kind": "accepted", "ce_causationid": request_id}
    headers |= {"ce_originpartition": partition, "ce_originoffset": offset}
    return [(name, value.encode()) for name, value in headers.items()]


@pytest.fixture
async def answering(broker: str, topics: Topics) -> Answering:
    return Answering(broker, await topics("requests", partitions=2), await topics("outcomes", partitions=2))


@asynccontextmanager
async def running(answering: Answering) -> AsyncIterator[Client]:
    async with asyncio.TaskGroup() as tasks:
        answers = tasks.create_task(answering.run())
        async with connect(answering.bootstrap, requests=answering.requests, outcomes=answering.outcomes) as client:
            yield client
        answers.cancel()


async def test_each_of_many_requests_gets_its_own_outcome(answering: Answering) -> None:
    async with running(answering) as client:
        submitted = [await client.submit("acme", MAIL) for _ in range(20)]
        outcomes = [await request.outcome(within=30) for request in submitted]
    assert [one.id for one in outcomes if one and one.accepted] == [request.id for request in submitted]


async def test_without_an_outcome_there_is_none_and_it_may_be_asked_for_again(answering: Answering) -> None:
    async with running(answering) as client:
        silent = await client.submit("acme", MAIL, request_id="silence")
        assert await silent.outcome(within=0.1) is None
        assert await silent.outcome(within=0.1) is None
        other = await client.submit("acme", MAIL, request_id="r-2")
        assert (await other.outcome(within=30)) is not None


async def test_what_the_callers_own_code_raises_comes_out_as_it_is(answering: Answering) -> None:
    with pytest.raises(TimeoutError):
        async with connect(answering.bootstrap, requests=answering.requests, outcomes=answering.outcomes):
            raise TimeoutError


async def test_a_request_that_is_too_large_harms_no_other(answering: Answering) -> None:
    async with running(answering) as client:
        with pytest.raises(TooLargeError):
            await client.submit("acme", {**MAIL, "text": "x" * 2_000_000})
        after = await client.submit("acme", MAIL)
        assert await after.outcome(within=30)


async def test_a_topic_that_is_missing_is_told_and_not_made(answering: Answering) -> None:
    for _ in range(2):
        with pytest.raises(WrongTopicError, match="nowhere"):
            async with connect(answering.bootstrap, requests="nowhere", outcomes=answering.outcomes):
                pass


async def test_kafka_that_is_away_is_told() -> None:
    with pytest.raises(KafkaAwayError):
        async with connect("127.0.0.1:1"):
            pass


class Fast:
    """A producer for whom the outcome is faster than Kafka's word that the request is written."""

    def __init__(self) -> None:
        self.client = Client(self, "requests", "/test")
        self.offset = -1
        self.outcomes: asyncio.Queue[OutcomeEvent] = asyncio.Queue()

    async def send_and_wait(self, _topic: str, value: bytes, **_: object) -> "Fast":
        self.offset += 1
        event = json.loads(value)
        await self.outcomes.put(OutcomeEvent("accepted", "", "acme", event["id"], f"0:{self.offset}", "", {}))
        await self.outcomes.put(OutcomeEvent("accepted", "", "acme", "another's", f"1:{self.offset}", "", {}))
        await self.outcomes.join()
        return self

    partition = 0

    async def follow(self) -> AsyncIterator[OutcomeEvent]:
        while True:
            yield await self.outcomes.get()
            self.outcomes.task_done()


async def test_an_outcome_that_is_faster_than_kafkas_word_is_not_missed() -> None:
    fast = Fast()
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(fast.client.follow(fast))  # type: ignore[arg-type]
        submitted: list[Submitted] = [await fast.client.submit("acme", MAIL, request_id="r-1") for _ in range(3)]
        outcomes = [await one.outcome(within=10) for one in submitted]
        following.cancel()
    assert [one and one.origin for one in outcomes] == ["0:0", "0:1", "0:2"]


def test_a_producer_loads_nothing_that_only_the_service_needs() -> None:
    code = (
        "import sys, consumer.client; sys.exit(bool({'aiosmtplib', 'aiohttp', 'typer', 'msal'} & sys.modules.keys()))"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False, timeout=60).returncode == 0
