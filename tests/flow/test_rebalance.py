"""Partitions that the group takes away and gives back."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace

from typing_extensions import override

from consumer.adapters.memory_kafka import Fault, MemoryJournal, MemoryKafka, MemorySource
from consumer.core.attempt import Attempt
from consumer.core.mail import Mail
from consumer.core.outcome import Accepted
from consumer.core.record import Record
from consumer.core.tenant import Relay
from consumer.core.tick import Tick
from consumer.ports import Permit
from consumer.stream import Stream, World
from tests.flow.process import Outbox, Process, Seen, Setup, running


def given_back_in_the_middle_of(setup: Setup, process: Process, commit: int) -> None:
    """The group takes the partition away and gives it back while that tick is being committed."""
    commits = iter(range(1, 1_000_000))

    def rebalance(_: int) -> Fault | None:
        if next(commits) == commit:
            (owned,) = process.stream.owned
            owned.shut()
            process.stream.assigned([0])
        return None

    setup.kafka.fault = rebalance


async def test_a_partition_that_comes_back_while_a_tick_is_under_way_goes_on() -> None:
    setup = Setup()
    setup.request("r-0")
    async with running(setup) as process:
        outcomes = await setup.outcomes(1)
        given_back_in_the_middle_of(setup, process, 1)
        for number in range(1, 4):
            setup.request(f"r-{number}")
            outcomes = await setup.outcomes(number + 1)
    assert {type(one.outcome) for one in outcomes} == {Accepted}
    assert len(setup.outbox.bodies) == 4


class Stuck(Outbox):
    """A relay that is never reached: nobody gets as far as to ask for leave to send."""

    @override
    async def send(self, mail: Mail, relay: Relay, permit: Permit) -> Attempt:
        await asyncio.Event().wait()
        raise AssertionError


async def test_what_was_under_way_outlives_two_owners_that_died_early() -> None:
    setup = Setup()
    setup.pace = replace(setup.pace, offset_alone=0.01)
    outbox, setup.outbox = setup.outbox, Stuck(setup.clock)
    setup.request()
    async with running(setup):
        while setup.kafka.committed.get(0, (0, ""))[0] != 1:  # noqa: ASYNC110  bounded by the test's own limit
            await asyncio.sleep(0)
    async with running(setup) as process:
        seen = process.world.observer
        assert isinstance(seen, Seen)
        while not seen.opened_partitions:  # noqa: ASYNC110  bounded by the test's own limit
            await asyncio.sleep(0)
    setup.outbox = outbox
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Accepted)


async def test_what_was_under_way_goes_on_though_the_answer_to_the_first_tick_is_lost() -> None:
    setup = Setup()
    setup.pace = replace(setup.pace, offset_alone=0.01)
    outbox, setup.outbox = setup.outbox, Stuck(setup.clock)
    setup.request()
    async with running(setup):
        while setup.kafka.committed.get(0, (0, ""))[0] != 1:  # noqa: ASYNC110  bounded by the test's own limit
            await asyncio.sleep(0)
    setup.outbox = outbox
    faults = iter([Fault.ANSWER_LOST])
    setup.kafka.fault = lambda _: next(faults, None)
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Accepted)


class Gate(MemoryJournal):
    """Commits only while it is open."""

    def __init__(self, kafka: MemoryKafka, now: Callable[[], float]) -> None:
        super().__init__(kafka, now)
        self.open_ = asyncio.Event()
        self.open_.set()
        self.knocked = asyncio.Event()

    @override
    async def commit(self, partition: int, tick: Tick) -> None:
        if tick.outcomes:
            self.knocked.set()
            await self.open_.wait()
        await super().commit(partition, tick)


class Gated(Setup):
    """A setup whose process has a gate before its journal."""

    @override
    def world(self) -> World:
        self.gate = Gate(self.kafka, self.clock.now)
        return replace(super().world(), journal=self.gate)


async def test_a_process_that_is_asked_to_stop_waits_for_the_tick_that_holds_its_outcomes() -> None:
    setup = Gated()
    setup.request()
    async with running(setup) as process:
        setup.gate.open_.clear()
        await setup.gate.knocked.wait()
        process.stream.stop()
        _, waiting = await asyncio.wait([process.task], timeout=0.3)
        assert waiting
        setup.gate.open_.set()
        await asyncio.wait([process.task])
    (concluded,) = setup.kafka.all_outcomes
    assert isinstance(concluded.outcome, Accepted)


async def test_who_stands_in_line_of_a_partition_that_is_given_away_takes_no_room_any_more() -> None:
    setup = Setup(partitions=2)
    setup.outbox = Stuck(setup.clock)
    for number in range(1_000):
        setup.request(f"r-{number}", partition=setup.home("acme"))
    async with running(setup) as process:
        queue = process.world.queue
        while not queue.number:  # noqa: ASYNC110  bounded by the test's own limit
            await asyncio.sleep(0.001)
        process.assign(1 - setup.home("acme"))
        while queue.number:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        assert queue.room == setup.pace.ahead
        assert process.world.room.taken == 0


class Deaf(MemorySource):
    """A client that has lost its way: it says nothing, and brings nothing."""

    @override
    async def fetch(self, partitions: Collection[int], most: int, within: float) -> list[Record]:
        await asyncio.sleep(0.001)
        return []


async def test_who_reads_nothing_though_there_is_something_to_read_does_not_get_on() -> None:
    setup = Setup()
    setup.pace = replace(setup.pace, look_at_reading=0.01)
    setup.request()
    world = replace(setup.world(), source=Deaf(setup.kafka))
    stream = Stream(world)
    running_it = asyncio.ensure_future(stream.run())
    await asyncio.sleep(0)
    assert isinstance(world.source, Deaf)
    world.source.mine = {0}
    stream.assigned((0,))
    while stream.stalled() < 0.5:  # noqa: ASYNC110  bounded by the test's own limit
        await asyncio.sleep(0.01)
    assert stream.restored
    running_it.cancel()
    await asyncio.wait([running_it])


async def test_who_has_read_all_there_is_gets_on() -> None:
    setup = Setup()
    setup.pace = replace(setup.pace, look_at_reading=0.01)
    setup.request()
    async with running(setup) as process:
        await setup.outcomes(1)
        setup.clock.shift += 100
        await asyncio.sleep(0.1)
        assert process.stream.stalled() < 1
