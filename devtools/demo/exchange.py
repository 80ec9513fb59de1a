"""Requests out, outcomes in: the demo as a producer and as a read_committed reader."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from consumer.client import events
from consumer.client.events import OutcomeEvent
from devtools.demo.asks import Ask
from devtools.demo.scene import BrokenDemoError, Scene

_WITHIN = 40.0


@dataclass(slots=True, eq=False)
class Row:
    """A request under way: when it was sent, and its outcome once there is one."""

    ask: Ask
    sent: float | None = None
    seen: OutcomeEvent | None = None
    seconds: float = 0.0

    @property
    def right(self) -> bool:
        """Whether it ended as it must."""
        data = self.seen.data if self.seen else {}
        return data.get("status") == self.ask.status and data.get("type", "") == self.ask.type


Changed = Callable[[], Awaitable[None]]
"""Called a few times a second, and after each outcome."""


async def exchange(scene: Scene, rows: Sequence[Row], changed: Changed) -> None:
    """Send one after another, each once the one before has its outcome."""
    kafka = scene.bootstrap
    reader = AIOKafkaConsumer(scene.outcomes, bootstrap_servers=kafka, isolation_level="read_committed")
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True)
    try:
        async with asyncio.timeout(_WITHIN):
            await reader.start()
            await producer.start()
            await reader.seek_to_end()
            for row in rows:
                origin = await _sent(producer, scene.requests, row)
                while row.seen is None:
                    await changed()
                    await _read(reader, row, origin)
            await changed()
    except TimeoutError:
        missing = ", ".join(row.ask.id for row in rows if row.seen is None)
        raise BrokenDemoError(f"No outcome within {_WITHIN:.0f} s for: {missing}. See {scene.log}") from None
    finally:
        await producer.stop()
        await reader.stop()


async def _sent(producer: AIOKafkaProducer, topic: str, row: Row) -> str:
    """Where it lies, as an outcome tells it."""
    record = row.ask.record
    row.sent = time.monotonic()
    written = await producer.send_and_wait(topic, record.value, key=record.key, headers=list(record.headers))
    return f"{written.partition}:{written.offset}"


async def _read(reader: AIOKafkaConsumer, row: Row, origin: str) -> None:
    for records in (await reader.getmany(timeout_ms=200)).values():
        for record in records:
            seen = events.outcome(record.headers, record.value)
            if seen.origin == origin and row.sent is not None:
                row.seen, row.seconds = seen, time.monotonic() - row.sent
