"""What a process takes in which many requests wait: the journal parks them, then a consumer takes them over.

Each waits for its `sendAt`, twelve hours from now, so that nothing is due meanwhile. A thousand tenants have them.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
from aiokafka import AIOKafkaProducer

from benchmarks import events
from benchmarks.bench import Bench
from benchmarks.courses import Course
from benchmarks.journal import journal_of, opened
from benchmarks.relays import Relay, free_port
from benchmarks.systems import OURS, Place
from benchmarks.watch import FailedError
from consumer.adapters.kafka.client import Names
from consumer.adapters.kafka.homes import homes
from consumer.core.metadata import encode
from consumer.core.parking import Entry, Progress, Reason
from consumer.core.record import Coordinates
from consumer.core.runs import Runs
from consumer.core.tick import Tick
from consumer.core.timestamp import format_timestamp
from devtools.child import Child

_TENANTS = 1_000
_IN_A_TICK = 1_000
_HALF_A_DAY = 12 * 3600.0
_LOOK = 0.2


@dataclass(frozen=True, slots=True)
class Waiting:
    """MB at the peak and once all are there, and seconds from the start of the process until then."""

    peak: float
    resident: float
    ready: float


def measure(bench: Bench, count: int) -> Waiting:
    """A process that takes so many over, in six partitions."""
    course = Course(count, tenants=_TENANTS)
    place = bench.place(course, Relay(free_port()), bench.empty(course))
    if count:
        asyncio.run(_park(place))
    began = time.monotonic()
    with bench.at_work(OURS, place) as child:
        _wait_until_all_are_there(child, bench.log(place), course, bench.within)
        ready, resident = time.monotonic() - began, _resident(child)
    return Waiting(bench.used(place).peak, resident, ready)


def restored(log: str) -> dict[int, int]:
    """How many parked requests came with each partition, by what a consumer has logged so far."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{") and line.endswith("}")]
    return {line["partition"]: line["parked"] for line in lines if line.get("event") == "partition opened"}


async def _park(place: Place) -> None:
    names = Names(place.requests, place.outcomes, place.parked, place.group)
    home, tenants, partitions = homes(place.course.partitions), events.tenants(_TENANTS), place.course.partitions
    journal = journal_of(place.bootstrap, names)
    producer = AIOKafkaProducer(bootstrap_servers=place.bootstrap, max_batch_size=2**19)
    await producer.start()
    try:
        for partition in range(partitions):
            count = place.course.mails // partitions + (partition < place.course.mails % partitions)
            here = [tenant for tenant in tenants if home(tenant) == partition]
            await _ask(producer, place.requests, partition, [here[number % len(here)] for number in range(count)])
            await opened(journal, partition)
            for tick in _ticks(partition, count, here):
                await journal.commit(partition, tick)
    finally:
        await producer.stop()
        await journal.aclose()


async def _ask(producer: AIOKafkaProducer, topic: str, partition: int, tenants: Sequence[str]) -> None:
    later = format_timestamp(time.time() + _HALF_A_DAY)
    value = orjson.dumps({"to": ["reader@example.com"], "subject": "Later", "text": "It can wait.", "sendAt": later})
    batch = producer.create_batch()
    for offset, tenant in enumerate(tenants):
        headers = [("tenant", tenant.encode()), ("request_id", _name(partition, offset).encode())]
        if batch.append(key=tenant.encode(), value=value, timestamp=None, headers=headers) is None:
            await producer.send_batch(batch, topic, partition=partition)
            batch = producer.create_batch()
            batch.append(key=tenant.encode(), value=value, timestamp=None, headers=headers)
    await (await producer.send_batch(batch, topic, partition=partition))


def _ticks(partition: int, count: int, tenants: Sequence[str]) -> Iterator[Tick]:
    now = time.time()
    for number, first in enumerate(range(0, count, _IN_A_TICK), 1):
        last = min(first + _IN_A_TICK, count)
        parked = tuple(_entry(partition, offset, tenants[offset % len(tenants)], now) for offset in range(first, last))
        yield Tick(number, last, encode("nonce", number, Runs(), (), last), parked=parked)


def _entry(partition: int, offset: int, tenant: str, now: float) -> Entry:
    due, digest = now + _HALF_A_DAY, offset.to_bytes(16)
    name = _name(partition, offset)
    at = Coordinates(partition, offset)
    return Entry(offset, at, tenant, name, digest, due, due + _HALF_A_DAY, Reason.SEND_AT, Progress())


def _name(partition: int, offset: int) -> str:
    """As long as an id that uuid4 makes."""
    return f"5f0c7f3e-4c1d-4c53-9a55-{partition:02}{offset:010}"


def _wait_until_all_are_there(child: Child, log: Path, course: Course, within: float) -> None:
    deadline = time.monotonic() + within
    while len(found := restored(log.read_text(errors="replace"))) < course.partitions:
        if child.wait(_LOOK) or time.monotonic() > deadline:
            raise FailedError(f"{course.mails} parked requests were not restored; the log:\n{child.tail}")
    if sum(found.values()) != course.mails:
        raise FailedError(f"{sum(found.values())} of {course.mails} parked requests were restored")


def _resident(child: Child) -> float:
    """MB of the consumer, which is the only child of what was started."""
    (of,) = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    status = Path(f"/proc/{of}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
