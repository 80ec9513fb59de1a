"""Commands about what is parked: cancelled and promoted by whoever owns the partition, in one tick with what they do."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from random import Random

import orjson
import pytest

from consumer.adapters.memory_kafka import Fault
from consumer.core.attempt import Answered, InDoubt, NotSent, Stage
from consumer.core.metadata import Metadata
from consumer.core.outcome import (
    Accepted,
    Cancelled,
    Declined,
    Expired,
    Invalid,
    Obeyed,
    Outcome,
    Unknown,
)
from consumer.core.parking import Reason
from consumer.core.record import Coordinates
from consumer.core.reply import Reply
from consumer.core.timestamp import format_timestamp
from consumer.delivery import NOBODY
from tests.builders import metadata_text, tenant
from tests.flow.process import OK, Process, Seen, Setup, running, until
from tests.flow.test_storms import blow

HOUR = 3_600.0
LATER = Reply(450, "later")
CANCELLED, PROMOTED = Obeyed("cancel", "r-1"), Obeyed("promote", "r-1")


def command(
    setup: Setup,
    verb: str,
    id_: str = "r-1",
    *,
    name: str = "acme",
    own: str = "c-1",
    partition: int | None = None,
    **more: str,
) -> Coordinates:
    """Put a command into the topic: at its tenant's home, unless told otherwise."""
    headers = {"tenant": name, "request_id": own, "operation": "parked-command"} | more
    at = setup.home(name) if partition is None else partition
    written = tuple((key, value.encode()) for key, value in headers.items())
    return setup.kafka.produce(at, orjson.dumps({"command": verb, "id": id_}), headers=written, at=setup.clock.now())


async def parked(setup: Setup, reason: Reason, id_: str = "r-1", *, number: int = 1) -> None:
    """Wait until so many requests wait for that."""

    def waiting() -> bool:
        entries = [entry for partition in setup.kafka.parked for entry in partition.values()]
        return [entry.id for entry in entries if entry.reason is reason][:number].count(id_) == 1

    await until(waiting)


def told(setup: Setup) -> dict[str | None, Outcome]:
    """The outcome of each id; that there is but one of each is asserted."""
    concluded = setup.kafka.all_outcomes
    assert max(Counter(one.subject.id for one in concluded).values()) == 1
    return {one.subject.id: one.outcome for one in concluded}


def send_at(setup: Setup, seconds: float = HOUR) -> str:
    return format_timestamp(setup.clock.now() + seconds)


def ticks(process: Process) -> list[set[str | None]]:
    """The ids of the outcomes of each tick that had any."""
    observer = process.world.observer
    assert isinstance(observer, Seen)
    return [{one.subject.id for one in tick.outcomes} for tick in observer.ticks if tick.outcomes]


async def test_a_cancelled_request_and_its_command_have_their_outcomes_in_one_tick() -> None:
    setup = Setup()
    async with running(setup) as process:
        setup.request(sendAt=send_at(setup))
        await parked(setup, Reason.SEND_AT)
        command(setup, "cancel")
        await setup.outcomes(2)
        assert told(setup) == {"r-1": Cancelled("", 0), "c-1": CANCELLED}
        assert ticks(process) == [{"r-1", "c-1"}]
        assert setup.kafka.parked[0] == {}
        setup.clock.shift += 2 * HOUR
        setup.request("r-2")
        await setup.outcomes(3)
    assert len(setup.outbox.bodies) == 1


async def test_each_of_both_outcomes_has_the_type_of_what_it_answers() -> None:
    setup = Setup()
    async with running(setup):
        setup.request(sendAt=send_at(setup))
        await parked(setup, Reason.SEND_AT)
        command(setup, "cancel")
        concluded = await setup.outcomes(2)
    assert [(one.subject.id, one.subject.type) for one in concluded] == [
        ("r-1", "email.send-email.v1"),
        ("c-1", "email.parked-command.v1"),
    ]


async def test_the_id_of_a_cancelled_request_may_come_again() -> None:
    setup = Setup()
    async with running(setup):
        setup.request(sendAt=send_at(setup))
        await parked(setup, Reason.SEND_AT)
        command(setup, "cancel")
        await setup.outcomes(2)
        setup.request()
        *_, again = await setup.outcomes(3)
    assert isinstance(again.outcome, Accepted)


