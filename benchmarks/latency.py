"""How long a request waits for its outcome, while requests come at a steady pace.

They come at random (a Poisson process, the same one each time), so that none keeps in step with the ticks. A wait counts
from the moment at which the request was due to be written, whenever that was done, to the moment at which a
read_committed reader has its outcome.
"""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from math import ceil
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks import events
from benchmarks.systems import Place
from benchmarks.watch import Alive, FailedError

_WARM_UP = 120
_WARM_UP_RATE = 60.0


async def waits(
    place: Place, paces: Sequence[tuple[float, float]], *, alive: Alive, within: float
) -> list[list[float]]:
    """Seconds that each request waited, at each pace: so many a second, for so many seconds. A few warm up before."""
    async with _line(place) as line:
        await line.drip(_WARM_UP_RATE, _WARM_UP / _WARM_UP_RATE, alive, within)
        return [await line.drip(rate, seconds, alive, within) for rate, seconds in paces]


def share(waited: Sequence[float], part: float) -> float:
    """Seconds that this part of the requests (0.5: half of them) had their outcome within."""
    return sorted(waited)[max(0, ceil(part * len(waited)) - 1)]


@asynccontextmanager
async def _line(place: Place) -> AsyncIterator["_Line"]:
    producer = AIOKafkaProducer(bootstrap_servers=place.bootstrap, enable_idempotence=True)
    reader = AIOKafkaConsumer(
        bootstrap_servers=place.bootstrap, isolation_level="read_committed", enable_auto_commit=False
    )
    await producer.start()
    await reader.start()
    try:
        reader.assign(place.outcome_places)
        await reader.seek_to_beginning()
        yield _Line(place, producer, reader)
    finally:
        await reader.stop()
        await producer.stop()


class _Line:
    """Requests go in at one end, outcomes come out at the other."""

    def __init__(self, place: Place, producer: AIOKafkaProducer, reader: AIOKafkaConsumer) -> None:
        self._place = place
        self._producer = producer
        self._reader = reader
        self._names = events.tenants(place.course.tenants)
        self._due: dict[bytes, float] = {}
        self._waited: list[float] = []

    async def drip(self, rate: float, seconds: float, alive: Alive, within: float) -> list[float]:
        """Until the last one has its outcome."""
        moments = list(arrivals(rate, seconds))
        self._waited = []
        try:
            async with asyncio.timeout(seconds + within), asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write(moments))
                await self._read(len(moments), alive)
        except TimeoutError as error:
            missing = len(moments) - len(self._waited)
            raise FailedError(f"{missing} of {len(moments)} outcomes were not there in time") from error
        return self._waited

    async def _write(self, moments: Sequence[float]) -> None:
        run, began = uuid.uuid4().hex[:8], time.monotonic() + 0.05
        for number, after in enumerate(moments):
            ahead = began + after - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            key, headers, value = events.event(number, self._names)
            name = f"{run}-{number}".encode()
            self._due[name] = began + after
            named = [("request_id", name) if header == "request_id" else (header, text) for header, text in headers]
            await self._producer.send(self._place.requests, value, key=key, headers=named)

    async def _read(self, count: int, alive: Alive) -> None:
        while len(self._waited) < count:
            alive()
            for batch in (await self._reader.getmany(timeout_ms=200)).values():
                now = time.monotonic()
                for raw in batch:
                    self._add(raw, now)

    def _add(self, raw: Any, now: float) -> None:  # noqa: ANN401  the library has no types
        if b'"status":204' not in raw.value:
            raise FailedError(f"an outcome that is not Accepted: {raw.value.decode(errors='replace')[:300]}")
        self._waited.append(now - self._due.pop(dict(raw.headers)["ce_causationid"]))


def arrivals(rate: float, seconds: float) -> Iterator[float]:
    """Moments from 0 to `seconds`, at random, in order: `rate` of them a second."""
    dice = random.Random(6)  # noqa: S311  the same ones each time
    at = dice.expovariate(rate)
    while at < seconds:
        yield at
        at += dice.expovariate(rate)
