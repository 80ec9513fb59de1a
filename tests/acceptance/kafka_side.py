"""What a test does with Kafka itself: topics of its own, requests in, outcomes out."""

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import OffsetAndMetadata

from consumer.core.record import Headers
from tests.acceptance.service import WITHIN

HISTORY = {"cleanup.policy": "delete", "retention.ms": "604800000"}
TABLE = {"cleanup.policy": "compact"}
Client: TypeAlias = Any  # the library has no types


@dataclass(frozen=True, slots=True)
class Names:
    """Topics and a group that nobody else uses."""

    prefix: str = field(default_factory=lambda: f"a{uuid.uuid4().hex[:8]}")

    @property
    def requests(self) -> str:
        return f"{self.prefix}.requests"

    @property
    def outcomes(self) -> str:
        return f"{self.prefix}.outcomes"

    @property
    def parked(self) -> str:
        return f"{self.prefix}.parked"

    @property
    def group(self) -> str:
        return f"{self.prefix}-group"


@dataclass(frozen=True, slots=True)
class Told:
    """An outcome, as a read_committed reader gets it."""

    origin: str
    partition: int
    headers: Mapping[str, str]
    value: bytes
    raw: Any = field(repr=False)

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.value)

    @property
    def kind(self) -> str:
        return self.headers["x-kind"]

    @property
    def status(self) -> int:
        return self.body["status"]

    @property
    def type(self) -> str | None:
        return self.body.get("type")


class Outcomes:
    """The outcome topic from its beginning, read_committed."""

    def __init__(self, client: Client, places: list[TopicPartition]) -> None:
        self._client = client
        self._places = places
        self.all: list[Told] = []

    async def of(self, origin: str, within: float = WITHIN) -> Told:
        """The outcome of the request there, which is the only one so far."""
        async with asyncio.timeout(within):
            while not (found := [told for told in self.all if told.origin == origin]):
                await self._read()
        (told,) = found
        return told

    async def reach(self, number: int, within: float = WITHIN) -> None:
        """Wait for so many."""
        async with asyncio.timeout(within):
            while len(self.all) < number:
                await self._read()

    async def there_now(self) -> list[Told]:
        """All that are committed by now."""
        ends = await self._client.end_offsets(self._places)
        async with asyncio.timeout(WITHIN):
            while any([await self._client.position(place) < end for place, end in ends.items()]):
                await self._read()
        return self.all

    async def _read(self) -> None:
        batches = await self._client.getmany(timeout_ms=100)
        self.all += [_told(raw) for batch in batches.values() for raw in batch]


def _told(raw: Client) -> Told:
    headers = {name: value.decode() for name, value in raw.headers}
    origin = f"{headers['ce_originpartition']}:{headers['ce_originoffset']}"
    return Told(origin, raw.partition, headers, raw.value, raw)


class Requests:
    """Writes requests, and tells where each lies, as partition:offset."""

    def __init__(self, client: Client, topic: str) -> None:
        self._client = client
        self._topic = topic

    async def send(
        self, value: bytes | None, *, headers: Headers = (), key: bytes | None = None, partition: int | None = None
    ) -> str:
        (origin,) = await self.send_all([(value, headers, key, partition)])
        return origin

    async def send_all(self, records: Sequence[tuple[bytes | None, Headers, bytes | None, int | None]]) -> list[str]:
        written = [
            await self._client.send(self._topic, value, headers=list(headers), key=key, partition=partition)
            for value, headers, key, partition in records
        ]
        places = [await asyncio.wait_for(one, WITHIN) for one in written]
        return [f"{place.partition}:{place.offset}" for place in places]


@asynccontextmanager
async def requests(bootstrap: str, names: Names, **options: str | int) -> AsyncGenerator[Requests]:
    told: dict[str, Any] = {"linger_ms": 5, **options}
    client: Any = AIOKafkaProducer(bootstrap_servers=bootstrap, **told)
    try:
        await client.start()
        yield Requests(client, names.requests)
    finally:
        await asyncio.wait_for(client.stop(), WITHIN)


@asynccontextmanager
async def outcomes(bootstrap: str, topic: str, partitions: int) -> AsyncGenerator[Outcomes]:
    client: Any = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    try:
        await client.start()
        places = [TopicPartition(topic, number) for number in range(partitions)]
        client.assign(places)
        yield Outcomes(client, places)
    finally:
        await asyncio.wait_for(client.stop(), WITHIN)


async def raw_records(bootstrap: str, topic: str, partitions: int) -> list[Any]:
    """Everything there is in a topic now."""
    client: Any = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    try:
        await client.start()
        places = [TopicPartition(topic, number) for number in range(partitions)]
        client.assign(places)
        ends = await client.end_offsets(places)
        found: list[Any] = []
        async with asyncio.timeout(WITHIN):
            while any([await client.position(place) < end for place, end in ends.items()]):
                batches = await client.getmany(timeout_ms=100)
                found += [raw for batch in batches.values() for raw in batch]
        return found
    finally:
        await asyncio.wait_for(client.stop(), WITHIN)


async def parked(bootstrap: str, names: Names, partitions: int) -> dict[str, dict[str, Any]]:
    """What waits now, by request id."""
    entries: dict[tuple[int, bytes], dict[str, Any]] = {}
    for raw in await raw_records(bootstrap, names.parked, partitions):
        entries.pop((raw.partition, raw.key), None)
        if raw.value is not None:
            entries[raw.partition, raw.key] = json.loads(raw.value)
    return {entry["id"]: entry for entry in entries.values()}


@asynccontextmanager
async def administering(bootstrap: str) -> AsyncGenerator[Any]:
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        async with asyncio.timeout(WITHIN):
            await admin.start()
        yield admin
    finally:
        await admin.close()


async def make_topics(
    bootstrap: str,
    names: Names,
    partitions: int,
    settings: Mapping[str, Mapping[str, str]] | None = None,
    *,
    but: Collection[str] = (),
) -> None:
    """The three that a run needs, but some; `settings` are for topics that are to be otherwise."""
    wanted = {names.requests: HISTORY, names.outcomes: HISTORY, names.parked: TABLE, **(settings or {})}
    new = [NewTopic(name, partitions, 1, topic_configs=dict(how)) for name, how in wanted.items() if name not in but]
    async with administering(bootstrap) as admin, asyncio.timeout(WITHIN):
        await admin.create_topics(new)
        while not {topic.name for topic in new} <= set(await admin.list_topics()):  # noqa: ASYNC110  no signal tells
            await asyncio.sleep(0.05)


async def committed(bootstrap: str, names: Names, partitions: int) -> dict[int, OffsetAndMetadata]:
    """What the group has committed, by partition."""
    async with administering(bootstrap) as admin:
        places = [TopicPartition(names.requests, number) for number in range(partitions)]
        answer = await admin.list_consumer_group_offsets(names.group, partitions=places)
    return {place.partition: commit for place, commit in answer.items()}


async def members(bootstrap: str, names: Names) -> int:
    """How many the group has."""
    async with administering(bootstrap) as admin:
        (answer,) = await admin.describe_consumer_groups([names.group])
    (group,) = answer.groups
    return len(group[5])
