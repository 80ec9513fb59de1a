"""Sees a run from outside, by its outcome topic: how many there are, and when the broker had the first and the last."""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition

Alive: TypeAlias = Callable[[], None]
"""Raises `FailedError` if who is watched will do nothing more."""

_ACCEPTED = b'"status":204'
_LOOK = 0.2


class FailedError(Exception):
    """A run did not do its work: there is nothing to compare."""


@dataclass(slots=True)
class Seen:
    """Outcomes that a read_committed reader was given, and the broker's times of the first and the last, in seconds."""

    count: int = 0
    first: float = math.inf
    last: float = 0.0

    @property
    def rate(self) -> float:
        """Mails a second, from the first outcome to the last."""
        return (self.count - 1) / max(self.last - self.first, 0.001)

    def add(self, raw: Any) -> None:  # noqa: ANN401  the library has no types
        if _ACCEPTED not in raw.value:
            raise FailedError(f"an outcome that is not Accepted: {raw.value.decode(errors='replace')[:300]}")
        self.count += 1
        self.first = min(self.first, raw.timestamp / 1000)
        self.last = max(self.last, raw.timestamp / 1000)


async def outcomes(
    bootstrap: str, places: Sequence[TopicPartition], mails: int, *, alive: Alive, within: float
) -> Seen:
    """Wait until there is an Accepted for each mail. `alive` raises if there will be none."""
    reader = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False,
        auto_offset_reset="earliest", max_partition_fetch_bytes=4 << 20,
    )  # fmt: skip
    await reader.start()
    try:
        async with asyncio.timeout(within):
            return await _all(reader, places, mails, alive)
    except TimeoutError as error:
        raise FailedError(f"{mails} outcomes were not there within {within:.0f} s") from error
    finally:
        await reader.stop()


async def _all(reader: AIOKafkaConsumer, places: Sequence[TopicPartition], mails: int, alive: Alive) -> Seen:
    reader.assign(places)
    # Ends are asked for and nothing is read while the run goes on: reading takes CPU that it may need.
    while sum((await reader.end_offsets(places)).values()) < mails:
        alive()
        await asyncio.sleep(_LOOK)
    seen = Seen()
    while seen.count < mails:
        alive()
        for batch in (await reader.getmany(timeout_ms=200)).values():
            for raw in batch:
                seen.add(raw)
    return seen