async def test_a_request_in_its_tenants_queue_can_be_cancelled_and_the_others_move_up() -> None:
    setup = Setup(tenants=(tenant(h_limit=1),))
    async with running(setup):
        for number in range(4):
            setup.request(f"r-{number}")
        await parked(setup, Reason.WINDOW, "r-1")
        command(setup, "cancel")
        await setup.outcomes(3)
        for number in (4, 5):
            setup.clock.shift += HOUR + 1
            await setup.outcomes(number)
    assert [one.subject.id for one in setup.kafka.all_outcomes] == ["r-0", "r-1", "c-1", "r-2", "r-3"]


async def test_a_foreign_tenant_cannot_cancel() -> None:
    setup = Setup(tenants=(tenant(), tenant("other")))
    async with running(setup):
        setup.request(sendAt=send_at(setup))
        await parked(setup, Reason.SEND_AT)
        command(setup, "cancel", name="other")
        await setup.outcomes(1)
        setup.clock.shift += HOUR
        await setup.outcomes(2)
    outcomes = told(setup)
    assert outcomes["c-1"] == Declined("not-parked", "cancel", "r-1")
    assert isinstance(outcomes["r-1"], Accepted)


async def test_a_second_cancel_finds_nothing_parked() -> None:
    setup = Setup()
    async with running(setup):
        setup.request(sendAt=send_at(setup))
        await parked(setup, Reason.SEND_AT)
        command(setup, "cancel")
        command(setup, "cancel", own="c-2")
        await setup.outcomes(3)
    assert sorted(type(one).__name__ for one in told(setup).values()) == ["Cancelled", "Declined", "Obeyed"]


async def test_a_request_that_ended_is_not_parked() -> None:
    setup = Setup()
    async with running(setup):
        setup.request()
        await setup.outcomes(1)
        command(setup, "promote")
        await setup.outcomes(2)
    assert told(setup)["c-1"] == Declined("not-parked", "promote", "r-1")


@pytest.mark.parametrize("verb", ["cancel", "promote"])
async def test_what_is_being_sent_is_left_alone(verb: str) -> None:
    setup = Setup()
    setup.outbox.judge = lambda _: "after"
    async with running(setup):
        setup.request()
        await until(lambda: bool(setup.outbox.bodies))
        command(setup, verb)
        await setup.outcomes(1)
    assert told(setup)["c-1"] == Declined("in-flight", verb, "r-1")  # pyright: ignore[reportArgumentType]


async def test_what_is_being_tried_again_is_left_alone() -> None:
    setup = Setup()
    setup.outbox.judge = lambda _: NotSent(Stage.CONNECT, "refused")
    async with running(setup):
        setup.request()
        await parked(setup, Reason.RETRY)
        setup.outbox.judge = lambda _: "after"
        setup.clock.shift += HOUR
        await until(lambda: bool(setup.outbox.bodies))
        command(setup, "cancel")
        await setup.outcomes(1)
    assert told(setup)["c-1"] == Declined("in-flight", "cancel", "r-1")


async def test_a_cancelled_retry_says_why_it_waited() -> None:
    setup = Setup()
    setup.outbox.judge = lambda _: NotSent(Stage.MAIL, "", Reply(451, "later", "4.3.0"))
    async with running(setup):
        setup.request()
        await parked(setup, Reason.RETRY)
        command(setup, "cancel")
        await setup.outcomes(2)
    assert told(setup)["r-1"] == Cancelled("mail 451 4.3.0", 1)


async def test_a_request_that_somebody_got_is_accepted_when_it_is_cancelled() -> None:
    setup = Setup()
    setup.outbox.judge = lambda _: Answered((OK, LATER), OK, setup.clock.now())
    async with running(setup):
        setup.request(to=["ann@example.com", "bob@example.com"])
        await parked(setup, Reason.RETRY)
        command(setup, "cancel")
        await setup.outcomes(2)
    accepted = told(setup)["r-1"]
    assert isinstance(accepted, Accepted)
    assert accepted.accepted == ("ann@example.com",)
    assert [str(one.reply) for one in accepted.rejected] == ["450 not accepted before the request was cancelled"]


async def test_without_its_tenant_a_request_that_somebody_got_stays_parked() -> None:
    setup = Setup()
    setup.outbox.judge = lambda _: Answered((OK, LATER), OK, setup.clock.now())
    async with running(setup):
        setup.request(to=["ann@example.com", "bob@example.com"])
        await parked(setup, Reason.RETRY)
        setup.directory.go_down()
        command(setup, "cancel")
        await setup.outcomes(1)
        assert told(setup)["c-1"] == Declined("config-unavailable", "cancel", "r-1")
        setup.directory.come_back()
        setup.outbox.judge = lambda _: None
        setup.clock.shift += HOUR
        await setup.outcomes(2)
    assert isinstance(told(setup)["r-1"], Accepted)


