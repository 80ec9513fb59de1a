"""Test mails and validations of credentials: answered at once, exactly once, and not too often."""

import asyncio
from collections import Counter
from typing import Any

import orjson
import pytest

from consumer.adapters.memory_transport import WELCOME
from consumer.core.attempt import Answered, Attempt, InDoubt, NotSent, Stage, Withheld
from consumer.core.mail import Mail
from consumer.core.outcome import (
    Accepted,
    Duplicate,
    Expired,
    Failed,
    Invalid,
    Outcome,
    RateLimited,
    Rejected,
    Timed,
    Unknown,
    Validated,
)
from consumer.core.partition import Keeping
from consumer.core.probe import Probed, Stopped
from consumer.core.record import Coordinates
from consumer.core.reply import Reply
from consumer.core.tenant import MicrosoftAccount, Relay
from tests.builders import tenant
from tests.flow.process import OK, Setup, running
from tests.flow.test_crash_points import COMMITS, FAULTS, Doom

TEST, VALIDATION = "send-test-email", "validate-credentials"
STORED = Relay("relay.acme.example", 587, user="mailer", password="stored")
ACME = tenant(relay=STORED, h_limit=100)
WRONG = Reply(535, "no such user mailer, or wrong password", "5.7.8")
LATER = Reply(450, "later")


def ask(
    setup: Setup, operation: str, id_: str = "t-1", *, partition: int | None = None, **fields: object
) -> Coordinates:
    """Put a trial into the topic: at its tenant's home, unless told otherwise."""
    headers = (("tenant", b"acme"), ("request_id", id_.encode()), ("operation", operation.encode()))
    body = ({"email": "ann@example.com"} if operation == TEST else {}) | fields
    at = setup.home("acme") if partition is None else partition
    return setup.kafka.produce(at, orjson.dumps(body), headers=headers, at=setup.clock.now())


async def ended(setup: Setup, operation: str, **fields: Any) -> Outcome:  # noqa: ANN401
    """How it ends, at once and without anything parked on the way."""
    async with running(setup):
        ask(setup, operation, **fields)
        (concluded,) = await setup.outcomes(1)
    assert not any(setup.kafka.parked)
    return concluded.outcome


def at_hand(**more: Any) -> Setup:  # noqa: ANN401
    return Setup(tenants=(ACME,), **more)


async def test_a_test_mail_is_sent_like_any_other() -> None:
    setup = at_hand()
    assert isinstance(await ended(setup, TEST), Accepted)
    assert len(setup.outbox.bodies) == 1


@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        pytest.param(NotSent(Stage.CONNECT, "dns"), Failed("dns", "dns"), id="dns"),
        pytest.param(NotSent(Stage.CONNECT, "unreachable"), Failed("tcp", "unreachable"), id="tcp"),
        pytest.param(NotSent(Stage.TLS, "certificate"), Failed("tls", "certificate"), id="tls"),
        pytest.param(
            NotSent(Stage.AUTH, "refused", WRONG),
            Failed("auth", "refused", Reply(535, "no such user ***, or wrong password", "5.7.8")),
            id="auth",
        ),
        pytest.param(NotSent(Stage.MAIL, "refused", LATER), Failed("mail", "refused", LATER), id="mail"),
        pytest.param(Answered((LATER,), None, 0.0), Failed("rcpt", "refused", LATER), id="rcpt"),
        pytest.param(Answered((OK,), LATER, 0.0), Failed("data", "refused", LATER), id="body"),
    ],
)
async def test_a_test_mail_that_is_not_taken_is_not_tried_again_and_says_where_it_ended(
    attempt: Attempt, outcome: Outcome
) -> None:
    setup = at_hand()
    setup.outbox.judge = lambda _: attempt
    assert await ended(setup, TEST) == outcome


async def test_a_test_mail_that_is_refused_for_good_is_rejected_and_one_in_doubt_is_unknown() -> None:
    for attempt, kind in ((Answered((Reply(550, "no"),), None, 0.0), Rejected), (InDoubt("cut"), Unknown)):
        setup = Setup(tenants=(tenant(relay=STORED, on_unknown="resend"),))
        setup.outbox.judge = lambda _, attempt=attempt: attempt
        assert isinstance(await ended(setup, TEST), kind)


async def test_a_validation_connects_with_what_is_stored_and_sends_nothing() -> None:
    setup = at_hand()
    outcome = await ended(setup, VALIDATION)
    assert isinstance(outcome, Validated)
    assert [stage.name for stage in outcome.stages] == ["dns", "tcp", "greeting", "tls", "auth"]
    assert (outcome.login, outcome.reply) == (True, WELCOME)
    assert setup.prober.asked == [STORED]
    assert setup.outbox.bodies == []


