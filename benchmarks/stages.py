"""`python -m benchmarks.stages`: what the pure way of a mail costs, stage by stage, without Kafka and without a relay.

CPU time of this process, not the clock: the best of many rounds is what the work itself takes, whoever else is on the
machine. The stages are those of `consumer/delivery.py`, called in its order with the benchmark's own events; behind
them stands the whole way, and the whole process but for the two ends: Kafka and relay are in memory.
"""

import argparse
import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import uvloop
from typing_extensions import override

from benchmarks import events, spans
from consumer.adapters import logs, schemas
from consumer.adapters.clock import SystemClock
from consumer.adapters.kafka.homes import homes
from consumer.adapters.memory import KnownTenants
from consumer.adapters.memory_contents import KnownFiles, KnownValues
from consumer.adapters.memory_kafka import MemoryJournal, MemoryKafka, MemoryMailbag, MemorySource
from consumer.adapters.memory_transport import RECIPIENT_OK, TAKEN, MemoryProber, MemoryTransport
from consumer.adapters.metrics import Metrics
from consumer.adapters.metrics.observer import Telemetry
from consumer.adapters.simulator import Simulator
from consumer.contents import Larder, Resolver
from consumer.core.attachment import Caps
from consumer.core.attempt import Answered, Attempt
from consumer.core.conclude import Chance, conclude
from consumer.core.decode import Decoder
from consumer.core.encode import outcome_event
from consumer.core.ending import Concluded, Ending, Later, Skipped
from consumer.core.envelope import Event, unwrap
from consumer.core.judge import Judge
from consumer.core.ladder import LADDER
from consumer.core.letter import Posted, post
from consumer.core.mail import Mail
from consumer.core.parking import Progress
from consumer.core.partition import ADMITTED, Admitted, Keeping, Partition
from consumer.core.record import Coordinates, Headers, Record
from consumer.core.request import Request, Validation
from consumer.core.resolve import NONE, Values, discreet, tokens
from consumer.core.simulator import route
from consumer.core.suppression import bounced
from consumer.core.tenant import Relay, Scheme, Tenant
from consumer.core.tick import Tick
from consumer.core.work import Work
from consumer.delivery import Delivery
from consumer.ports import Clock, Permit
from consumer.stream import Pace, Queue, Room, Stream, World
from consumer.validation import Validating

MAILS = 400
"""In a round of the stages: as many as fit into a partition at once."""

BACKLOG = 4_000
"""In a round of the whole process."""

_T = TypeVar("_T")
_U = TypeVar("_U")
_PARTITIONS = 6
_home = homes(_PARTITIONS)
_SOURCE = "/consumer/email.requests"
_NOW = 1_800_000_000.0
_RELAY = Relay("127.0.0.1", 2525, Scheme.PLAIN)
_TENANTS = {name: Tenant(name, _RELAY, domain="acme.example", h_limit=1_000_000) for name in events.TENANTS}


def main() -> int:
    rounds = _arguments().rounds
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123  it is no file
        logs.configure("info", "json", stream=nowhere)
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        best: dict[str, float] = {}
        for _ in range(rounds):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                for name, seconds in runner.run(_round()).items():
                    best[name] = min(seconds, best.get(name, seconds))
    for name, seconds in best.items():
        print(f"{name:<42} {seconds * 1e6:7.1f} us")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="of which the best counts, for each stage on its own")
    return parser.parse_args()


async def _round() -> dict[str, float]:
    """Seconds of CPU time a mail, by stage."""
    found = _Stages().all() | {"the whole way, by delivery.py": await _way()} | {"the whole process": await _process()}
    found["the whole process, each mail traced"] = await _process(spans.around(1.0))
    found["the whole process, 1 in 100 traced"] = await _process(spans.around(0.01))
    return found


