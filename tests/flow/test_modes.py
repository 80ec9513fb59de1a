"""What a tenant's mode makes of its mail, and recipients that say how it is to end."""

import asyncio

import orjson
import pytest

from consumer.core.attempt import Answered, Attempt
from consumer.core.ending import Later
from consumer.core.mail import Mail
from consumer.core.outcome import Accepted, Invalid, RateLimited, Rejected, Suppressed, Unknown
from consumer.core.parking import Reason
from consumer.core.reply import Answer, Meaning, Reply, meaning
from consumer.core.simulator import DRY_RUN, SIMULATOR
from consumer.core.tenant import Mode, Tenant
from tests.builders import tenant
from tests.flow.process import Seen, Setup, running

ANN, BOB = "ann@example.com", "bob@example.com"


def sim(name: str) -> str:
    return f"{name}@simulator.invalid"


async def outcome_of(about: Tenant, *to: str, server: str | None = None) -> tuple[object, Setup]:
    setup = Setup(tenants=(about,))
    if server is None:
        setup.request(to=list(to))
    else:
        setup.request(to=list(to), connection={"server": server, "port": 25})
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    return concluded.outcome, setup


def command(setup: Setup, verb: str, id_: str) -> None:
    headers = (("tenant", b"acme"), ("request_id", b"c-1"), ("operation", b"parked-command"))
    setup.kafka.produce(0, orjson.dumps({"command": verb, "id": id_}), headers=headers, at=setup.clock.now())


async def parked(setup: Setup, number: int) -> None:
    while len(setup.kafka.parked[0]) < number:  # noqa: ASYNC110  bounded by the test's own limit
        await asyncio.sleep(0.001)


def _meaning(answer: Answer) -> Meaning:
    assert isinstance(answer, Reply)
    return meaning(answer)


# modes


async def test_on_hold_a_request_waits_and_goes_when_the_mode_is_live() -> None:
    setup = Setup(tenants=(tenant(mode=Mode.HOLD),))
    setup.request()
    async with running(setup) as process:
        seen = process.world.observer
        assert isinstance(seen, Seen)
        await parked(setup, 1)
        (later,) = [one for one in seen.endings if isinstance(one, Later)]
        assert later.reason is Reason.HOLD
        assert setup.outbox.bodies == []
        setup.directory.put(tenant())
        setup.clock.shift += 61
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Accepted)


async def test_one_on_hold_can_be_promoted_alone() -> None:
    setup = Setup(tenants=(tenant(mode=Mode.HOLD),))
    setup.request("r-1")
    setup.request("r-2")
    async with running(setup):
        await parked(setup, 2)
        command(setup, "promote", "r-2")
        outcomes = await setup.outcomes(2)
    assert [one.subject.id for one in outcomes if isinstance(one.outcome, Accepted)] == ["r-2"]
    assert len(setup.outbox.bodies) == 1


async def test_a_dry_run_ends_as_accepted_and_no_relay_is_asked() -> None:
    outcome, setup = await outcome_of(tenant(mode=Mode.DRY_RUN), ANN, BOB)
    assert isinstance(outcome, Accepted)
    assert (outcome.accepted, outcome.response) == ((ANN, BOB), "250 2.0.0 taken by nobody: dry run")
    assert setup.outbox.bodies == []


async def test_a_dry_run_counts_in_the_windows() -> None:
    setup = Setup(tenants=(tenant(mode=Mode.DRY_RUN, h_limit=1, over_limit="reject"),))
    setup.request("r-1")
    setup.request("r-2")
    async with running(setup):
        outcomes = await setup.outcomes(2)
    assert {type(one.outcome) for one in outcomes} == {Accepted, RateLimited}


async def test_redirected_mail_goes_to_one_address_and_its_outcome_names_the_real_ones() -> None:
    taken: list[Mail] = []
    setup = Setup(tenants=(tenant(mode=Mode.REDIRECT_TO, redirect_to="qa@acme.example"),))
    setup.outbox.judge = taken.append
    setup.request(to=[ANN], bcc=[BOB])
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert [mail.recipients for mail in taken] == [("qa@acme.example",)]
    assert b"To: ann@example.com" in taken[0].content
    assert isinstance(concluded.outcome, Accepted)
    assert concluded.outcome.accepted == (ANN, BOB)


async def test_what_is_said_of_the_address_that_mail_is_redirected_to_is_not_learnt_of_the_others() -> None:
    def judge(_: Mail) -> Attempt:
        return Answered((Reply(550, "no such mailbox", "5.1.1"),), None, 0.0)

    setup = Setup(tenants=(tenant(mode=Mode.REDIRECT_TO, redirect_to="qa@acme.example"),))
    setup.outbox.judge = judge
    setup.request(to=[ANN, BOB])
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Rejected)
    assert [refusal.recipient for refusal in concluded.outcome.rejected] == [ANN, BOB]
    assert {_meaning(refusal.reply) for refusal in concluded.outcome.rejected} == {Meaning.POLICY}


# simulator recipients


async def test_accepted_is_accepted() -> None:
    outcome, setup = await outcome_of(tenant(simulator=True), sim("accepted"))
    assert isinstance(outcome, Accepted)
    assert outcome.accepted == (sim("accepted"),)
    assert setup.outbox.bodies == []


async def test_rejected_is_rejected_and_teaches_nobody_anything() -> None:
    outcome, _ = await outcome_of(tenant(simulator=True), sim("Rejected"))
    assert isinstance(outcome, Rejected)
    assert meaning(outcome.reply) is Meaning.POLICY


async def test_blocked_is_suppressed() -> None:
    outcome, _ = await outcome_of(tenant(simulator=True), sim("blocked"))
    assert outcome == Suppressed((sim("blocked"),))


async def test_unknown_is_unknown_and_uses_the_id_up() -> None:
    outcome, _ = await outcome_of(tenant(simulator=True), sim("unknown"))
    assert isinstance(outcome, Unknown)


async def test_some_accepted_and_some_rejected_is_accepted_in_part() -> None:
    outcome, _ = await outcome_of(tenant(simulator=True), sim("accepted"), sim("rejected"), sim("blocked"))
    assert isinstance(outcome, Accepted)
    assert outcome.accepted == (sim("accepted"),)
    assert [one.recipient for one in outcome.rejected] == [sim("rejected"), sim("blocked")]


async def test_among_real_recipients_a_simulator_one_is_a_mistake_and_nothing_is_sent() -> None:
    outcome, setup = await outcome_of(tenant(simulator=True), ANN, sim("accepted"))
    assert isinstance(outcome, Invalid)
    assert setup.outbox.bodies == []


async def test_where_nobody_allowed_it_such_a_recipient_is_one_like_any_other() -> None:
    _, setup = await outcome_of(tenant(), sim("rejected"))
    assert len(setup.outbox.bodies) == 1


async def test_simulated_mail_counts_in_the_windows() -> None:
    setup = Setup(tenants=(tenant(simulator=True, h_limit=1, over_limit="reject"),))
    setup.request("r-1", to=[sim("accepted")])
    setup.request("r-2", to=[sim("accepted")])
    async with running(setup):
        outcomes = await setup.outcomes(2)
    assert {type(one.outcome) for one in outcomes} == {Accepted, RateLimited}


@pytest.mark.parametrize("server", [DRY_RUN.host, SIMULATOR.host])
async def test_no_request_gets_a_stand_in_by_naming_it(server: str) -> None:
    _, setup = await outcome_of(tenant(), ANN, server=server)
    assert len(setup.outbox.bodies) == 1
