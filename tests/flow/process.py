"""Processes of the consumer with everything outside in memory: bytes in, outcomes and commits out."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import orjson
from aiokafka.partitioner import murmur2
from typing_extensions import override

from consumer.adapters.memory import KnownTenants
from consumer.adapters.memory_contents import KnownFiles, KnownValues
from consumer.adapters.memory_kafka import MemoryJournal, MemoryKafka, MemoryMailbag, MemorySource
from consumer.adapters.memory_transport import MemoryProber
from consumer.adapters.schemas import load, requests
from consumer.adapters.simulator import Simulator
from consumer.contents import Larder, Resolver
from consumer.core.attachment import Caps
from consumer.core.attempt import Answered, Attempt, InDoubt, Lapsed
from consumer.core.decode import Decoder
from consumer.core.ending import Concluded, Ending
from consumer.core.feedback import Ear, Heard
from consumer.core.ladder import LADDER
from consumer.core.mail import Mail
from consumer.core.partition import Keeping
from consumer.core.record import Coordinates
from consumer.core.reply import Reply
from consumer.core.suppression import Policy
from consumer.core.tenant import Relay, Tenant
from consumer.core.tick import Tick
from consumer.delivery import Delivery
from consumer.ports import Clock, Permit, Transport
from consumer.stream import Hearing, Pace, Queue, Room, Stream, World
from consumer.validation import Validating
from tests.builders import tenant

OK = Reply(250, "OK")
DECODER = Decoder(requests())
EAR = Ear(load("feedback.v1"))


class ShiftedClock(Clock):
    """The loop's time, moved forward at will."""

    def __init__(self) -> None:
        self.shift = 1_700_000_000.0
        self.stopped = False

    @override
    def now(self) -> float:
        return self.shift if self.stopped else asyncio.get_running_loop().time() + self.shift

    @override
    def elapsed(self) -> float:
        return self.now()


@dataclass
class Outbox(Transport):
    """A relay in memory that writes down what it took. `judge` may answer otherwise, or say "before" or "after" to hang."""

    clock: Clock
    judge: Callable[[Mail], Attempt | str | None] = lambda _: None
    pause: Callable[[Mail], float] = lambda _: 0.0  # how long the relay thinks before it answers
    bodies: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    places: dict[str, asyncio.Semaphore] = field(default_factory=dict[str, asyncio.Semaphore])

    @override
    async def send(self, mail: Mail, relay: Relay, permit: Permit) -> Attempt:
        # As many as a pool gives leave to at once; each tenant has a relay of its own here.
        async with self.places.setdefault(mail.lane, asyncio.Semaphore(20)):
            return await self._send(mail, permit)

    async def _send(self, mail: Mail, permit: Permit) -> Attempt:
        until = await permit()
        if until is None or self.clock.elapsed() >= until:
            return Lapsed()
        verdict = self.judge(mail)
        if verdict == "before":
            await asyncio.Event().wait()
        if verdict is None or isinstance(verdict, str | InDoubt):
            self.bodies.append((mail.message_id, self.clock.now()))
        if verdict == "after":
            await asyncio.Event().wait()
        await asyncio.sleep(self.pause(mail))
        return Answered((OK,) * len(mail.recipients), OK, self.clock.now()) if verdict is None else _attempt(verdict)


def _attempt(verdict: Attempt | str) -> Attempt:
    assert not isinstance(verdict, str)
    return verdict


@dataclass
class Seen:
    """What the process reports."""

    endings: list[Ending] = field(default_factory=list[Ending])
    waited: list[bool] = field(default_factory=list[bool])
    ticks: list[Tick] = field(default_factory=list[Tick])
    opened_partitions: list[int] = field(default_factory=list[int])
    losses: list[str] = field(default_factory=list[str])
    feedback: list[tuple[Coordinates, Heard]] = field(default_factory=list[tuple[Coordinates, Heard]])

    def ended(self, at: Coordinates, ending: Ending, seconds: float, *, waited: bool) -> None:
        assert at.offset >= 0
        assert seconds is not None
        self.endings.append(ending)
        if isinstance(ending, Concluded):
            self.waited.append(waited)

    def heard(self, at: Coordinates, what: Heard, errors: tuple[str, ...] = ()) -> None:
        assert (what is Heard.UNUSABLE) == bool(errors)
        self.feedback.append((at, what))

    def ticked(self, tick: Tick, seconds: float) -> None:
        assert seconds >= 0
        self.ticks.append(tick)

    def opened(self, partition: int, position: int, parked: int) -> None:
        assert position >= 0
        assert parked >= 0
        self.opened_partitions.append(partition)

    def lost(self, partition: int, reason: str) -> None:
        assert partition >= 0
        self.losses.append(reason)


