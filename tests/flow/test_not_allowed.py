"""A relay that we do not connect to: who names it in a request is told, of a tenant's own an operator may think better."""

import asyncio

from consumer.core.attempt import Answered, Attempt, InDoubt, NotSent, Stage
from consumer.core.ending import Later
from consumer.core.mail import Mail
from consumer.core.outcome import Accepted, Expired, Unknown, Unresolvable
from consumer.core.parking import Reason
from consumer.core.reply import Reply
from tests.flow.process import OK, Seen, Setup, running

REFUSED = NotSent(Stage.CONNECT, "not-allowed")
BUSY = Reply(450, "busy", "4.2.1")
OWN = {"server": "relay.example", "password": "c4n4ry"}
NOT_ALLOWED = Unresolvable("connection-not-allowed", ("/connection/server: not allowed",))


def _setup(*attempts: Attempt | None) -> Setup:
    """A relay for which the attempts end so, one after another; the last one stays."""
    setup = Setup()
    left = list(attempts)

    def judge(_: Mail) -> Attempt | None:
        return left.pop(0) if len(left) > 1 else left[0]

    setup.outbox.judge = judge
    return setup


async def test_a_relay_that_a_request_names_and_that_is_not_allowed_ends_it() -> None:
    setup = _setup(REFUSED)
    setup.request(connection=OWN)
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert concluded.outcome == NOT_ALLOWED
    assert "c4n4ry" not in repr(concluded)
    assert setup.outbox.bodies == []


async def test_a_tenants_relay_that_is_not_allowed_is_waited_for() -> None:
    setup = _setup(REFUSED, None)
    setup.request()
    async with running(setup) as process:
        later = await _parked(process.world.observer)
        assert later.reason is Reason.NOT_ALLOWED
        assert later.progress.last_reason == "not-allowed"
        setup.clock.shift += 3_600
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Accepted)


async def test_a_tenants_relay_that_is_never_allowed_is_the_reason_why_a_request_expires() -> None:
    setup = _setup(REFUSED)
    setup.request()
    async with running(setup) as process:
        await _parked(process.world.observer)
        setup.clock.shift += 86_400
        (concluded,) = await setup.outcomes(1)
    assert concluded.outcome == Expired("not-allowed", 1)


async def test_whoever_had_the_mail_before_the_relay_was_refused_is_still_told_as_accepted() -> None:
    setup = _setup(REFUSED)
    answered = Answered((OK, BUSY), OK, setup.clock.now())
    setup.outbox.judge = _setup(answered, REFUSED).outbox.judge
    setup.request(to=["ann@example.com", "bob@example.com"], connection=OWN)
    async with running(setup) as process:
        await _parked(process.world.observer)
        setup.clock.shift += 3_600
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Accepted)
    assert concluded.outcome.accepted == ("ann@example.com",)
    (rest,) = concluded.outcome.rejected
    assert rest.recipient == "bob@example.com"
    assert rest.reply == Reply(554, "not accepted before it could not be sent any more: connection-not-allowed")


async def test_a_mail_in_doubt_whose_relay_is_refused_at_the_resend_stays_in_doubt() -> None:
    setup = _setup(InDoubt("connection-lost"), REFUSED)
    setup.request(connection=OWN, onUnknown="resend")
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Unknown)


async def _parked(seen: object) -> Later:
    """Wait until something is parked; how."""
    assert isinstance(seen, Seen)
    while not seen.ticks or not any(isinstance(one, Later) for one in seen.endings):  # noqa: ASYNC110  bounded by the test's own limit
        await asyncio.sleep(0.001)
    return next(one for one in seen.endings if isinstance(one, Later))