async def test_a_validation_says_what_is_to_be_used_instead() -> None:
    setup = at_hand()
    await ended(setup, VALIDATION, smtp_host="other.example", smtp_port="465", smtp_user="me", smtp_pass="mine")
    (asked,) = setup.prober.asked
    assert (asked.host, asked.port, asked.scheme, asked.user, asked.password) == (
        "other.example", 465, "smtps", "me", "mine",
    )  # fmt: skip


ACCOUNT = {"tenant_id": "acme.example", "client_id": "the-client", "client_secret": "s3cret"}


async def test_a_trial_may_name_an_account_of_microsoft_in_place_of_a_password() -> None:
    setup = at_hand()
    await ended(setup, VALIDATION, smtp_user="box", microsoft_auth=ACCOUNT)
    (asked,) = setup.prober.asked
    mine = MicrosoftAccount("acme.example", "the-client", "s3cret")
    assert (asked.user, asked.password, asked.microsoft) == ("box", None, mine)


async def test_a_token_that_was_refused_is_told_of_a_test_mail_at_auth_though_the_relay_is_left_alone() -> None:
    setup = at_hand()
    setup.outbox.judge = lambda _: Withheld("token-refused AADSTS7000215", setup.clock.now() + 60)
    assert await ended(setup, TEST, microsoft_auth=ACCOUNT) == Failed("auth", "token-refused AADSTS7000215")


@pytest.mark.parametrize("operation", [TEST, VALIDATION])
async def test_nobody_gets_the_stored_password_sent_to_a_host_of_his_own(operation: str) -> None:
    setup = at_hand()
    outcome = await ended(setup, operation, smtp_host="evil.example")
    assert isinstance(outcome, Invalid)
    assert outcome.type == "invalid-request"
    assert (setup.prober.asked, setup.outbox.bodies) == ([], [])


async def test_a_validation_that_fails_says_where_and_why_without_the_stored_user() -> None:
    setup = at_hand()

    async def refused(_: Relay) -> Probed:
        return Stopped((Timed("dns", 0.1), Timed("auth", 0.2)), "refused", WRONG)

    setup.prober.answer = refused
    assert await ended(setup, VALIDATION) == Failed(
        "auth",
        "refused",
        Reply(535, "no such user ***, or wrong password", "5.7.8"),
        (Timed("dns", 0.1), Timed("auth", 0.2)),
    )


async def test_a_validation_while_the_directory_is_down_is_told_so_at_once() -> None:
    setup = at_hand()
    setup.directory.go_down()
    assert await ended(setup, VALIDATION) == Failed("config", "config-unavailable")


async def test_a_test_mail_waits_for_the_directory() -> None:
    setup = at_hand()
    setup.directory.go_down()
    async with running(setup):
        ask(setup, TEST)
        while not any(setup.kafka.parked):  # noqa: ASYNC110  bounded by the test's own limit
            await asyncio.sleep(0.001)
        setup.directory.come_back()
        setup.clock.shift += 60
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Accepted)


@pytest.mark.parametrize("operation", [TEST, VALIDATION])
async def test_an_unknown_tenant_has_no_trials(operation: str) -> None:
    outcome = await ended(Setup(tenants=()), operation)
    assert isinstance(outcome, Invalid)
    assert outcome.type == "unknown-tenant"


@pytest.mark.parametrize("operation", [TEST, VALIDATION])
async def test_a_trial_in_another_partition_is_forwarded_home(operation: str) -> None:
    setup = at_hand(partitions=4)
    async with running(setup):
        origin = ask(setup, operation, partition=(setup.home("acme") + 1) % 4)
        (concluded,) = await setup.outcomes(1)
    assert concluded.subject.origin == origin
    assert concluded.subject.at.partition == setup.home("acme")


@pytest.mark.parametrize("operation", [TEST, VALIDATION])
async def test_a_trial_whose_time_is_up_is_expired(operation: str) -> None:
    setup = at_hand()
    ask(setup, operation)
    setup.clock.shift += 90_000
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Expired)


async def test_a_validation_under_an_id_that_is_in_flight_is_a_duplicate() -> None:
    setup, gate = at_hand(), asyncio.Event()

    async def wait(_: Relay) -> None:
        await gate.wait()

    setup.prober.answer = wait
    async with running(setup):
        ask(setup, VALIDATION)
        ask(setup, VALIDATION)
        (duplicate,) = await setup.outcomes(1)
        gate.set()
        await setup.outcomes(2)
        ask(setup, VALIDATION)
        *_, again = await setup.outcomes(3)
    assert isinstance(duplicate.outcome, Duplicate)
    assert isinstance(again.outcome, Validated)


