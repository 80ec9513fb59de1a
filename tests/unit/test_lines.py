"""Who is started next."""

import asyncio
from collections import Counter

from consumer.core.work import Work
from consumer.stream.lines import BURST, Line, Lines, Queue
from consumer.stream.pace import Pace, Room
from tests.builders import record


class Desk:
    """One partition's lines; what is started stays under way until it is ended by hand."""

    def __init__(self, most: int = 1_000, pace: Pace | None = None) -> None:
        self.room = Room(most)
        self.queue = Queue(self.room, pace or Pace())
        self.lines = Lines(self.queue, self._start)
        self.lines.resume()
        self.begun: list[tuple[Work, Line]] = []
        self._offset = 0

    def _start(self, work: Work, line: Line) -> None:
        self.room.take()
        self.begun.append((work, line))

    def come(self, tenant: str, number: int = 1, value: bytes = b"{}") -> None:
        for _ in range(number):
            self._offset += 1
            at = record(value=value, headers=(("tenant", tenant.encode()),), offset=self._offset)
            self.lines.come(Work(at))

    async def settle(self) -> None:
        """Until a round of the loop starts nobody."""
        before = -1
        while before < len(self.begun):
            before = len(self.begun)
            await asyncio.sleep(0)

    async def end(self, number: int) -> None:
        for _ in range(number):
            _, line = self.begun.pop(0)
            self.room.give_back()
            self.queue.ended(line)
            await self.settle()

    @property
    def under_way(self) -> Counter[str]:
        return Counter(line.tenant for _, line in self.begun)


async def test_whoever_comes_behind_a_flood_is_started_at_once() -> None:
    desk = Desk()
    desk.come("flood", 2_000)
    await desk.settle()
    assert desk.under_way == {"flood": desk.room.enough}
    desk.come("quiet")
    assert desk.under_way["quiet"] == 1
    assert desk.queue.number == 2_000 - desk.room.enough


async def test_lines_take_turns() -> None:
    desk = Desk()
    desk.come("a", 1_000)
    await desk.settle()
    desk.come("b", 1_000)
    await desk.end(desk.room.enough)
    assert abs(desk.under_way["a"] - desk.under_way["b"]) <= desk.room.enough // 4


async def test_a_line_keeps_its_order() -> None:
    desk = Desk()
    desk.come("a", 300)
    started: list[int] = []
    while desk.begun:
        started.append(desk.begun[0][0].offset)
        await desk.end(1)
    assert started == list(range(1, 301))


async def test_no_more_than_a_burst_is_started_in_one_round_of_the_loop() -> None:
    desk = Desk()
    desk.come("a", 100)
    assert len(desk.begun) == BURST
    desk.come("b", 1)
    assert desk.under_way["b"] == 1, "but the first of a tenant always is"


async def test_what_is_slow_leaves_room_for_those_that_move() -> None:
    desk = Desk(most=400)
    desk.come("hangs", 1_000)
    await desk.settle()
    (line,) = desk.lines
    desk.lines.judge(line, slow=True, flowing=False)
    desk.come("moves", 1_000)
    await desk.settle()
    assert desk.under_way["moves"] > desk.room.enough // 2
    assert desk.room.free >= desk.room.kept


async def test_a_line_that_flows_is_started_to_be_parked() -> None:
    desk = Desk(most=400)
    desk.come("hangs", 400)
    await desk.settle()
    started = len(desk.begun)
    (line,) = desk.lines
    desk.lines.judge(line, slow=True, flowing=True)
    await desk.settle()
    assert started < len(desk.begun)
    assert all(work.surplus for work, _ in desk.begun[started:])
    assert not any(work.surplus for work, _ in desk.begun[:started])


async def test_who_stood_in_line_hurries_nobody() -> None:
    desk = Desk()
    desk.come("a", 2 * BURST)
    await desk.settle()
    assert [work.prompt for work, _ in desk.begun] == [True] * BURST + [False] * BURST


async def test_nobody_is_started_while_the_partition_is_closed() -> None:
    desk = Desk()
    desk.lines.open = False
    desk.come("a", 3)
    await desk.settle()
    assert not desk.begun
    desk.lines.resume()
    assert len(desk.begun) == 3


async def test_what_was_under_way_before_lines_were_cleared_counts_no_more_once_it_ends() -> None:
    desk = Desk()
    desk.come("a", 500)
    await desk.settle()
    desk.lines.clear()
    assert desk.queue.number == 0
    assert desk.queue.room == Pace().ahead
    await desk.end(len(desk.begun))
    assert not list(desk.lines)
    desk.come("a", 500)
    await desk.settle()
    assert desk.under_way == {"a": desk.room.enough}


async def test_records_in_line_are_bounded_by_number_and_by_bytes() -> None:
    desk = Desk(most=1, pace=Pace(ahead=50, ahead_bytes=100_000))
    desk.come("a", 41)
    assert desk.queue.room == 10
    desk.come("a", 1, b"x" * 100_000)
    assert desk.queue.room == 0


async def test_ten_thousand_tenants_are_all_served() -> None:
    desk = Desk(most=100)
    for number in range(10_000):
        desk.come(f"t{number}")
    served = 0
    while desk.begun:
        served += len(desk.begun)
        await desk.end(len(desk.begun))
    assert served >= 10_000
    assert desk.queue.number == 0