async def test_a_request_in_doubt_that_waits_to_be_sent_again_is_unknown_when_it_is_cancelled() -> None:
    setup = Setup()
    setup.outbox.judge = lambda _: InDoubt("cut")
    async with running(setup):
        setup.request(onUnknown="resend")
        await parked(setup, Reason.RESEND)
        setup.outbox.judge = lambda _: NotSent(Stage.CONNECT, "refused")
        setup.clock.shift += 60
        await parked(setup, Reason.RETRY)
        command(setup, "cancel")
        await setup.outcomes(2)
    assert isinstance(told(setup)["r-1"], Unknown)


async def test_a_promoted_request_goes_before_its_send_at() -> None:
    setup = Setup()
    async with running(setup):
        setup.request(sendAt=send_at(setup))
        await parked(setup, Reason.SEND_AT)
        command(setup, "promote")
        await setup.outcomes(2)
    outcomes = told(setup)
    assert outcomes["c-1"] == PROMOTED
    assert isinstance(outcomes["r-1"], Accepted)
    assert setup.kafka.parked[0] == {}


async def test_a_promoted_request_that_a_relay_refuses_for_now_waits_for_the_next_attempt_only() -> None:
    setup = Setup()
    setup.outbox.judge = lambda _: NotSent(Stage.CONNECT, "refused")
    async with running(setup):
        setup.request(sendAt=send_at(setup, 24 * HOUR))
        await parked(setup, Reason.SEND_AT)
        command(setup, "promote")
        await parked(setup, Reason.RETRY)
        setup.outbox.judge = lambda _: None
        setup.clock.shift += 120
        await setup.outcomes(2)
    assert isinstance(told(setup)["r-1"], Accepted)


async def test_a_promoted_retry_goes_at_once() -> None:
    setup = Setup()
    setup.outbox.judge = lambda _: NotSent(Stage.CONNECT, "refused")
    async with running(setup):
        setup.request()
        await parked(setup, Reason.RETRY)
        setup.outbox.judge = lambda _: None
        command(setup, "promote")
        await setup.outcomes(2)
    assert isinstance(told(setup)["r-1"], Accepted)


async def test_no_command_exceeds_a_limit() -> None:
    setup = Setup(tenants=(tenant(h_limit=1),))
    async with running(setup):
        for number in range(3):
            setup.request(f"r-{number}")
        await parked(setup, Reason.WINDOW, "r-1")
        command(setup, "promote", "r-1")
        command(setup, "promote", "r-2", own="c-2")
        await setup.outcomes(3)
    outcomes = told(setup)
    assert outcomes["c-1"] == Declined("window-full", "promote", "r-1")
    assert isinstance(outcomes["c-2"], Declined)
    assert len(setup.outbox.bodies) == 1


async def test_a_command_in_another_partition_is_forwarded_home() -> None:
    setup = Setup(4)
    async with running(setup):
        setup.request(sendAt=send_at(setup))
        await parked(setup, Reason.SEND_AT)
        origin = command(setup, "cancel", partition=(setup.home("acme") + 1) % 4)
        await setup.outcomes(2)
    assert told(setup) == {"r-1": Cancelled("", 0), "c-1": CANCELLED}
    assert setup.kafka.all_outcomes[-1].subject.origin == origin


async def test_a_command_may_have_the_id_of_the_request() -> None:
    setup = Setup()
    async with running(setup):
        setup.request(sendAt=send_at(setup))
        await parked(setup, Reason.SEND_AT)
        command(setup, "cancel", own="r-1")
        outcomes = await setup.outcomes(2)
    assert [one.outcome for one in outcomes] == [Cancelled("", 0), CANCELLED]


async def test_a_command_whose_time_is_up_is_not_obeyed() -> None:
    setup = Setup()
    async with running(setup):
        setup.request(sendAt=send_at(setup))
        await parked(setup, Reason.SEND_AT)
        command(setup, "cancel", expirytime=send_at(setup, -1))
        await setup.outcomes(1)
    assert told(setup) == {"c-1": Declined("expired", "cancel", "r-1")}


async def test_a_command_that_makes_no_sense_is_one_outcome() -> None:
    setup = Setup()
    async with running(setup):
        command(setup, "delete")
        await setup.outcomes(1)
    assert told(setup) == {"c-1": Invalid("invalid-request", ('/command: expected one of ["cancel","promote"]',))}


