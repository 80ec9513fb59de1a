"""Accidents that have happened, to prototypes of the journal or to itself: each once more, and harmless now."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace

from typing_extensions import override

from consumer.adapters.memory_kafka import Fault, MemoryKafka, MemorySource
from consumer.core.metadata import Metadata
from consumer.core.outcome import Accepted, Unknown
from consumer.core.parking import Entry, Reason
from consumer.core.partition import Keeping
from consumer.core.record import Record
from consumer.stream import World
from tests.builders import metadata_text, tenant
from tests.flow.process import Process, Seen, Setup, running, until


def of(process: Process) -> MemorySource:
    source = process.world.source
    assert isinstance(source, MemorySource)
    return source


def seen(process: Process) -> Seen:
    observer = process.world.observer
    assert isinstance(observer, Seen)
    return observer


async def test_what_was_done_is_known_when_all_were_down_for_longer_than_outcomes_are_remembered() -> None:
    """Who took a window of outcomes for the list of what is done sent 35 mails twice."""
    setup = Setup(keeping=Keeping(ids=60.0, sends=60.0))
    first = setup.request("r-0")
    for number in range(1, 19):
        setup.request(f"r-{number}")
    setup.outbox.judge = lambda mail: "after" if "r-0" in mail.message_id or not setup.outbox.bodies else None
    async with running(setup):
        await setup.outcomes(9)  # the limit of ten an hour, but for the first
        await until(lambda: len(setup.kafka.parked[0]) == 9)
    setup.outbox.judge = lambda _: None
    setup.clock.shift += 3_700.0
    async with running(setup):
        outcomes = await setup.outcomes(19)
    assert Counter(one.subject.id for one in outcomes) == Counter(f"r-{number}" for number in range(19))
    assert [one.subject.origin for one in outcomes if isinstance(one.outcome, Unknown)] == [first]
    assert set(Counter(identity for identity, _ in setup.outbox.bodies).values()) == {1}


class Polled(MemorySource):
    """Counts how often membership was asked for in vain."""

    refusals = 0

    @override
    async def member(self, partition: int) -> bool:
        is_one = await super().member(partition)
        self.refusals += not is_one
        return is_one


class PolledSetup(Setup):
    """Its processes count that."""

    @override
    def world(self) -> World:
        return replace(super().world(), source=Polled(self.kafka))


async def test_who_was_frozen_does_not_fence_its_successor() -> None:
    """Without a proof of membership two processes fenced each other 21 times in four freezes."""
    setup = PolledSetup()
    async with running(setup) as frozen:
        setup.request("r-0")
        await setup.outcomes(1)
        of(frozen).mine.clear()  # and nobody has told it
        async with running(setup) as successor:
            await until(lambda: bool(seen(successor).opened_partitions))
            for number in range(1, 6):
                setup.request(f"r-{number}")
                await setup.outcomes(number + 1)
            source = of(frozen)
            assert isinstance(source, Polled)
            await until(lambda: source.refusals > 2)
            setup.request("r-6")
            await setup.outcomes(7)
            assert seen(frozen).losses == ["fenced"]
            assert (seen(frozen).opened_partitions, seen(successor).opened_partitions) == ([0], [0])
            assert seen(successor).losses == []
    assert len(setup.outbox.bodies) == 7


async def test_who_was_fenced_waits_before_it_takes_over_again() -> None:
    """64 takeovers in five freezes without that wait, 39 with it."""
    setup = Setup()
    setup.pace = replace(setup.pace, heartbeat=0.2)
    async with running(setup) as process:
        await until(lambda: bool(seen(process).opened_partitions))
        setup.kafka.epochs[0] += 1
        setup.request()
        await until(lambda: seen(process).losses == ["fenced"])
        fenced = asyncio.get_running_loop().time()
        await setup.outcomes(1)
        assert asyncio.get_running_loop().time() - fenced > 1.4 * setup.pace.heartbeat


async def test_who_had_a_partition_before_another_does_not_go_by_its_memory() -> None:
    """Judging by memory alone sent one mail twice: another process had granted the same intent in between."""
    setup = Setup()
    setup.outbox.judge = lambda _: "after"
    async with running(setup) as former:
        await until(lambda: bool(seen(former).opened_partitions))

        def cut_off(_: int) -> Fault | None:
            of(former).mine.clear()
            setup.kafka.fault = lambda _: None
            return Fault.LOST

        setup.kafka.fault = cut_off
        setup.request()
        await until(lambda: bool(seen(former).losses))
        async with running(setup):
            await until(lambda: len(setup.outbox.bodies) == 1)
        of(former).mine.add(0)
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Unknown)
    assert len(setup.outbox.bodies) == 1


async def test_a_tick_that_a_broker_has_answered_and_forgotten_is_written_again() -> None:
    """17 of 2,000 requests had no outcome after a broker was killed: it came back without a transaction that was ended."""
    setup = Setup()
    async with running(setup) as process:
        await until(lambda: bool(seen(process).opened_partitions))
        setup.request()
        await until(lambda: bool(setup.outbox.bodies))
        faults = iter([Fault.FORGOTTEN])
        setup.kafka.fault = lambda _: next(faults, None)
        await until(lambda: bool(seen(process).endings))
        setup.request("r-2")
        outcomes = await setup.outcomes(2)
        losses = seen(process).losses
    assert [type(one.outcome) for one in outcomes] == [Accepted, Accepted]
    assert [one.subject.id for one in outcomes] == ["r-1", "r-2"]
    assert len(setup.outbox.bodies) == 2
    assert losses == ["closed"]


class Overtaken(MemorySource):
    """A rebalance comes while a fetch is under way, which then moves the position past the records that it brings."""

    def __init__(self, kafka: MemoryKafka) -> None:
        super().__init__(kafka)
        self.rebalance: Callable[[], None] | None = None

    @override
    async def fetch(self, partitions: Collection[int], most: int, within: float) -> list[Record]:
        records = await super().fetch(partitions, most, within)
        if records and self.rebalance is not None:
            self.rebalance()
            self.rebalance = None
            self.seek(0, records[-1].at.offset + 1)
        return records


class OvertakenSetup(Setup):
    """Processes of it have that accident."""

    @override
    def world(self) -> World:
        return replace(super().world(), source=Overtaken(self.kafka))


async def test_what_a_fetch_brings_that_a_rebalance_has_overtaken_is_read_again() -> None:
    """9 of 2,000 and 19 of 1,500 were lost so."""
    setup = OvertakenSetup()
    async with running(setup) as process:
        await until(lambda: bool(seen(process).opened_partitions))
        source = of(process)
        assert isinstance(source, Overtaken)

        def rebalance() -> None:
            (owned,) = process.stream.owned
            owned.shut()
            process.stream.assigned([0])

        source.rebalance = rebalance
        for number in range(5):
            setup.request(f"r-{number}")
        outcomes = await setup.outcomes(5)
    assert [one.subject.id for one in outcomes] == [f"r-{number}" for number in range(5)]
    assert len(setup.outbox.bodies) == 5


async def test_records_that_come_once_more_while_they_are_under_way_are_ignored() -> None:
    """150 of 150 records that were under way came back with a rebalance."""
    setup = Setup()
    setup.outbox.judge = lambda _: "after"
    async with running(setup) as process:
        for number in range(3):
            setup.request(f"r-{number}")
        await until(lambda: len(setup.outbox.bodies) == 3)
        setup.outbox.judge = lambda _: None
        of(process).seek(0, 0)
        setup.request("r-3")
        (concluded,) = await setup.outcomes(1)
    assert concluded.subject.id == "r-3"
    assert len(setup.outbox.bodies) == 4


async def test_a_partition_that_is_given_back_needs_no_takeover_and_its_sends_go_on() -> None:
    """Every rebalance is eager: who took over anew each time put in doubt what was under way."""
    setup = Setup()
    setup.outbox.judge = lambda _: None if given_back else "after"
    given_back = False
    async with running(setup) as process:
        setup.request("hangs")
        await until(lambda: len(setup.outbox.bodies) == 1)
        given_back = True
        (owned,) = process.stream.owned
        owned.shut()
        process.stream.assigned([0])
        setup.request("r-1")
        (concluded,) = await setup.outcomes(1)
        assert owned.state is not None
        assert len(owned.state.intents) == 1
    assert concluded.subject.id == "r-1"
    assert setup.kafka.epochs[0] == 1


async def test_leave_that_ran_out_while_a_process_was_frozen_sends_no_body() -> None:
    """Between the commit of an intent and its DATA another may have ended it."""
    setup = Setup()
    async with running(setup) as process:
        await until(lambda: bool(seen(process).opened_partitions))

        def freeze(_: int) -> None:
            setup.clock.shift += setup.pace.grant_lifetime
            setup.kafka.fault = lambda _: None

        setup.kafka.fault = freeze
        setup.request()
        (concluded,) = await setup.outcomes(1)
        grants = [tick.granted for tick in seen(process).ticks if tick.granted]
    assert isinstance(concluded.outcome, Accepted)
    assert len(grants) == 2
    assert len(setup.outbox.bodies) == 1


async def test_a_mail_in_doubt_is_sent_again_no_earlier_than_its_former_leave_ends() -> None:
    """Its former owner may only have been frozen, and goes on for as long as its leave holds."""
    setup = Setup(tenants=(tenant(on_unknown="resend"),))
    setup.request()
    setup.outbox.judge = lambda _: "after"
    async with running(setup):
        await until(lambda: len(setup.outbox.bodies) == 1)
    setup.outbox.judge = lambda _: None
    fenced = setup.clock.now()
    async with running(setup):
        while not setup.kafka.all_outcomes:
            setup.clock.shift += 0.1
            await asyncio.sleep(0.002)
    (first, _), (second, at) = setup.outbox.bodies
    assert first == second
    assert at - fenced >= setup.pace.grant_lifetime


async def test_a_parked_entry_with_an_open_intent_is_not_tried_again() -> None:
    """It stood in the parked topic and in the metadata, and each had it sent."""
    setup = Setup()
    place = setup.request()
    entry = Entry(place.offset, place, "acme", "r-1", b"", 0.0, setup.clock.now() + 60, Reason.RETRY)
    setup.kafka.parked[0][place.offset] = entry
    setup.kafka.committed[0] = (1, metadata_text(Metadata("other", intents=(0,)), 1))
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Unknown)
    assert setup.outbox.bodies == []
    assert setup.kafka.parked[0] == {}