class _Stages:
    """Each stage for all mails before the next one begins."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._decoder = Decoder(schemas.requests())
        self._judge = Judge(schemas.load("send-email.v1"))
        self._partition = Partition(0, 0, "nonce", Keeping())
        self._telemetry = Telemetry(Metrics(), logs.concluded)
        self._records = [_record(number, 0, number) for number in range(MAILS)]

    def all(self) -> dict[str, float]:
        # The two parts of decoding first, which the stage itself holds once more.
        found = {}
        unwrapped, found["  envelope"] = _each(self._unwrap, self._records)
        _, found["  schema"] = _each(self._judge.errors, [event.data for event in unwrapped])
        requests, found["decode"] = _each(self._decode, self._records)
        found = {"decode": found.pop("decode")} | found
        works, found["take and admit"] = _each(self._admit, zip(self._records, requests, strict=True))
        _, found["look for tokens"] = _each(lambda request: tokens(request.email), requests)
        mails, found["compose"] = _each(self._post, requests)
        done = list(zip(works, requests, mails, strict=True))
        endings, found["conclude"] = _each(self._conclude, done)
        ended = list(zip(works, endings, strict=True))
        _, found["end: ids, windows"] = _each(self._end, ended)
        _, found["metrics and log line"] = _each(self._tell, ended)
        _, found["encode the outcome"] = _each(_encoded, endings)
        logs.flush()
        return found

    def _unwrap(self, record: Record) -> Event:
        event = unwrap(record)
        assert isinstance(event, Event)  # noqa: S101
        return event

    def _decode(self, record: Record) -> Request:
        request = self._decoder.decode(record)
        assert isinstance(request, Request)  # noqa: S101
        return request

    def _admit(self, taken: tuple[Record, Request]) -> Work:
        record, request = taken
        work = self._partition.take(record)
        assert work is not None  # noqa: S101
        work.request = request
        tenant = _TENANTS[request.tenant]
        assert self._partition.admit(work, request, tenant, self._clock.now(), spare=10_000) is ADMITTED  # noqa: S101
        return work

    def _post(self, request: Request) -> Posted:
        tenant = _TENANTS[request.tenant]
        made = post(request, tenant, NONE, (), answered=frozenset(), now=self._clock.now())
        posted = route(made, request, tenant, simulate=False)
        assert isinstance(posted, Posted)  # noqa: S101
        return posted

    def _conclude(self, done: tuple[Work, Request, Posted]) -> Ending:
        work, request, posted = done
        attempt = Answered((RECIPIENT_OK,) * len(posted.mail.recipients), TAKEN, self._clock.now())
        work.bounced = bounced(posted.mail.recipients, attempt)
        chance = Chance(self._clock.now(), 0.5, LADDER)
        return conclude(request, _TENANTS[request.tenant], posted, work.progress, discreet(attempt, NONE), chance)

    def _end(self, ended: tuple[Work, Ending]) -> None:
        self._partition.end(*ended, self._clock.now())

    def _tell(self, ended: tuple[Work, Ending]) -> None:
        work, ending = ended
        self._telemetry.ended(work.record.at, ending, self._clock.now() - work.record.timestamp, waited=False)


def _each(do: Callable[[_T], _U], values: Iterable[_T]) -> tuple[list[_U], float]:
    """What became of each, and the seconds that one took."""
    given = list(values)
    gc.collect()
    started = time.process_time()
    made = [do(value) for value in given]
    return made, (time.process_time() - started) / len(given)


async def _way() -> float:
    """Each mail in a coroutine of its own that never has to wait: what the way adds to its stages."""
    delivery, desk = _delivery(), _Desk()
    works = [Work(_record(number, 0, number)) for number in range(MAILS)]
    gc.collect()
    started = time.process_time()
    for work in works:
        ending = await delivery.handle(work, desk)
        assert isinstance(ending, Concluded)  # noqa: S101
    return (time.process_time() - started) / MAILS


class _Desk:
    """A partition whose leave to send comes at once."""

    def __init__(self) -> None:
        self._partition = Partition(0, 0, "nonce", Keeping())

    def home(self, tenant: str) -> int:
        return _home(tenant) * 0

    def admit(self, work: Work, request: Request, tenant: Tenant, now: float) -> Admitted | Concluded | Later | Skipped:
        return self._partition.admit(work, request, tenant, now, spare=10_000)

    def admit_validation(self, work: Work, request: Validation, now: float) -> Admitted | Concluded | Skipped:
        raise NotImplementedError

    def screen(self, request: Request, values: Values, progress: Progress) -> Progress:
        assert request.email.recipients  # noqa: S101
        assert values is NONE  # noqa: S101
        return progress

    async def permit(self, work: Work) -> float | None:
        assert work.request is not None  # noqa: S101
        return float("inf")


async def _process(around: Callable[[World], World] = lambda world: world) -> float:
    """A backlog through stream, partitions, ticks and telemetry, with its outcomes as bytes."""
    kafka = _Topics(_PARTITIONS)
    for number in range(BACKLOG):
        _, headers, value = events.event(number)
        kafka.produce(_home(events.TENANTS[number % len(events.TENANTS)]), value, headers=tuple(headers), at=_NOW)
    source, clock = MemorySource(kafka), SystemClock()
    source.mine = set(range(_PARTITIONS))
    world = World(
        source,
        MemoryJournal(kafka, clock.now),
        _delivery(),
        clock,
        Telemetry(Metrics(), logs.concluded),
        _home,
        room := Room(1_000),
        Pace(),
        Keeping(requests=float("inf")),
        lambda: "nonce",
        Queue(room, Pace()),
        MemoryMailbag(kafka.requests, kafka.arrived),
    )
    stream = Stream(around(world))
    gc.collect()
    started = time.process_time()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stream.run())
        await asyncio.sleep(0)
        stream.assigned(range(_PARTITIONS))
        async with asyncio.timeout(60):
            await kafka.done.wait()
        seconds = time.process_time() - started
        stream.stop()
    return seconds / BACKLOG


class _Topics(MemoryKafka):
    """Writes outcomes as the real journal does, and says when all are there."""

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        self.done = asyncio.Event()
        self._written = 0

    @override
    def apply(self, partition: int, tick: Tick, now: float) -> None:
        self._written += len([_encoded(concluded) for concluded in tick.outcomes])
        self.committed[partition] = (tick.position, tick.metadata)
        if self._written >= BACKLOG:
            self.done.set()


class _Relay(MemoryTransport):
    """Takes every mail and keeps none."""

    @override
    async def send(self, mail: Mail, relay: Relay, permit: Permit) -> Attempt:
        attempt = await super().send(mail, relay, permit)
        self.handed_over.clear()
        return attempt


def _delivery() -> Delivery:
    clock: Clock = SystemClock()
    tenants = KnownTenants(_TENANTS.values())
    return Delivery(
        Decoder(schemas.requests()).decode,
        tenants,
        Simulator(_Relay(clock), clock),
        clock,
        lambda: 0.5,
        LADDER,
        Resolver(KnownValues(), KnownFiles(), Caps(), Larder(2**20)),
        Validating(tenants, MemoryProber(), clock),
    )


def _record(number: int, partition: int, offset: int) -> Record:
    key, headers, value = events.event(number)
    return Record(Coordinates(partition, offset), key, value, tuple(headers), time.time())


def _encoded(ending: Ending) -> tuple[Headers, bytes]:
    assert isinstance(ending, Concluded)  # noqa: S101
    subject, outcome, sent = ending.subject, ending.outcome, ending.progress.sent_at
    return outcome_event(subject, outcome, source=_SOURCE, now=_NOW, digest=ending.digest, sent=sent)


if __name__ == "__main__":
    sys.exit(main())
