"""What a scene does with Kafka itself: seeded requests in, outcomes out, and a look at the group's offsets."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from consumer.core.metadata import Metadata, decode
from tests.faults.figures import PARTITIONS, WITHIN

_Client: TypeAlias = Any  # the library has no types


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. Without a partition, any: most requests then have to be forwarded to their tenant's home."""

    id: str
    tenant: str
    partition: int | None = None
    more: dict[str, object] = field(default_factory=dict[str, object])


class Producer:
    """Writes requests, and knows where each lies."""

    def __init__(self, client: _Client, topic: str, dice: Random) -> None:
        self._client = client
        self._topic = topic
        self._dice = dice
        self.origins: dict[str, str] = {}
        self.tenants: dict[str, str] = {}

    async def send(self, requests: Sequence[Request]) -> None:
        """Returns when Kafka has them all."""
        written = [(request, await self._send(request)) for request in requests]
        for request, future in written:
            place = await asyncio.wait_for(future, WITHIN)
            origin = f"{place.partition}:{place.offset}"
            self.origins[origin] = request.id
            self.tenants[origin] = request.tenant

    async def _send(self, request: Request) -> "asyncio.Future[Any]":
        partition = self._dice.randrange(PARTITIONS) if request.partition is None else request.partition
        body = {"to": [f"{request.id}@example.com"], "subject": "Hello", "text": "World"} | request.more
        headers = [("tenant", request.tenant.encode()), ("request_id", request.id.encode())]
        return await self._client.send(
            self._topic, json.dumps(body).encode(), headers=headers, partition=partition, key=self._dice.randbytes(8)
        )


@dataclass(frozen=True, slots=True)
class Told:
    """An outcome, as a read_committed reader saw it. `seen` is the reader's clock."""

    origin: str
    at: str
    kind: str
    message_id: str | None
    body: dict[str, Any]
    seen: float
    place: str  # its own, in the outcome topic


class Outcomes:
    """All outcomes of a topic, read_committed, as they come."""

    def __init__(self) -> None:
        self.all: list[Told] = []
        self.origins: set[str] = set()
        self._changed = asyncio.Condition()

    @property
    def answered(self) -> int:
        """Requests that have one."""
        return len(self.origins)

    @property
    def kinds(self) -> Counter[str]:
        return Counter(told.kind for told in self.all)

    async def until(self, true: Callable[[], bool], within: float) -> bool:
        """Wait until that is true of the outcomes; tells whether it came to be."""
        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(true)
        except TimeoutError:
            return False
        return True

    async def reach(self, answered: int, within: float = WITHIN) -> bool:
        return await self.until(lambda: self.answered >= answered, within)

    def gap(self, since: float) -> float:
        """The longest time without progress, from `since` until every request had its outcome."""
        moments = [since, *sorted(told.seen for told in self.all)]
        return max((later - earlier for earlier, later in pairwise(moments)), default=0.0)

    async def follow(self, client: _Client) -> None:
        """Read until cancelled."""
        while True:
            batches = await client.getmany(timeout_ms=200)
            told = [_told(raw) for batch in batches.values() for raw in batch]
            if told:
                self.all += told
                self.origins.update(one.origin for one in told)
                async with self._changed:
                    self._changed.notify_all()


def _told(raw: _Client) -> Told:
    headers = {name: value.decode() for name, value in raw.headers}
    origin = f"{headers['ce_originpartition']}:{headers['ce_originoffset']}"
    at = f"{headers['ce_partition']}:{headers['ce_offset']}"
    body = json.loads(raw.value)
    place = f"{raw.partition}:{raw.offset}"
    return Told(origin, at, headers["x-kind"], body.get("messageId"), body, time.monotonic(), place)


@asynccontextmanager
async def producing(bootstrap: str, topic: str, dice: Random) -> AsyncGenerator[Producer]:
    client: Any = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=5)
    await client.start()
    try:
        yield Producer(client, topic, dice)
    finally:
        await asyncio.wait_for(client.stop(), WITHIN)


@asynccontextmanager
async def reading(bootstrap: str, topic: str) -> AsyncGenerator[Outcomes]:
    client: Any = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        retry_backoff_ms=500,
    )
    await client.start()
    client.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
    outcomes = Outcomes()
    task = asyncio.create_task(outcomes.follow(client))
    try:
        yield outcomes
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=5)
        await asyncio.wait_for(client.stop(), WITHIN)
    if not task.cancelled():
        task.result()


async def committed(bootstrap: str, group: str, topic: str) -> dict[int, tuple[int, Metadata]]:
    """Offset and metadata of each partition that has been committed."""
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        async with asyncio.timeout(WITHIN):
            await admin.start()
            places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
            answer = await admin.list_consumer_group_offsets(group, partitions=places)
    finally:
        await admin.close()
    found: dict[int, tuple[int, Metadata]] = {}
    for place, commit in answer.items():
        metadata = decode(commit.metadata or "", commit.offset)
        if isinstance(metadata, Metadata):
            found[place.partition] = commit.offset, metadata
    return found


async def parked(bootstrap: str, topic: str) -> int:
    """How many entries the parked topic holds, as far as nothing was removed from it."""
    client: Any = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", retry_backoff_ms=50)
    await client.start()
    keys: set[bytes] = set()
    try:
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        ends = await client.end_offsets(places)
        client.assign([place for place in places if ends[place]])
        if client.assignment():
            await client.seek_to_beginning()
        while [place for place in client.assignment() if ends[place] > await client.position(place)]:
            for place, batch in (await client.getmany(timeout_ms=200)).items():
                keys.update(b"%d:%s" % (place.partition, record.key) for record in batch if record.value)
    finally:
        await asyncio.wait_for(client.stop(), WITHIN)
    return len(keys)
