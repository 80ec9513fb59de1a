"""PII tokens on the way of a request: values go to the relay, and nowhere else."""

import asyncio
from typing import Any

from consumer.adapters.memory_contents import KnownValues
from consumer.core.attempt import Answered, Attempt
from consumer.core.ending import Later
from consumer.core.mail import Mail
from consumer.core.outcome import Accepted, Expired, Rejected, Unresolvable
from consumer.core.parking import Reason
from consumer.core.reply import Reply
from tests.flow.process import OK, Seen, Setup, running

ANN, BOB, TEXT = "NS-EU-ANN-1", "NS-EU-BOB-1", "NS-EU-TEXT-1"
VALUES = {ANN: "ann@c4n4ry.example", BOB: "bob@c4n4ry.example", TEXT: "Dear Ann of c4n4ry"}


def _setup(taken: list[Mail] | None = None) -> Setup:
    setup = Setup()
    setup.vault = KnownValues(VALUES)

    def judge(mail: Mail) -> None:
        if taken is not None:
            taken.append(mail)

    setup.outbox.judge = judge
    return setup


async def test_the_relay_gets_values_and_the_outcome_tokens() -> None:
    taken: list[Mail] = []
    setup = _setup(taken)
    setup.request(to=[ANN, "carl@example.com"], bcc=[BOB], text=TEXT, replyTo=[BOB])
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    (mail,) = taken
    assert mail.recipients == ("ann@c4n4ry.example", "carl@example.com", "bob@c4n4ry.example")
    assert b"Dear Ann of c4n4ry" in mail.content
    assert b"NS-EU" not in mail.content
    assert isinstance(concluded.outcome, Accepted)
    assert concluded.outcome.accepted == (ANN, "carl@example.com", BOB)
    assert "c4n4ry" not in repr(concluded)


async def test_a_sender_that_is_a_token_is_a_token_in_the_outcome_and_not_in_the_mail() -> None:
    taken: list[Mail] = []
    setup = _setup(taken)
    named: dict[str, Any] = {"from": ANN}  # a word of the language
    setup.request(connection={"server": "relay.example"}, **named)
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert taken[0].sender == "ann@c4n4ry.example"
    assert b"NS-EU" not in taken[0].content
    assert isinstance(concluded.outcome, Accepted)
    assert concluded.outcome.sender == ANN
    assert concluded.outcome.message_id == taken[0].message_id
    assert concluded.outcome.message_id.endswith("@acme.example>")


async def test_a_relay_that_echoes_an_address_is_told_with_its_token() -> None:
    setup = _setup()
    said = Reply(550, "<ann@c4n4ry.example>: there is no ann here", "5.1.1")
    setup.outbox.judge = lambda _: Answered((said,), None, setup.clock.now())
    setup.request(to=[ANN])
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Rejected)
    assert concluded.outcome.reply.text == f"<{ANN}>: there is no {ANN} here"


async def test_who_is_tried_again_is_the_same_recipient_though_two_tokens_are_one_person() -> None:
    taken: list[Mail] = []
    setup = _setup()
    setup.vault = KnownValues({ANN: "same@c4n4ry.example", BOB: "same@c4n4ry.example"})
    busy = Reply(450, "same@c4n4ry.example is busy", "4.2.1")

    def judge(mail: Mail) -> Attempt | None:
        taken.append(mail)
        return Answered((OK, busy), OK, setup.clock.now()) if len(taken) == 1 else None

    setup.outbox.judge = judge
    setup.request(to=[ANN, BOB])
    async with running(setup) as process:
        await _parked(process.world.observer)
        setup.clock.shift += 3_600
        (concluded,) = await setup.outcomes(1)
    assert [len(mail.recipients) for mail in taken] == [2, 1]
    assert isinstance(concluded.outcome, Accepted)
    assert concluded.outcome.accepted == (ANN, BOB)


async def test_while_the_vault_is_down_it_waits_without_an_attempt_and_then_goes_out() -> None:
    setup = _setup()
    setup.vault.down = True
    setup.request(to=[ANN])
    async with running(setup) as process:
        later = await _parked(process.world.observer)
        assert later.reason is Reason.VAULT
        assert later.progress.attempts == 0
        setup.vault.down = False
        setup.clock.shift += 31
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Accepted)
    assert len(setup.outbox.bodies) == 1


async def test_a_vault_that_stays_down_is_the_reason_why_a_request_expires() -> None:
    setup = _setup()
    setup.vault.down = True
    setup.request(to=[ANN])
    async with running(setup) as process:
        await _parked(process.world.observer)
        setup.clock.shift += 86_400
        (concluded,) = await setup.outcomes(1)
    assert concluded.outcome == Expired("vault-unavailable", 0)


async def test_a_request_without_tokens_does_not_wait_for_the_vault() -> None:
    setup = _setup()
    setup.vault.down = True
    setup.request()
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Accepted)


async def test_a_token_that_nobody_knows_ends_the_request_unsent_and_says_where_it_stands() -> None:
    setup = _setup()
    setup.request(to=["carl@example.com", "NS-EU-C4N4RY-2"])
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert concluded.outcome == Unresolvable("pii-unresolved", ("/to/1: the token is not known",))
    assert setup.outbox.bodies == []


async def test_a_token_for_an_address_that_stands_for_none_ends_the_request_unsent() -> None:
    setup = _setup()
    setup.request(cc=[TEXT])
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Unresolvable)
    assert "c4n4ry" not in repr(concluded)


async def _parked(seen: object) -> Later:
    """Wait until something is parked; how."""
    assert isinstance(seen, Seen)
    while not seen.ticks or not any(isinstance(one, Later) for one in seen.endings):  # noqa: ASYNC110  bounded by the test's own limit
        await asyncio.sleep(0.001)
    return next(one for one in seen.endings if isinstance(one, Later))
