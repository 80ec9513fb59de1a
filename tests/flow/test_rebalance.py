"""Partitions that the group takes away and gives back."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from typing_extensions import override

from consumer.adapters.memory_kafka import Fault, MemoryJournal, MemoryKafka
from consumer.core.outcome import Accepted
from consumer.core.tick import Tick
from consumer.stream import World
from tests.flow.process import Process, Setup, running


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
        await setup.outcomes(1)
        given_back_in_the_middle_of(setup, process, 1)
        for number in range(1, 4):
            setup.request(f"r-{number}")
            outcomes = await setup.outcomes(number + 1)
    assert {type(one.outcome) for one in outcomes} == {Accepted}
    assert len(setup.outbox.bodies) == 4


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