@dataclass
class Setup:
    """What processes share: Kafka, the relay, the tenants and the time."""

    partitions: int = 1
    tenants: tuple[Tenant, ...] = (tenant(),)
    pace: Pace = field(
        default_factory=lambda: Pace(
            gather=0.0,
            gather_under_load=0.0,
            between_ticks=0.0,
            heartbeat=0.01,
            pause_after_error=0.0,
            look_at_clock=0.01,
            look_for_room=0.01,
            overtake_after=0.02,
        )
    )
    keeping: Keeping = field(default_factory=Keeping)
    suppression: Policy | None = None
    around: Callable[[World], World] = lambda world: world

    def __post_init__(self) -> None:
        self.clock = ShiftedClock()
        self.kafka = MemoryKafka(self.partitions)
        self.outbox = Outbox(self.clock)
        self.directory = KnownTenants(self.tenants)
        self.vault = KnownValues()
        self.prober = MemoryProber()
        self.files = KnownFiles()
        self.caps = Caps()
        self.memory = 512 * 2**20
        self.jitter = 1.0
        self._nonces = count(1)

    def home(self, name: str) -> int:
        return (murmur2(name.encode()) & 0x7FFFFFFF) % self.partitions

    def request(
        self, id_: str | None = "r-1", *, name: str = "acme", partition: int | None = None, **fields: object
    ) -> Coordinates:
        """Put a request into the topic: at its home, unless told otherwise."""
        body = {"to": ["ann@example.com"], "text": "World"} | fields
        headers = [("tenant", name.encode())] + ([("request_id", id_.encode())] if id_ else [])
        at = self.home(name) if partition is None else partition
        return self.kafka.produce(at, orjson.dumps(body), headers=tuple(headers), at=self.clock.now())

    def feedback(self, id_: str, *, name: str = "acme", partition: int | None = None, **fields: object) -> Coordinates:
        """Put feedback into its topic: at its tenant's home, unless told otherwise."""
        headers = (("tenant", name.encode()), ("request_id", id_.encode()))
        at = self.home(name) if partition is None else partition
        return self.kafka.tell(at, orjson.dumps(fields), headers=headers, at=self.clock.now())

    def _resolver(self) -> Resolver:
        return Resolver(self.vault, self.files, self.caps, Larder(self.memory))

    def world(self) -> World:
        way_out = Simulator(self.outbox, self.clock)
        delivery = Delivery(
            DECODER.decode,
            self.directory,
            way_out,
            self.clock,
            lambda: self.jitter,
            LADDER,
            self._resolver(),
            Validating(self.directory, self.prober, self.clock),
        )
        feedback = MemoryMailbag(self.kafka.feedback, self.kafka.told)
        return World(
            MemorySource(self.kafka),
            MemoryJournal(self.kafka, self.clock.now),
            delivery,
            self.clock,
            Seen(),
            self.home,
            room := Room(self.pace.in_flight),
            self.pace,
            self.keeping,
            lambda: f"n{next(self._nonces)}",
            Queue(room, self.pace),
            MemoryMailbag(self.kafka.requests, self.kafka.arrived),
            hearing=self.suppression and Hearing(self.suppression, feedback, EAR.hear),
        )

    async def outcomes(self, number: int) -> list[Concluded]:
        """Wait until there are so many outcomes."""
        await until(lambda: len(self.kafka.all_outcomes) >= number)
        return self.kafka.all_outcomes


async def until(true: Callable[[], object]) -> None:
    """Wait for that, bounded by the test's own limit."""
    while not true():  # noqa: ASYNC110  what is looked at sends no signal
        await asyncio.sleep(0.001)


@dataclass
class Process:
    """One running process."""

    world: World
    stream: Stream
    task: asyncio.Task[None]

    def assign(self, *partitions: int) -> None:
        source = self.world.source
        assert isinstance(source, MemorySource)
        source.mine = set(partitions)
        self.stream.assigned(partitions)

    async def kill(self) -> None:
        """Nothing is finished, nothing is written."""
        self.task.cancel()
        await asyncio.wait([self.task])


@asynccontextmanager
async def running(setup: Setup, *partitions: int) -> AsyncGenerator[Process, None]:
    """A process with these partitions (all of them by default); killed at the end."""
    world = setup.world()
    stream = Stream(setup.around(world))
    process = Process(world, stream, asyncio.ensure_future(stream.run()))
    await asyncio.sleep(0)
    process.assign(*(partitions or range(setup.partitions)))
    try:
        yield process
        if process.task.done() and not process.task.cancelled():
            process.task.result()
    finally:
        await process.kill()
