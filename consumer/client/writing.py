"""Records out, each confirmed or given up: what a caller was told is not written, is not written later either.

An idempotent producer never lets go of a record: it tries until the broker is back, hours later if it has to. Whoever was
told that Kafka is away has done something else by then. So a producer that did not confirm in time is thrown away with
all that it holds, and the next record gets a new one. What was on the wire by then may have arrived: nobody can know.
"""

# The library has no types.
# pyright: reportMissingTypeStubs=false

import asyncio
from typing import Any, TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from consumer.adapters.kafka.client import GONE_WRONG, Cluster, stopped
from consumer.core.record import Headers

_END_WITHIN = 1.0
_STOP_WITHIN = 2.0

_Producer: TypeAlias = Any


class Writer:
    """An idempotent producer, exchanged for a new one where a record was not confirmed."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._producer: _Producer = None
        self._starting = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises what the library raises where Kafka is away."""
        await self._started()

    async def send_and_wait(
        self, topic: str, value: bytes, *, key: bytes | None, headers: Headers, within: float
    ) -> Any:  # noqa: ANN401  the library has no types
        """Where the record lies, once all replicas have it. Raises what the library raises, and `TimeoutError`.

        Others that wait for the same producer are told at once that theirs are given up, too. Who is cancelled harms
        nobody else, and does not learn whether the record is written.
        """
        producer: _Producer = None
        try:
            async with asyncio.timeout(within):
                producer = await self._started()
                # One that is too large is refused here, before anything is sent.
                confirmed = await producer.send(topic, value, key=key, headers=list(headers))
                try:
                    return await confirmed
                except GONE_WRONG:
                    self._give_up(producer)
                    raise
        except TimeoutError:
            self._give_up(producer)
            raise

    async def reaches(self, within: float) -> bool:
        """Whether a broker answers within so many seconds."""
        try:
            async with asyncio.timeout(within):
                producer = await self._started()
                return bool(await producer.client.force_metadata_update())
        except GONE_WRONG:
            return False

    async def stop(self) -> None:
        """What is under way is still written, if that does not take long."""
        if self._producer is not None:
            await stopped(self._producer.stop(), _STOP_WITHIN)
            self._give_up(self._producer)
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=_STOP_WITHIN * 2)

    async def _started(self) -> _Producer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(**self._cluster.options(), acks="all", enable_idempotence=True)
                try:
                    await producer.start()
                except BaseException:  # cancelled, too: it must not be left half started
                    await _end(producer)
                    raise
                self._producer = producer
            return self._producer

    def _give_up(self, producer: _Producer) -> None:
        # No await between looking and taking it away: it is ended once, and nobody gets it any more.
        if producer is None or self._producer is not producer:
            return
        self._producer = None
        task = asyncio.get_running_loop().create_task(_end(producer))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


async def _end(producer: _Producer) -> None:
    """End it at once, with what it holds."""
    sender = producer._sender.sender_task  # noqa: SLF001  the library has no way to do without its data; pinned to 0.14
    if sender is not None:
        sender.cancel()
    await stopped(producer.client.close(), _END_WITHIN)  # what is under way ends with its connection
    if sender is not None:
        await asyncio.wait((sender,), timeout=_END_WITHIN)
    producer._message_accumulator.fail_all(KafkaConnectionError("given up"))  # noqa: SLF001
    await stopped(producer.stop(), _END_WITHIN)
