"""Who must not be written to: learnt with the outcome, from feedback and from people, and kept through every kill."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from consumer.adapters.memory_contents import KnownValues
from consumer.adapters.memory_kafka import Fault
from consumer.core.attempt import Answered, Attempt
from consumer.core.feedback import Heard
from consumer.core.mail import Mail
from consumer.core.outcome import Accepted, Outcome, Rejected, Suppressed
from consumer.core.parking import Reason
from consumer.core.reply import BLOCKED, Reply
from consumer.core.suppression import Kind, Policy
from consumer.ports import BrokenError
from tests.builders import tenant
from tests.flow.process import OK, Process, Seen, Setup, running, until
from tests.flow.test_crash_points import FAULTS

POLICY = Policy(b"k" * 32, least=10)
ANN, BOB = "ann@example.com", "bob@example.com"
GONE = Reply(550, "no such user", "5.1.1")


def with_list(partitions: int = 1, **fields: Any) -> Setup:  # noqa: ANN401
    setup = Setup(partitions, tenants=(tenant(h_limit=1_000, **fields), tenant("other")), suppression=POLICY)
    setup.outbox.judge = judging(ANN, GONE)
    return setup


def judging(address: str, reply: Reply) -> Callable[[Mail], Attempt | str | None]:
    """A relay that answers so to this recipient, and takes all else."""

    def judge(mail: Mail) -> Attempt | None:
        if address not in mail.recipients:
            return None
        replies = tuple(reply if one == address else OK for one in mail.recipients)
        return Answered(replies, OK if len(replies) > 1 else None, 1_700_000_000.0)

    return judge


def heard(process: Process) -> list[Heard]:
    observer = process.world.observer
    assert isinstance(observer, Seen)
    return [what for _, what in observer.feedback]


async def listened(process: Process, number: int) -> list[Heard]:
    """Wait until so many events were dealt with."""
    await until(lambda: len(heard(process)) >= number)
    return heard(process)


async def ending(setup: Setup, id_: str, **fields: Any) -> Outcome:  # noqa: ANN401
    """Ask for a mail; how that ends."""
    setup.request(id_, **fields)
    await until(lambda: any(one.subject.id == id_ for one in setup.kafka.all_outcomes))
    return next(one.outcome for one in setup.kafka.all_outcomes if one.subject.id == id_)


async def test_who_does_not_exist_is_not_written_to_again() -> None:
    setup = with_list()
    async with running(setup):
        assert isinstance(await ending(setup, "first"), Rejected)
        assert await ending(setup, "second", to=["Ann@Example.com"]) == Suppressed(("Ann@Example.com",))
        assert isinstance(await ending(setup, "other", name="other"), Rejected)
    assert len(setup.outbox.bodies) == 0


async def test_whoever_else_is_in_the_mail_gets_it() -> None:
    setup = with_list()
    async with running(setup):
        await ending(setup, "first")
        told = await ending(setup, "second", to=[ANN, BOB])
    assert isinstance(told, Accepted)
    assert told.accepted == (BOB,)
    assert [(one.recipient, one.reply) for one in told.rejected] == [(ANN, BLOCKED)]


@pytest.mark.parametrize(
    "reply",
    [Reply(550, "spam", "5.7.1"), Reply(535, "who?", "5.7.8"), Reply(550, "no"), Reply(552, "full", "5.2.2")],
    ids=["policy", "credentials", "no-enhanced-code", "mailbox-full"],
)
async def test_a_refusal_for_any_other_reason_teaches_nothing(reply: Reply) -> None:
    setup = with_list()
    setup.outbox.judge = judging(ANN, reply)
    async with running(setup):
        assert isinstance(await ending(setup, "first"), Rejected)
        setup.outbox.judge = lambda _: None
        assert isinstance(await ending(setup, "second"), Accepted)
    assert setup.kafka.suppressions == [{}]


async def test_a_refusal_for_now_teaches_nothing() -> None:
    setup = with_list()
    setup.outbox.judge = judging(ANN, Reply(450, "later", "4.1.1"))
    async with running(setup):
        setup.request("first")
        await until(lambda: setup.kafka.parked[0])
        setup.outbox.judge = lambda _: None
        assert isinstance(await ending(setup, "second"), Accepted)
    assert setup.kafka.suppressions == [{}]


async def test_without_a_key_nothing_is_learnt() -> None:
    setup = Setup()
    setup.outbox.judge = judging(ANN, GONE)
    async with running(setup):
        assert isinstance(await ending(setup, "first"), Rejected)
        assert isinstance(await ending(setup, "second"), Rejected)
    assert setup.kafka.suppressions == [{}]


async def test_a_token_is_known_by_its_value() -> None:
    setup = with_list()
    setup.vault = KnownValues({"NS-EU-ANN-1": ANN})
    async with running(setup):
        await ending(setup, "first", to=["NS-EU-ANN-1"])
        assert await ending(setup, "second") == Suppressed((ANN,))
        assert await ending(setup, "third", to=["NS-EU-ANN-1"]) == Suppressed(("NS-EU-ANN-1",))


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("at", range(1, 7))
async def test_a_verdict_is_learnt_exactly_with_its_outcome(at: int, what: str) -> None:
    setup, commits = with_list(), 0

    def fault(_: int) -> Fault | None:
        nonlocal commits
        commits += 1
        return FAULTS[what] if commits == at else None

    setup.kafka.fault = fault
    setup.request("first")
    while True:
        async with running(setup) as process:
            fresh = commits < at
            await until(lambda: setup.kafka.all_outcomes or (fresh and commits >= at and what.startswith("killed")))  # noqa: B023
            await process.kill()
            # The outcome and what it teaches are there together, or neither is.
            rejected = [one for one in setup.kafka.all_outcomes if isinstance(one.outcome, Rejected)]
            assert bool(rejected) == bool(setup.kafka.suppressions[0])
            if setup.kafka.all_outcomes:
                break
    if not rejected:  # its leave to send was committed, and nobody knows what the relay said
        return
    (listed,) = setup.kafka.suppressions[0].values()
    assert listed.entry is not None
    assert listed.entry.bounces == 1
    setup.kafka.fault = lambda _: None
    async with running(setup):
        assert await ending(setup, "second") == Suppressed((ANN,))


@pytest.mark.parametrize("kind", ["bounce", "complaint", "block"])
async def test_feedback_suppresses_and_an_unblock_ends_it(kind: str) -> None:
    setup = with_list()
    setup.outbox.judge = lambda _: None
    async with running(setup) as process:
        setup.feedback("f-1", kind=kind, recipient=ANN)
        assert await listened(process, 1) == [Heard(kind)]
        assert await ending(setup, "first") == Suppressed((ANN,))
        setup.feedback("f-2", kind="unblock", recipient="ANN@example.com")
        assert await listened(process, 2) == [Heard(kind), Heard.UNBLOCK]
        assert isinstance(await ending(setup, "second"), Accepted)
        await until(lambda: setup.kafka.suppressions == [{}])


async def test_a_block_may_have_an_end() -> None:
    setup = with_list()
    setup.outbox.judge = lambda _: None
    async with running(setup) as process:
        setup.feedback("f-1", kind="block", recipient=ANN, until="2100-01-01T00:00:00Z")
        setup.feedback("f-2", kind="block", recipient=BOB, until="2020-01-01T00:00:00Z")
        await listened(process, 2)
        assert await ending(setup, "first") == Suppressed((ANN,))
        assert isinstance(await ending(setup, "second", to=[BOB]), Accepted)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"kind": "bounce"}, id="nobody"),
        pytest.param({"kind": "bonce", "recipient": ANN}, id="no-such-kind"),
        pytest.param({"kind": "complaint", "recipient": "NS-EU-NOBODY-1"}, id="token-unknown"),
        pytest.param({"kind": "block", "digest": "00000000:" + "ab" * 16}, id="another-key"),
    ],
)
async def test_feedback_that_cannot_be_used_is_told_and_passed(fields: dict[str, Any]) -> None:
    setup = with_list()
    async with running(setup) as process:
        setup.kafka.tell(0, b"{", headers=(("tenant", b"acme"),))
        setup.feedback("f-1", **fields)
        setup.feedback("f-2", kind="complaint", recipient=BOB)
        assert await listened(process, 3) == [Heard.UNUSABLE, Heard.UNUSABLE, Heard.COMPLAINT]


@pytest.mark.parametrize("code", ["5.7.1", "4.2.2", "4.4.7", "5.2.2"])
async def test_a_bounce_for_policy_or_for_now_is_no_lesson(code: str) -> None:
    setup = with_list()
    setup.outbox.judge = lambda _: None
    async with running(setup) as process:
        setup.feedback("f-1", kind="bounce", recipient=ANN, code=code)
        assert await listened(process, 1) == [Heard.NO_LESSON]
        assert isinstance(await ending(setup, "first"), Accepted)


async def test_feedback_by_mark_needs_no_address() -> None:
    setup = with_list()
    async with running(setup) as process:
        setup.feedback("f-1", kind="block", digest=f"{POLICY.key_id}:{POLICY.mark('acme', ANN).hex()}")
        assert await listened(process, 1) == [Heard.BLOCK]
        assert await ending(setup, "first") == Suppressed((ANN,))


async def test_feedback_finds_its_tenant_wherever_it_was_put() -> None:
    setup = with_list(3)
    elsewhere = (setup.home("acme") + 1) % 3
    async with running(setup) as process:
        setup.feedback("f-1", kind="complaint", recipient=ANN, partition=elsewhere)
        assert await listened(process, 2) == [Heard.FORWARDED, Heard.COMPLAINT]
        assert await ending(setup, "first") == Suppressed((ANN,))


async def test_the_vault_down_means_waiting_and_no_loss() -> None:
    setup = with_list()
    setup.vault = KnownValues({"NS-EU-ANN-1": ANN})
    setup.vault.down = True
    async with running(setup) as process:
        setup.feedback("f-1", kind="complaint", recipient=BOB)
        setup.feedback("f-2", kind="complaint", recipient="NS-EU-ANN-1")
        await listened(process, 1)
        await until(lambda: setup.kafka.heard == {0: 1})
        setup.vault.down = False
        setup.clock.shift += 31
        assert await listened(process, 2) == [Heard.COMPLAINT, Heard.COMPLAINT]


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("at", range(1, 6))
async def test_feedback_is_neither_lost_nor_counted_twice(at: int, what: str) -> None:
    setup, commits = with_list(), 0

    def fault(_: int) -> Fault | None:
        nonlocal commits
        commits += 1
        return FAULTS[what] if commits == at else None

    setup.kafka.fault = fault
    for number in range(4):
        setup.feedback(f"f-{number}", kind="complaint", recipient=(ANN, BOB)[number % 2])
    while setup.kafka.heard.get(0) != 4:
        async with running(setup):
            fresh = commits < at
            await until(lambda: setup.kafka.heard.get(0) == 4 or (fresh and commits >= at and "killed" in what))  # noqa: B023
    counts = [listed.entry and listed.entry.complaints for listed in setup.kafka.suppressions[0].values()]
    assert counts == [2, 2]


async def test_the_next_owner_knows_all_of_it() -> None:
    setup = with_list()
    async with running(setup) as process:
        setup.feedback("f-1", kind="complaint", recipient=BOB)
        await listened(process, 1)
        await ending(setup, "first")
        await until(lambda: len(setup.kafka.suppressions[0]) == 2)
    async with running(setup) as process:
        assert await ending(setup, "second", to=[BOB, ANN]) == Suppressed((BOB, ANN))
        setup.feedback("f-1", kind="complaint", recipient=BOB)
        assert await listened(process, 1) == [Heard.REPEATED]


async def test_a_list_made_with_another_key_is_not_taken_for_an_empty_one() -> None:
    setup = with_list()
    async with running(setup):
        await ending(setup, "first")
    setup.suppression = Policy(b"x" * 32)
    with pytest.raises(ExceptionGroup) as raised:
        async with running(setup) as process:
            await asyncio.wait([process.task])
    assert raised.group_contains(BrokenError, match="another key")


async def test_a_tenant_that_bounces_too_much_is_held_if_it_wants_to_be() -> None:
    setup = with_list(on_bounce_rate="hold")
    setup.outbox.judge = lambda mail: None if BOB in mail.recipients else Answered((GONE,), None, 0.0)
    async with running(setup) as process:
        for number in range(10):
            await ending(setup, f"r-{number}", to=[f"u{number}@example.com"])
        setup.request("held", to=[BOB])
        await until(lambda: setup.kafka.parked[0])
        (entry,) = setup.kafka.parked[0].values()
        assert (entry.id, entry.reason) == ("held", Reason.BOUNCE_RATE)
        assert process.stream.bouncing() == {"acme": "critical"}
        assert process.stream.suppressions == 10
        setup.clock.shift += 23 * 3600
        setup.directory.put(tenant(on_bounce_rate="report", max_age=86_400.0))
        await until(lambda: any(one.subject.id == "held" for one in setup.kafka.all_outcomes))
    assert isinstance(setup.kafka.all_outcomes[-1].outcome, Accepted)


async def test_who_is_blocked_between_two_attempts_is_left_out_of_the_second() -> None:
    setup = with_list()
    setup.outbox.judge = judging(ANN, Reply(450, "later", "4.2.1"))
    async with running(setup) as process:
        setup.request("first", to=[ANN, BOB])
        await until(lambda: setup.kafka.parked[0])
        setup.feedback("f-1", kind="complaint", recipient=ANN)
        await listened(process, 1)
        setup.clock.shift += 120
        await until(lambda: setup.kafka.all_outcomes)
    (told,) = [one.outcome for one in setup.kafka.all_outcomes]
    assert isinstance(told, Accepted)
    assert (told.accepted, [one.reply for one in told.rejected]) == ((BOB,), [BLOCKED])


def test_every_kind_that_can_be_told_is_one_that_is_heard() -> None:
    assert {kind.value for kind in Kind} < {what.value for what in Heard}
