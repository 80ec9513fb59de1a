"""One owned partition at work: its requests under way, their leave to send, and its ticks.

DATA goes out only after the tick that holds its intent has committed, and only within the grant's lifetime,
counted from the start of that tick: that commit is the proof that the partition was still ours, and the
lifetime is what stops a process that was frozen since.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from typing_extensions import override

from consumer.core.ending import Again, Concluded, Ending, Later, Ordered, Skipped
from consumer.core.feedback import Feedback, Refused
from consumer.core.outcome import Expired
from consumer.core.overview import PartitionNow
from consumer.core.parking import Entry, Progress, Reason
from consumer.core.partition import ROOM, Admitted, Keeping, Partition, Work
from consumer.core.record import Coordinates, Record
from consumer.core.request import Request, Validation
from consumer.core.resolve import Values
from consumer.core.suppression import Policy
from consumer.core.tenant import Tenant
from consumer.core.tick import Tick
from consumer.delivery import Delivery
from consumer.ports import Clock, FencedError, Journal, Mailbag, Observer, Source, UncertainError
from consumer.stream.kept import Kept
from consumer.stream.lines import Line, Lines, Queue
from consumer.stream.orders import Orders
from consumer.stream.pace import Pace, Room
from consumer.stream.takeover import Takeover

LITTLE = 50
"""Room that is hardly any: below, no more records are fetched for a partition."""


@dataclass(frozen=True, slots=True)
class World:
    """All that partitions share."""

    source: Source
    journal: Journal
    delivery: Delivery
    clock: Clock
    observer: Observer
    home: Callable[[str], int]
    room: Room
    pace: Pace
    keeping: Keeping
    nonce: Callable[[], str]
    queue: Queue
    further: Mailbag  # the request topic, from where it is told
    kept: Kept = field(default_factory=Kept)
    hearing: "Hearing | None" = None  # None: suppression is off

    @property
    def suppression(self) -> Policy | None:
        return None if self.hearing is None else self.hearing.policy


@dataclass(frozen=True, slots=True)
class Hearing:
    """What feedback is heard with, and how much of it teaches."""

    policy: Policy
    mailbag: Mailbag
    ear: Callable[[Record], Feedback | Refused]


class Owned:
    """A partition, from the moment the group gives it to us until it is another's."""

    _tasks: asyncio.TaskGroup

    def __init__(self, number: int, world: World, changed: Callable[[], None]) -> None:
        self.number = number
        self.epoch = 0
        self.open = False
        self.state: Partition | None = None
        self._world = world
        self._orders = Orders(number, world)
        self._changed = changed
        self._lines = Lines(world.queue, self._start)
        self._works: dict[asyncio.Task[None], tuple[Work, Line | None]] = {}
        self._permits: dict[int, asyncio.Future[float | None]] = {}
        self._resumed: list[Work] = []  # of a former owner, to be carried on once the partition is open
        self._torn: Tick | None = None
        self._last: Tick | None = None  # that is in, by its answer
        self._sound = False  # taken over, and no error since
        self._granting = asyncio.Event()
        self._wanted = asyncio.Event()
        self._prompt = asyncio.Event()
        self._stirred = asyncio.Event()
        self._quiet = asyncio.Event()
        self._last_tick = 0.0
        self._got_on = world.clock.elapsed()
        self._loop = asyncio.get_running_loop()  # once: before Python 3.12 it is a system call each time

    @override
    def __repr__(self) -> str:
        state = "open" if self.open else "closed"
        return f"<Owned {self.number} {state}, epoch {self.epoch}, {len(self._works)} under way>"

    # life

    async def run(self, after: asyncio.Task[None] | None = None) -> None:
        """Take the partition over and keep it going, until cancelled. Raises what only a bug or `BrokenError` can cause.

        `after` had the partition before in this process: it must have let go, or it would close our producer.
        """
        if after is not None:
            await asyncio.wait([after])
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._mind_parked())
                self._tasks.create_task(self._make_room())
                try:
                    while True:
                        await self._once()
                finally:
                    self.shut()
                    self._lines.clear()
        finally:
            await self._world.journal.close(self.number)

    async def _once(self) -> None:
        pace = self._world.pace
        try:
            await self._membership()
            await self._take_over()
            await self._tick_on()
        except FencedError:
            self._sound = False
            self._world.observer.lost(self.number, "fenced")
            # Somebody newer has it. Ours again only if the group still says so a while later:
            # without this wait, processes that were frozen fenced each other back and forth.
            self.shut()
            await asyncio.sleep(1.5 * pace.heartbeat)
        except UncertainError as error:
            self._sound = False
            self._world.observer.lost(self.number, str(error))
            self.shut()
            await asyncio.sleep(pace.pause_after_error)

    async def _membership(self) -> None:
        # A process that was frozen must not fence its successor.
        while not await self._world.source.member(self.number):  # noqa: ASYNC110  the group sends no signal
            await asyncio.sleep(self._world.pace.heartbeat / 2)

    async def _take_over(self) -> None:
        takeover = Takeover(self.number, self._world)
        opened = await self._world.journal.open(self.number)
        if self.state is not None and takeover.own(opened, self.state):
            takeover.adopt(opened, self.state, self._torn, self._last)
            self._torn = self._last = None
        else:
            self._forget()
            self.state, self._resumed = await takeover.restore(opened)
        await self._tick(self.state)
        self._sound = True
        self._reopen(self.state)
        self._world.observer.opened(self.number, self.state.position, len(self.state.parking))
        # Kept until here: the tick above may be in though its answer was lost, and then this is the second time round.
        resumed, self._resumed = self._resumed, []
        for work in resumed:
            self._lines.come(work)

    def _reopen(self, state: Partition) -> None:
        self._world.source.seek(self.number, state.position)
        self.epoch += 1
        self.open = True
        self._granting.set()
        self._stirred.set()
        self._lines.resume()
        self._changed()

    def resume(self) -> None:
        """A rebalance gave it back: its state is in memory, and the next tick proves that nobody else had it."""
        if self.state is not None and self._sound:
            self._reopen(self.state)

    def shut(self) -> None:
        """Take nothing more and give no more leave to send; ticks go on."""
        self.open = False
        self.epoch += 1
        self._granting.clear()
        self._lines.open = False
        if self.state is not None:
            for offset in self.state.withdraw():
                self._answer(offset, None)

    async def quiet(self) -> None:
        """Wait until no intent is open and nothing is left to write."""
        while not self._is_quiet():
            self._quiet.clear()
            await self._quiet.wait()

    def stalled(self) -> float:
        """For how many seconds it has had something to do and has not got on."""
        idle = self.open and self.state is not None and not self.state.waiting
        return 0.0 if idle else self._world.clock.elapsed() - self._got_on

    def _is_quiet(self) -> bool:
        state = self.state
        return state is None or not (state.intents or state.waiting or self._torn)

    def stir(self) -> None:
        """Something is to be written that no request has brought."""
        self._wanted.set()
        self._prompt.set()

    # requests

    @property
    def parked(self) -> int:
        return len(self.state.parking) if self.state is not None else 0

    def overview(self, lag: int | None) -> PartitionNow:
        """How it stands."""
        state = self.state
        if state is None:
            return PartitionNow(self.number, self.open, None, lag, 0, 0, 0)
        numbers = state.under_way, len(state.intents), len(state.parking)
        return PartitionNow(self.number, self.open, state.position, lag, *numbers)

    @property
    def room(self) -> int:
        return self.state.room if self.state is not None and self.open else 0

    @property
    def crowded(self) -> bool:
        """Whether there may be others behind what is taken, for whom there is no room."""
        return self.room < ROOM // 2

    @property
    def position(self) -> int:
        """The next offset to take in turn."""
        return 0 if self.state is None else self.state.position

    def room_for(self, offset: int) -> bool:
        """Whether the record there may be taken out of its turn."""
        return self.state is not None and self.open and not self._world.queue.full and self.state.room_for(offset)

    def in_line(self, tenant: str) -> int:
        """How many of it wait."""
        return self._lines.waiting(tenant)

    def take(self, record: Record) -> None:
        """A new record, in its turn."""
        if self.state is not None:
            self._come(self.state.take(record))

    def overtake(self, record: Record) -> None:
        """A new record that there is `room_for`, out of its turn."""
        if self.state is not None:
            self._come(self.state.overtake(record))

    def _come(self, work: Work | None) -> None:
        if work is not None:
            self._lines.come(work)
            self._wanted.set()

    def _start(self, work: Work, line: Line | None = None) -> None:
        self._world.room.take()
        task = self._tasks.create_task(self._carry(work, self.state))
        self._works[task] = work, line
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        _, line = self._works.pop(task)
        self._world.room.give_back()
        if line is None:
            self._world.queue.turn()
        else:
            self._world.queue.ended(line)

    async def _carry(self, work: Work, state: Partition | None) -> None:
        ending = await self._world.delivery.handle(work, self)
        while isinstance(ending, Again) and state is not None:
            state.lapse(work.offset)
            self._want(work)
            await self._granting.wait()
            ending = await self._world.delivery.handle(work, self)
        if not isinstance(ending, Ordered):
            self._end(work, ending, state)
        elif state is not None:
            # No await from here on: the tick that holds a command's outcome also holds what it did.
            for one, how in await self._orders.obey(work, ending.command, state):
                self._end(one, how, state)

    def _end(self, work: Work, ending: Ending, state: Partition | None) -> None:
        if state is None or state is not self.state:
            return
        now, waited = self._world.clock.now(), work.offset in state.parking
        state.end(work, ending, now)
        if isinstance(ending, Later):
            self._world.kept.put(work.record)
        self._permits.pop(work.offset, None)
        self._world.observer.ended(work.record.at, ending, now - work.record.timestamp, waited=waited)
        self._want(work)
        if state.parking:
            self._stirred.set()

    def _forget(self) -> None:
        """Somebody else had it since: nothing that we knew or did here holds any more."""
        self._lines.clear()
        for task in self._works:
            task.cancel()
        self._permits.clear()
        self._torn = self._last = self.state = None

    async def _make_room(self) -> None:
        """Park what is slow where there is hardly any room left for others."""
        room, queue = self._world.room, self._world.queue
        while True:
            await asyncio.sleep(self._world.pace.look_for_room)
            if (state := self.state) is None or not self.open:
                continue
            state.be_patient(room.patience)
            now, little = self._world.clock.now(), min(state.room, room.free, queue.room) < LITTLE
            for line in self._lines:
                slow = state.slow(line.tenant, 0, now)
                flowing = little and bool(line.works) and state.slow(line.tenant, len(line.works), now)
                self._lines.judge(line, slow=slow, flowing=flowing)
            if little:
                self._park(state.surplus(now, room.free))

    def _park(self, surplus: list[Work]) -> None:
        # None of them has leave to send: nothing was handed over, and nothing can be any more.
        tasks = {work.offset: task for task, (work, _) in self._works.items()}
        for work in surplus:
            tasks[work.offset].cancel()
            self._end(work, Later(Reason.SHARE, self._world.clock.now(), work.progress), self.state)

    # delivery's desk

    def home(self, tenant: str) -> int:
        return self._world.home(tenant)

    def admit(self, work: Work, request: Request, tenant: Tenant, now: float) -> Admitted | Concluded | Later | Skipped:
        if self.state is None:
            raise AssertionError(self.number)
        return self.state.admit(work, request, tenant, now, spare=self._world.room.free)

    def admit_validation(self, work: Work, request: Validation, now: float) -> Admitted | Concluded | Skipped:
        if self.state is None:
            raise AssertionError(self.number)
        return self.state.admit_validation(work, request, now)

    def screen(self, request: Request, values: Values, progress: Progress) -> Progress:
        if self.state is None or self.state.listed is None:
            return progress
        return self.state.listed.screen(request, values, progress, self._world.clock.now())

    def permit(self, work: Work) -> asyncio.Future[float | None]:
        """Ask for an intent: the answer comes with the tick that holds it."""
        answer: asyncio.Future[float | None] = self._loop.create_future()
        if self.state is None or not self._granting.is_set():
            answer.set_result(None)
            return answer
        self._permits[work.offset] = answer
        self.state.ask(work.offset)
        self._want(work)
        return answer

    def _answer(self, offset: int, until: float | None) -> None:
        future = self._permits.pop(offset, None)
        if future is not None and not future.done():
            future.set_result(until)

    # ticks

    async def _tick_on(self) -> None:
        clock = self._world.clock
        tidied = clock.elapsed()
        while self.state is not None:
            await self._something(self.state)
            await self._tick(self.state)
            if clock.elapsed() - tidied >= self._world.pace.tidy_every:
                tidied = clock.elapsed()
                self.state.tidy(clock.now())

    async def _something(self, state: Partition) -> None:
        pace, clock = self._world.pace, self._world.clock
        while not state.waiting:
            try:
                async with asyncio.timeout(pace.offset_alone if state.advanced else None):
                    await self._wanted.wait()
            except TimeoutError:
                return
            self._wanted.clear()
            self._got_on = clock.elapsed()
        await asyncio.sleep(max(pace.gather, self._last_tick + pace.between_ticks - clock.elapsed()))
        await self._gather(state)

    async def _gather(self, state: Partition) -> None:
        """Wait for more of those that stood in line, which saves ticks; not for long, and only while some come.

        Where none comes, all that may ask for leave have done so, and wait for this tick.
        """
        pace, clock, load = self._world.pace, self._world.clock, 0
        until = clock.elapsed() + pace.gather_under_load - pace.gather
        while (left := until - clock.elapsed()) > 0 and load < state.load and not self._prompt.is_set():
            load = state.load
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, pace.lull)):
                    await self._prompt.wait()
        self._prompt.clear()

    def _want(self, work: Work) -> None:
        """Something is to be written; soon, unless its request has stood in line and few are waiting with it."""
        self._wanted.set()
        if work.prompt or (self.state is not None and self.state.load >= self._world.pace.worth_a_tick):
            self._prompt.set()

    async def _tick(self, state: Partition) -> None:
        started = self._last_tick = self._world.clock.elapsed()
        self._torn = tick = state.cut()
        await self._world.journal.commit(self.number, tick)
        self._torn, self._last = None, tick
        self._got_on = self._world.clock.elapsed()
        state.confirm(tick)
        for offset in tick.granted:
            self._answer(offset, started + self._world.pace.grant_lifetime)
        self._world.room.ticked(self._got_on - started)
        self._world.observer.ticked(tick, self._got_on - started)
        self._changed()
        if self._is_quiet():
            self._quiet.set()

    # what is parked

    async def _mind_parked(self) -> None:
        while True:
            await self._until_due()
            await self._world.room.available()
            state = self.state
            if state is None or not self.open:
                continue
            entries = state.due(self._world.clock.now(), min(self._world.room.free, 200))
            if entries:
                await self._unpark(state, entries)

    async def _until_due(self) -> None:
        """Wait until something parked is due, or the waiting itself has changed."""
        next_due = self.state.parking.next_due() if self.state is not None and self.open else None
        wait = None
        if next_due is not None:
            wait = min(max(0.0, next_due - self._world.clock.now()), self._world.pace.look_at_clock)
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._stirred.wait()
        self._stirred.clear()

    async def _unpark(self, state: Partition, entries: list[Entry]) -> None:
        places = {Coordinates(self.number, entry.offset): entry for entry in entries}
        kept = (self._world.kept.take(place) for place in places)
        records = {record.at: record for record in kept if record is not None}
        if missing := places.keys() - records.keys():
            records |= {record.at: record for record in await self._world.source.reread(missing)}
        if state is not self.state:
            return
        for place, entry in places.items():
            record = records.get(place)
            if record is None:
                self._gone(state, entry)
            else:
                self._start(state.unpark(entry, record))

    def _gone(self, state: Partition, entry: Entry) -> None:
        """The topic no longer holds it, so it is older than any request may get."""
        subject = entry.subject(self.number)
        ending = Concluded(subject, Expired("no longer in the request topic", entry.progress.attempts), entry.digest)
        record = Record(subject.at, None, None)
        self._end(state.unpark(entry, record), ending, state)


__all__ = ["Hearing", "Owned", "World"]