async def test_a_cancelled_request_that_the_topic_no_longer_holds_has_its_outcome() -> None:
    setup = Setup()
    async with running(setup):
        at = setup.request(sendAt=send_at(setup))
        await parked(setup, Reason.SEND_AT)
        setup.kafka.gone.add(at)
        command(setup, "cancel")
        await setup.outcomes(2)
    assert told(setup) == {"r-1": Expired("no longer in the request topic", 0), "c-1": CANCELLED}


async def test_a_cancelled_request_that_can_no_longer_be_read_ends_as_that() -> None:
    setup = Setup()
    async with running(setup):
        setup.request(sendAt=send_at(setup))
        await parked(setup, Reason.SEND_AT)
        setup.kafka.requests[0][0] = replace(setup.kafka.requests[0][0], value=b"{")
        command(setup, "cancel")
        await setup.outcomes(2)
    assert isinstance(told(setup)["r-1"], Invalid)


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.ANSWER_LOST, Fault.DIES_BEFORE, Fault.DIES_AFTER])
@pytest.mark.parametrize("verb", ["cancel", "promote"])
async def test_whatever_happens_to_the_tick_of_a_command_there_is_one_outcome_each(verb: str, fault: Fault) -> None:
    setup = Setup()
    async with running(setup):
        setup.request(sendAt=send_at(setup))
        await parked(setup, Reason.SEND_AT)
        struck = asyncio.Event()

        def strike(_: int) -> Fault | None:
            first = not struck.is_set()
            struck.set()
            return fault if first else None

        setup.kafka.fault = strike
        command(setup, verb)
        await struck.wait()
    async with running(setup):
        await setup.outcomes(2)
    outcomes = told(setup)
    assert isinstance(outcomes["r-1"], Cancelled if verb == "cancel" else Accepted)
    assert setup.kafka.parked[0] == {}
    assert len(setup.outbox.bodies) == (verb == "promote")


async def test_a_request_of_which_somebody_got_a_part_ends_unknown_with_its_tenant() -> None:
    setup = Setup()
    setup.outbox.judge = lambda _: Answered((OK, LATER), OK, setup.clock.now())
    async with running(setup):
        setup.request(to=["ann@example.com", "bob@example.com"])
        await parked(setup, Reason.RETRY)
        setup.directory.remove("acme")
        command(setup, "cancel")
        await setup.outcomes(2)
    assert told(setup)["r-1"] == NOBODY


@pytest.mark.parametrize("seed", range(8))
async def test_in_a_storm_each_request_and_each_command_has_one_outcome(seed: int) -> None:
    dice = Random(seed)  # noqa: S311  a storm that can be had again
    setup = Setup(3, tuple(tenant(f"t{n}", h_limit=1_000) for n in range(4)))
    for number in range(60):
        name = f"t{number % 4}"
        setup.request(f"r-{number}", name=name, partition=dice.randrange(3), sendAt=send_at(setup, dice.randrange(5)))
        verb = dice.choice(["cancel", "promote"])
        command(setup, verb, f"r-{dice.randrange(60)}", name=name, own=f"c-{number}", partition=dice.randrange(3))
    setup.kafka.fault = lambda _: dice.choices([None, Fault.LOST, Fault.ANSWER_LOST], [20, 1, 1])[0]
    processes: dict[int, Process] = {}
    async with AsyncExitStack() as stack:
        while len(setup.kafka.all_outcomes) < 120:
            await blow(setup, dice, processes, stack)
            setup.clock.shift += 0.2
            await asyncio.sleep(0.002)
        setup.kafka.fault = lambda _: None
    outcomes = told(setup)
    assert len(outcomes) == 120
    ended = Counter(type(outcome) for id_, outcome in outcomes.items() if id_ and id_.startswith("r-"))
    obeyed = sum(outcome.command == "cancel" for outcome in outcomes.values() if isinstance(outcome, Obeyed))
    assert ended[Cancelled] == obeyed
    assert ended.keys() <= {Accepted, Cancelled, Unknown}
    assert max(Counter(identity for identity, _ in setup.outbox.bodies).values()) == 1


async def test_a_command_that_is_read_again_does_nothing() -> None:
    setup = Setup()
    async with running(setup):
        setup.request(sendAt=send_at(setup))
        await parked(setup, Reason.SEND_AT)
        command(setup, "cancel")
        await setup.outcomes(2)
        setup.request(sendAt=send_at(setup))
        await parked(setup, Reason.SEND_AT)
    # Somebody resets the group's offset to the command's, on purpose.
    setup.kafka.committed[0] = (1, metadata_text(Metadata("n"), 1))
    async with running(setup):
        setup.request("r-2")
        await setup.outcomes(3)
        assert [entry.id for entry in setup.kafka.parked[0].values()] == ["r-1"]
