"""Who is started next: records that were taken stand in line, a line for each tenant of a partition.

A flood stands in its own line, so whoever comes behind it in Kafka is started at once. In line a request is its
record and no more: that is cheap enough to take thousands ahead, and nobody has to be parked for another's sake.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from consumer.core.envelope import tenant_of
from consumer.core.record import Record
from consumer.core.work import Work
from consumer.stream.pace import ENOUGH, Pace, Room

BURST = 16
"""Requests that are started in one round of the event loop, so that no flood holds up those who are further on."""


@dataclass(slots=True, eq=False)
class Line:
    """One tenant's in one partition. `slow`: what it has under way ends late; `flowing`: the others start to be parked."""

    tenant: str
    lines: "Lines"
    started: int = 0
    slow: bool = False
    flowing: bool = False
    works: deque[Work] = field(default_factory=deque[Work])


class Lines:
    """The lines of one partition. `start` starts a request."""

    def __init__(self, queue: "Queue", start: Callable[[Work, Line], None]) -> None:
        self.open = False
        self._queue = queue
        self.start = start
        self._lines: dict[str, Line] = {}

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines.values())

    def come(self, work: Work) -> None:
        """Started at once if its tenant has nobody in line and not enough under way; otherwise it waits."""
        tenant = tenant_of(work.record)
        line = self._lines.get(tenant)
        if line is None:
            line = self._lines[tenant] = Line(tenant, self)
        if self.open and not line.works and self._queue.may(line):
            self._queue.begin(line, work)
        else:
            self._queue.join(line, work)

    def waiting(self, tenant: str) -> int:
        """How many of a tenant are in line."""
        line = self._lines.get(tenant)
        return 0 if line is None else len(line.works)

    def forget(self, line: Line) -> None:
        """Nobody is in it, and nobody of it is under way."""
        if self._lines.get(line.tenant) is line:
            del self._lines[line.tenant]

    def resume(self) -> None:
        """The partition is open: whoever stood in line goes on."""
        self.open = True
        self._queue.turn(*self._lines.values())

    def judge(self, line: Line, *, slow: bool, flowing: bool) -> None:
        """How a line gets on, and whether all in it are let through, to be parked."""
        self._queue.count(line, slow=slow)
        line.flowing = flowing
        if flowing:
            self._queue.turn(line)

    def clear(self) -> None:
        """Nobody stands in line any more."""
        self._queue.leave(self._lines.values())
        self._lines.clear()


class Queue:
    """All lines of a process in turns, and how much stands in them."""

    def __init__(self, room: Room, pace: Pace) -> None:
        self._room = room
        self._pace = pace
        self._turns: OrderedDict[Line, None] = OrderedDict()  # those that may start somebody, in their order
        self._number = 0
        self._bytes = 0
        self._moving = 0  # started, of tenants that are not slow
        self._movers = 0  # those tenants
        self._burst = 0  # started in this round of the event loop

    @property
    def number(self) -> int:
        """How many wait."""
        return self._number

    @property
    def room(self) -> int:
        """How many more may be taken: 0 where those that wait are too many, or too large."""
        return 0 if self._bytes >= self._pace.ahead_bytes else max(0, self._pace.ahead - self._number)

    @property
    def crowded(self) -> bool:
        """Whether so many stand in it that others may find no room."""
        return self._fuller(0.5)

    @property
    def full(self) -> bool:
        """Whether there is no room either for those who are taken out of their turn."""
        return self._fuller(1.5)

    def _fuller(self, than: float) -> bool:
        return self._number > than * self._pace.ahead or self._bytes > than * self._pace.ahead_bytes

    def may(self, line: Line) -> bool:
        """Whether one more of this line may be started.

        Those that move share what is enough for the process, and may have all of it; each that is slow has half of
        what others leave. Some room is kept for tenants that have nothing under way.
        """
        room = self._room
        if not line.started:
            return room.free > 0
        if room.free <= room.kept or self._burst >= BURST:
            return False
        if line.flowing:
            return True
        if line.slow:
            return line.started < min(ENOUGH // 2, (room.free - room.kept + line.started) // 2)
        return self._moving < room.enough or line.started < room.enough // self._movers

    def begin(self, line: Line, work: Work) -> None:
        """Start one of it."""
        line.started += 1
        if not line.slow:
            self._moving += 1
            self._movers += line.started == 1
        self._burst += 1
        if self._burst == 1:
            asyncio.get_running_loop().call_soon(self._next_round)
        line.lines.start(work, line)

    def ended(self, line: Line) -> None:
        """One of it has ended: the next ones may be started."""
        line.started -= 1
        if not line.slow:
            self._moving -= 1
            self._movers -= not line.started
        if not line.works and not line.started:
            line.lines.forget(line)
        self.turn(line)

    def count(self, line: Line, *, slow: bool) -> None:
        """It is slow from now on, or is not."""
        if slow is not line.slow:
            line.slow = slow
            sign = -1 if slow else 1
            self._moving += sign * line.started
            self._movers += sign * bool(line.started)

    def _next_round(self) -> None:
        self._burst = 0
        self.turn()

    def join(self, line: Line, work: Work) -> None:
        """It waits; nobody hurries for it alone."""
        work.prompt = False
        line.works.append(work)
        self._number += 1
        self._bytes += _size(work.record)
        self._turns[line] = None

    def turn(self, *lines: Line) -> None:
        """These may start somebody again, and so may whoever waited for room."""
        for line in lines:
            if line.works:
                self._turns[line] = None
        while self._turns and self._room.free and self._burst < BURST:
            line, _ = self._turns.popitem(last=False)
            if self._next(line):
                self._turns[line] = None  # at the end: the others come first

    def leave(self, lines: Iterable[Line]) -> None:
        """Nobody stands in these any more."""
        for line in lines:
            self._turns.pop(line, None)
            self._number -= len(line.works)
            self._bytes -= sum(_size(work.record) for work in line.works)
            line.works.clear()

    def _next(self, line: Line) -> bool:
        """Start the first of this line; says whether it may be the line's turn again."""
        if not (line.works and line.lines.open and self.may(line)):
            return False
        work = line.works.popleft()
        self._number -= 1
        self._bytes -= _size(work.record)
        work.surplus = line.flowing
        self.begin(line, work)
        return bool(line.works)


def _size(record: Record) -> int:
    return len(record.value or b"") + 500
