"""For producers in Python: ask for a mail, and wait for how it ended.

    async with connect("kafka.example:9092") as client:
        request = await client.submit("acme", {"to": ["ann@example.com"], "subject": "Hello", "text": "World"})
        outcome = await request.outcome(within=30)

Requests lie in their tenant's home partition at once, and outcomes are read `read_committed`:
so there is exactly one for each request.
"""

# The library has no types.
# pyright: reportMissingTypeStubs=false

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Generator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from consumer.adapters.kafka.client import Cluster
from consumer.client import events
from consumer.client.events import Emission, OutcomeEvent
from consumer.client.reading import (
    WITHIN,
    KafkaAwayError,
    Outcomes,
    TooLargeError,
    WrongTopicError,
    opened,
    partitions,
    telling,
)
from consumer.client.writing import Writer
from consumer.core.attribute import SEND_EMAIL
from consumer.core.record import Coordinates

__all__ = [
    "Client",
    "Emission",
    "KafkaAwayError",
    "OutcomeEvent",
    "Submitted",
    "TooLargeError",
    "WrongTopicError",
    "connect",
    "connected",
]

_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Submitted:
    """A request that is in Kafka, at `at`. Its outcome comes even if nobody waits for it here."""

    id: str
    at: Coordinates
    _answer: "asyncio.Future[OutcomeEvent]" = field(repr=False)

    async def outcome(self, within: float) -> OutcomeEvent | None:
        """How it ended; None if that is not known within so many seconds. It may be asked again."""
        done, _ = await asyncio.wait((self._answer,), timeout=within)
        return self._answer.result() if done else None


class Client:
    """One connection for any number of requests. Made by `connect`."""

    def __init__(self, producer: Any, topic: str, source: str) -> None:  # noqa: ANN401  the library has no types
        self._producer = producer
        self._topic = topic
        self._source = source
        self._answers: WeakValueDictionary[str, asyncio.Future[OutcomeEvent]] = WeakValueDictionary()
        self._sending: Counter[str] = Counter()
        self._early: dict[str, dict[str, OutcomeEvent]] = {}

    async def submit(  # noqa: PLR0913  each by its name, and all but two have a default
        self,
        tenant: str,
        data: Mapping[str, object],
        *,
        request_id: str | None = None,
        event_type: str = SEND_EMAIL,
        traceparent: str | None = None,
        tracestate: str | None = None,
        within: float = WITHIN,
    ) -> Submitted:
        """Write a request; it has come to Kafka when this returns. Without an id it gets a new one.

        `traceparent` names the span that asks: those of the consumer come below it. `tracestate` is what goes with it.

        Raises `KafkaAwayError`: submit it again under the same id then; `TooLargeError`: do not. Nothing else is
        checked here; what breaks the schema ends as an outcome (`consumer validate` tells before). What Kafka has not
        confirmed after `within` seconds is given up, and not written when Kafka is back.
        """
        asked = events.request(request_id or str(uuid.uuid4()), tenant, data, event_type, source=self._source)
        if traceparent is not None:
            asked = events.below(asked, traceparent, tracestate)
        return await self.emit(asked, within=within)

    async def emit(self, emission: Emission, *, within: float = WITHIN) -> Submitted:
        """Write a record as it is. Raises `KafkaAwayError` or `TooLargeError`."""
        answer: asyncio.Future[OutcomeEvent] = asyncio.get_running_loop().create_future()
        name = emission.id or ""
        with self._expecting(name), telling():
            written = await self._producer.send_and_wait(
                self._topic, emission.value, key=emission.key, headers=emission.headers, within=within
            )
            # No await from here on: an outcome is either early already or finds its answer waiting.
            at = Coordinates(written.partition, written.offset)
            self._answers[str(at)] = answer
            early = self._early.get(name, {}).pop(str(at), None)
            if early is not None:
                answer.set_result(early)
        return Submitted(emission.id or str(at), at, answer)

    async def emit_all(self, emissions: Collection[Emission]) -> list[Submitted]:
        """Write records, one after another. Raises `KafkaAwayError` or `TooLargeError`."""
        return [await self.emit(emission) for emission in emissions]

    async def reaches(self, within: float) -> bool:
        """Whether a broker answers within so many seconds."""
        return await self._producer.reaches(within)

    async def follow(self, outcomes: Outcomes) -> None:
        """Hand outcomes to who waits for them, for ever; while Kafka is away nobody gets one."""
        while True:
            try:
                async for seen in outcomes.follow():
                    self._hand_over(seen)
            except KafkaAwayError:
                await asyncio.sleep(_PAUSE)

    def _hand_over(self, seen: OutcomeEvent) -> None:
        answer = self._answers.get(seen.origin)
        if answer is not None and not answer.done():
            answer.set_result(seen)
        elif answer is None:
            # Faster than Kafka's word that the request is written: kept for as long as such a word is awaited.
            name = "" if seen.id in {"", seen.origin} else seen.id
            if name in self._sending:
                self._early.setdefault(name, {})[seen.origin] = seen

    @contextmanager
    def _expecting(self, name: str) -> Generator[None]:
        self._sending[name] += 1
        try:
            yield
        finally:
            self._sending[name] -= 1
            if not self._sending[name]:
                del self._sending[name]
                self._early.pop(name, None)


def connect(
    bootstrap_servers: str,
    *,
    requests: str = "email.requests",
    outcomes: str | None = "email.outcomes",
    source: str = "/consumer/client",
    security: Mapping[str, Any] | None = None,
) -> AbstractAsyncContextManager[Client]:
    """A client for the time of an `async with`. Raises `KafkaAwayError` or `WrongTopicError` on the way in.

    `source` names the producer (a URI reference), `security` holds aiokafka's own arguments (`security_protocol`,
    `ssl_context`, `sasl_mechanism`, ...). With `outcomes=None` no outcome is read, and none can be waited for.
    """
    cluster = Cluster(bootstrap_servers, client_id="consumer-client", security=security or {})
    return connected(cluster, requests, outcomes, source=source)


@asynccontextmanager
async def connected(
    cluster: Cluster, requests: str, outcomes: str | None, *, source: str = "/consumer/client"
) -> AsyncGenerator[Client]:
    """`connect`, for who has a `Cluster` already."""
    await partitions(cluster, requests)  # otherwise the broker may make it, its own way
    producer = Writer(cluster)
    client = Client(producer, requests, source)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(producer.stop)
        with telling():
            async with asyncio.timeout(WITHIN):
                await producer.start()
        if outcomes is not None:
            followed = await stack.enter_async_context(opened(cluster, outcomes))
            # From before the first request on, so that no outcome is too fast to be seen.
            await followed.from_end()
            await stack.enter_async_context(_following(client, followed))
        yield client


@asynccontextmanager
async def _following(client: Client, outcomes: Outcomes) -> AsyncGenerator[None]:
    # Not in a TaskGroup: it would wrap whatever the caller's own code raises.
    task = asyncio.get_running_loop().create_task(client.follow(outcomes))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled():
            task.result()