# limits

FEW = Keeping(trials={"email.send-test-email.v1": 2, "email.validate-credentials.v1": 2})


@pytest.mark.parametrize("operation", [TEST, VALIDATION])
async def test_beyond_the_limit_it_is_said_when_to_ask_again(operation: str) -> None:
    setup = at_hand(keeping=FEW)
    setup.clock.shift += setup.clock.now() % 1
    async with running(setup):
        for number in range(4):
            ask(setup, operation, f"t-{number}")
            await setup.outcomes(number + 1)
        *_, limited, also = (one.outcome for one in setup.kafka.all_outcomes)
        assert isinstance(limited, RateLimited)
        assert isinstance(also, RateLimited)
        assert 3590 < limited.retry_after <= 3600
        setup.clock.shift += 3601
        ask(setup, operation, "t-5")
        *_, after = await setup.outcomes(5)
    assert isinstance(after.outcome, Accepted | Validated)


async def test_wrong_passwords_count_as_right_ones_do() -> None:
    setup = at_hand(keeping=FEW)
    setup.outbox.judge = lambda _: NotSent(Stage.AUTH, "refused", WRONG)
    async with running(setup):
        for number in range(3):
            ask(setup, TEST, f"t-{number}", smtp_pass=f"guess-{number}")
            await setup.outcomes(number + 1)
    assert [type(one.outcome) for one in setup.kafka.all_outcomes] == [Failed, Failed, RateLimited]


@pytest.mark.parametrize("operation", [TEST, VALIDATION])
async def test_the_limit_holds_over_restarts(operation: str) -> None:
    setup = at_hand(keeping=FEW)
    for number in range(3):
        async with running(setup):
            ask(setup, operation, f"t-{number}")
            await setup.outcomes(number + 1)
    assert isinstance(setup.kafka.all_outcomes[-1].outcome, RateLimited)


async def test_a_validation_that_was_lost_with_its_process_counts_and_is_carried_out_again() -> None:
    setup = at_hand(keeping=FEW)

    async def hang(_: Relay) -> None:
        await asyncio.Event().wait()

    setup.prober.answer = hang
    async with running(setup):
        ask(setup, VALIDATION)
        setup.request("r-1")
        await setup.outcomes(1)  # a tick: the offset is beyond the validation, which hangs
        assert len(setup.prober.asked) == 1
    setup.prober.answer = None
    async with running(setup):
        *_, again = await setup.outcomes(2)
        ask(setup, VALIDATION, "t-2")
        *_, limited = await setup.outcomes(3)
    assert isinstance(again.outcome, Validated)
    assert isinstance(limited.outcome, RateLimited)


async def test_a_test_mail_counts_in_its_tenants_windows_and_waits_for_none() -> None:
    setup = Setup(tenants=(tenant(relay=STORED, h_limit=1),))
    async with running(setup):
        ask(setup, TEST)
        await setup.outcomes(1)
        setup.request("r-1")
        ask(setup, TEST, "t-2")
        *_, limited = await setup.outcomes(2)
        assert isinstance(limited.outcome, RateLimited)
        assert len(setup.outbox.bodies) == 1
        setup.clock.shift += 3601
        *_, sent = await setup.outcomes(3)
    assert isinstance(sent.outcome, Accepted)


# crashes


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("at", range(1, COMMITS + 1))
async def test_whatever_fails_each_trial_has_one_outcome_and_no_test_mail_is_sent_twice(at: int, what: str) -> None:
    setup = at_hand()
    doom = Doom(at, what)
    setup.kafka.fault = doom.strike

    def judge(mail: Mail) -> Attempt | str | None:
        return InDoubt("cut") if not setup.outbox.bodies else None

    setup.outbox.judge = judge
    ids = ("t-0", "v-0", "t-1", "v-1")
    for id_ in ids:
        ask(setup, TEST if id_.startswith("t") else VALIDATION, id_)
    while len(setup.kafka.all_outcomes) < len(ids):
        async with running(setup):
            was_dead = doom.dead
            while len(setup.kafka.all_outcomes) < len(ids) and doom.dead is was_dead:  # noqa: ASYNC110  bounded
                await asyncio.sleep(0.001)
    told = Counter(concluded.subject.id for concluded in setup.kafka.all_outcomes)
    assert told == Counter(ids)
    assert {type(one.outcome) for one in setup.kafka.all_outcomes} <= {Accepted, Unknown, Validated}
    assert max(Counter(body for body, _ in setup.outbox.bodies).values(), default=0) <= 1
