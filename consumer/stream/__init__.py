"""The loop around the way: take records, start requests, give partitions back.

Every rebalance takes all positions and buffers away, also of partitions that stay (FACTS of the client library), so a
fetch that was under way when an epoch changed is dropped and the partition sought again to its own next offset.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Coroutine, Iterator, Mapping
from contextlib import suppress
from itertools import groupby

from consumer.core.bounce_rate import Level
from consumer.core.overview import Overview, waiting, windows
from consumer.core.parking import Reason
from consumer.core.record import Record
from consumer.core.suppression_list import SuppressionList
from consumer.ports import UncertainError
from consumer.stream.lines import Queue
from consumer.stream.listening import Listening
from consumer.stream.overtaking import Overtaking
from consumer.stream.owned import LITTLE, Hearing, Owned, World
from consumer.stream.pace import Pace, Room

__all__ = ["Hearing", "Pace", "Queue", "Room", "Stream", "World"]


class Stream:
    """All partitions that the group has given to this process."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._owned: dict[int, Owned] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._asked: float | None = None
        self._unread: dict[int, tuple[int, float]] = {}  # where a partition stands though there is more, and since when

    @property
    def owned(self) -> tuple[Owned, ...]:
        return tuple(self._owned.values())

    @property
    def restored(self) -> bool:
        """Whether every partition that is ours is open."""
        return all(owned.open for owned in self._owned.values())

    def stalled(self) -> float:
        """For how many seconds the slowest part has not got on, though it had something to do."""
        clock = self._world.clock
        fetching = 0.0 if self._asked is None else clock.elapsed() - self._asked
        unread = (clock.elapsed() - since for _, since in self._unread.values())
        return max([fetching, *unread, *(owned.stalled() for owned in self._owned.values())])

    def parked(self) -> dict[Reason, int]:
        """How many requests wait, by reason."""
        numbers: Counter[Reason] = Counter()
        for owned in self._owned.values():
            for (_, reason), number in owned.state.parking.numbers.items() if owned.state is not None else ():
                numbers[reason] += number
        return numbers

    def overview(self, ready: Mapping[str, bool], lags: Mapping[int, int]) -> Overview:
        """How everything stands, for people who look; `lags` are records behind the end, by partition."""
        now = self._world.clock.now()
        states = [owned.state for owned in self._owned.values() if owned.state is not None]
        return Overview(
            now,
            ready,
            tuple(owned.overview(lags.get(owned.number)) for owned in self._owned.values()),
            tuple(one for state in states for one in waiting(state.parking)),
            tuple(one for state in states for one in windows(state, now)),
        )

    @property
    def suppressions(self) -> int:
        """How many recipients the lists of partitions of ours know."""
        return sum(len(listed) for listed in self._lists())

    def bouncing(self) -> dict[str, Level]:
        """The tenants whose mail bounces too much."""
        now = self._world.clock.now()
        return {tenant: level for listed in self._lists() for tenant, level in listed.rates.levels(now).items()}

    def _lists(self) -> Iterator[SuppressionList]:
        states = (owned.state for owned in self._owned.values())
        return (state.listed for state in states if state is not None and state.listed is not None)

    async def run(self) -> None:
        """Take and carry out requests until `stop`; then finish what is in flight, within the drain budget."""
        async with asyncio.TaskGroup() as self._group:
            overtaking = Overtaking(self._world).run(self._owned)
            watches = (self._world.room.watch(), self._mind_reading(), overtaking, *self._listen())
            minding = [self._group.create_task(watch) for watch in watches]
            while not self._stopping.is_set():
                await self._fetch()
            await self._drain(self._world.pace.drain_within)
            for task in (*minding, *self._tasks.values()):
                task.cancel()

    def _listen(self) -> tuple[Coroutine[None, None, None], ...]:
        hearing = self._world.hearing
        return () if hearing is None else (Listening(self._world, hearing).run(self._owned),)

    def stop(self) -> None:
        """Take nothing more. `run` ends when what is in flight has ended, or the budget is used up."""
        self._stopping.set()
        self._changed.set()

    # assignment: called by the source in the middle of a rebalance

    async def revoked(self) -> None:
        """A rebalance: nobody is asked to wait for longer than it takes to end the open intents, or the budget."""
        await self._drain(self._world.pace.give_back_within)

    def assigned(self, partitions: Collection[int]) -> None:
        """What is ours now. A partition that we had before goes on where it was."""
        for number in self._owned.keys() - set(partitions):
            del self._owned[number]
            self._tasks[number].cancel()
        if self._stopping.is_set():
            return
        for number in partitions:
            owned = self._owned.get(number)
            if owned is not None:
                owned.resume()
                continue
            owned = self._owned[number] = Owned(number, self._world, self._changed.set)
            self._tasks[number] = self._group.create_task(owned.run(self._tasks.get(number)))
        self._changed.set()

    async def _drain(self, within: float) -> None:
        for owned in self._owned.values():
            owned.shut()
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                for owned in tuple(self._owned.values()):
                    await owned.quiet()

    # records

    async def _fetch(self) -> None:
        rooms = {number: owned.room for number, owned in self._owned.items() if owned.room >= LITTLE}
        most = min([self._world.queue.room, *rooms.values()])
        full = sum(owned.parked for owned in self._owned.values()) >= self._world.pace.parked
        if not rooms or not most or full:
            await self._change()
            return
        epochs = {number: self._owned[number].epoch for number in rooms}
        self._asked = self._world.clock.elapsed()
        records = await self._world.source.fetch(rooms.keys(), most, self._world.pace.fetch_within)
        self._asked = None
        for number, batch in groupby(records, key=lambda record: record.at.partition):
            self._take(number, epochs[number], list(batch))

    async def _mind_reading(self) -> None:
        """Look for ever whether records come where there are some: a client that has lost its way says nothing.

        Two members took turns in joining anew, twice a second for minutes, and neither of them fetched.
        """
        while True:
            await asyncio.sleep(self._world.pace.look_at_reading)
            wanting = [number for number, owned in self._owned.items() if owned.room >= LITTLE]
            try:
                found = await self._world.source.unread(wanting if self._world.queue.room else ())
            except UncertainError:
                continue  # Kafka is away: whoever has something to do there says so
            now = self._world.clock.elapsed()
            former = self._unread
            closed = self._owned.keys() - set(wanting)  # for a moment, in the middle of a rebalance
            self._unread = {number: former[number] for number in closed & former.keys()}
            for number, at in found.items():
                known = former.get(number)
                self._unread[number] = known if known is not None and known[0] == at else (at, now)

    async def _change(self) -> None:
        """Wait for a tick, which makes room; or a while, for what else does."""
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._world.pace.look_for_room):
                await self._changed.wait()

    def _take(self, number: int, epoch: int, batch: list[Record]) -> None:
        owned = self._owned.get(number)
        if owned is None or not owned.open:
            return
        if owned.epoch != epoch and owned.state is not None:
            # The fetch has moved the position past these records: they would be lost.
            self._world.source.seek(number, owned.state.position)
            return
        if len(batch) > (room := max(0, owned.room)):
            # Others were taken out of their turn meanwhile, and have used it up: the rest is fetched again.
            self._world.source.seek(number, batch[room].at.offset)
            del batch[room:]
        for record in batch:
            owned.take(record)
