"""Accidents that others had, each by name."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest
import uvloop

from consumer.adapters.smtp import PoolLimits
from consumer.core.attempt import Answered, Attempt, InDoubt, Lapsed, NotSent, Stage
from consumer.core.reply import Reply
from consumer.core.tenant import Relay, Scheme
from devtools.certificates import Certificates, write_certificates
from devtools.relay_script import Behave, Drop, Hang, Manner, Say, Script
from tests.edge.post import CLOCK, PATIENT, PIPELINED, STAGES, granted, hasty, mail, not_granted, options, posting

MODES = pytest.mark.parametrize(
    "extensions", [pytest.param(STAGES, id="plain"), pytest.param(PIPELINED, id="pipelined")]
)
LoopFactory = Callable[[], asyncio.AbstractEventLoop]
TAKEN = Reply(250, "taken", "2.0.0")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return write_certificates(tmp_path_factory.mktemp("certificates"))


async def test_a_reply_is_never_read_as_anothers() -> None:
    script = {"mail": (Say("250 2.1.0 ok\r\n250 2.1.0 ok again"),), "rcpt": (Say("550 5.1.1 nobody"),)}
    async with posting(script, extensions=STAGES) as post:
        attempt = await post.send()

        assert isinstance(attempt, NotSent)
        assert attempt.reason == "unsolicited-reply"
        assert not post.relay.taken


async def test_a_second_reply_to_the_body_is_not_the_next_mails() -> None:
    async with posting({"body": (Say("250 2.0.0 taken\r\n550 5.0.0 or not"),)}) as post:
        first = await post.send(1)
        second = await post.send(2)

        assert isinstance(first, Answered)
        assert first.data == TAKEN
        assert isinstance(second, Answered)
        assert second.data == TAKEN
        assert len(post.relay.sessions) == 2


@MODES
async def test_one_reply_too_many_in_a_conversation_sends_nothing(extensions: tuple[str, ...]) -> None:
    script = {"mail": (Say("250 2.1.0 ok\r\n250 2.1.0 ok again"),)}
    async with posting(script, extensions=extensions) as post:
        assert isinstance(await post.send(), NotSent)
        assert not post.relay.taken


@pytest.mark.parametrize("loops", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_relay_that_hangs_up_right_behind_its_greeting_ends_a_mail_and_not_the_process(loops: LoopFactory) -> None:
    async def sent() -> list[Attempt]:
        async with posting({"greeting": (Say("220 relay", close=True),) * 40}) as post:
            return [await post.send() for _ in range(40)]

    with asyncio.Runner(loop_factory=loops) as runner:
        attempts = runner.run(sent())
    assert {(type(one), one.stage) for one in attempts if isinstance(one, NotSent)} <= {(NotSent, Stage.GREETING)}
    assert not any(isinstance(one, Answered | InDoubt) for one in attempts)


async def test_a_stripped_starttls_sends_no_auth_byte() -> None:
    manner = Manner("smtp", users={"ann": "secret"})
    async with posting(
        manner=manner, name=lambda port: Relay("127.0.0.1", port, Scheme.SMTP, "ann", "secret")
    ) as post:  # the relay has no certificate, and so offers none
        assert await post.send() == NotSent(Stage.TLS, "starttls-not-offered")
        await post.relay.until_all_left()
        assert post.relay.sessions[0].clear == b"EHLO [127.0.0.1]\r\n"


async def test_what_was_injected_before_tls_is_not_read_after_it(certificates: Certificates) -> None:
    manner = Manner("smtp", users={"ann": "secret"})
    script = {"starttls": (Say("220 go ahead\r\n250-injected\r\n250 AUTH LOGIN"),)}
    async with posting(
        script,
        manner=manner,
        certificates=certificates,
        name=lambda port: Relay("127.0.0.1", port, Scheme.SMTP, "ann", "secret", str(certificates.authority)),
    ) as post:
        assert isinstance(await post.send(), Answered)
        assert post.lines("AUTH")[0].startswith("AUTH PLAIN")


async def test_a_user_and_no_auth_on_offer_sends_nothing() -> None:
    async with posting(name=lambda port: Relay("127.0.0.1", port, Scheme.PLAIN, "ann", "secret")) as post:
        assert await post.send() == NotSent(Stage.AUTH, "auth-not-offered")
        assert not post.lines("MAIL")


async def test_login_is_chosen_where_plain_is_not_offered() -> None:
    manner = Manner("plain", users={"ann": "secret"}, mechanisms=("CRAM-MD5", "LOGIN"))
    async with posting(
        manner=manner, name=lambda port: Relay("127.0.0.1", port, Scheme.PLAIN, "ann", "secret")
    ) as post:
        assert isinstance(await post.send(), Answered)
        assert [line.split(" ")[1] for line in post.lines("AUTH")] == ["LOGIN"]


@MODES
@pytest.mark.parametrize("place", ["greeting", "ehlo", "mail", "rcpt", "data", "body"])
async def test_a_cancelled_send_never_answers_the_next_mail(place: str, extensions: tuple[str, ...]) -> None:
    async with posting({place: (Hang(),)}, extensions=extensions) as post:
        async with asyncio.TaskGroup() as tasks:
            cancelled = tasks.create_task(post.send(1))
            await post.relay.until(lambda: bool(post.relay.sessions) and post.relay.sessions[0].at == place)
            cancelled.cancel()

        second = await post.send(mail(2, to=("bob@example.com",)))

        assert isinstance(second, Answered)
        assert [(taken.message_id, taken.recipients) for taken in post.relay.taken] == [
            ("<2@acme.example>", ("bob@example.com",))
        ]
        assert len(post.relay.sessions) == 2


@MODES
@pytest.mark.parametrize("refusal", ["data", "rcpt"])
async def test_no_mail_goes_out_under_the_previous_sender(refusal: str, extensions: tuple[str, ...]) -> None:
    async with posting({refusal: (Say("450 4.2.0 later"),)}, extensions=extensions) as post:
        await post.send(mail(1, sender="first@acme.example"))
        await post.send(mail(2, sender="second@acme.example"))

        assert [(taken.message_id, taken.sender) for taken in post.relay.taken] == [
            ("<2@acme.example>", "second@acme.example")
        ]
        assert len(post.relay.sessions) == 1
        assert "RSET" in post.relay.sessions[0].verbs


@pytest.mark.parametrize("refusal", [{"mail": (Say("550 no"),)}, {"rcpt": (Say("550 no"),)}])
async def test_leave_to_go_ahead_without_an_envelope_gets_not_even_the_dot(refusal: Script) -> None:
    async with posting({**refusal, "data": (Say("354 go ahead"),)}) as post:
        first = await post.send(1)
        second = await post.send(2)

        assert not (isinstance(first, Answered) and first.data)
        assert isinstance(second, Answered)
        assert [taken.message_id for taken in post.relay.taken] == ["<2@acme.example>"]
        assert len(post.relay.sessions) == 2


@MODES
async def test_no_reset_after_a_definite_answer(extensions: tuple[str, ...]) -> None:
    script = {"body": (Say("550 5.7.1 spam"),), "rset": Hang()}
    async with posting(script, extensions=extensions) as post:
        first = await post.send(1)
        second = await post.send(2)

        assert isinstance(first, Answered)
        assert first.data == Reply(550, "spam", "5.7.1")
        assert isinstance(second, Answered)
        assert not post.lines("RSET")


@MODES
async def test_a_refused_reset_is_no_verdict_on_the_next_mail(extensions: tuple[str, ...]) -> None:
    async with posting({"rcpt": (Say("550 5.1.1 nobody"),), "rset": Say("550 no")}, extensions=extensions) as post:
        await post.send(1)
        second = await post.send(2)

        assert isinstance(second, Answered)
        assert second.data == TAKEN
        assert len(post.relay.sessions) == 2


async def test_an_error_at_quit_changes_nothing() -> None:
    limits = PoolLimits(messages=1, quit=0.1)
    async with posting({"quit": Hang()}, how=options(limits=limits)) as post:
        assert isinstance(await post.send(1), Answered)
        assert isinstance(await post.send(2), Answered)
        await post.relay.until_all_left()


async def test_a_connection_that_its_relay_gave_up_while_idle_is_replaced_unseen() -> None:
    async with posting({"mail": (Behave(), Drop())}) as post:
        assert isinstance(await post.send(1), Answered)
        assert isinstance(await post.send(2), Answered)
        assert [taken.message_id for taken in post.relay.taken] == ["<1@acme.example>", "<2@acme.example>"]


async def test_a_reply_on_an_idle_connection_closes_it() -> None:
    async with posting({"body": (Say("250 2.0.0 taken\r\n421 4.4.2 idle too long"),)}) as post:
        assert isinstance(await post.send(1), Answered)
        await post.relay.until_all_left()
        assert post.transport.snapshot().open == 0


@MODES
async def test_without_leave_nothing_is_handed_over_and_the_connection_lives(extensions: tuple[str, ...]) -> None:
    async with posting(extensions=extensions) as post:
        assert await post.transport.send(mail(1), post.name, not_granted) == Lapsed()
        assert isinstance(await post.send(2), Answered)
        assert [taken.message_id for taken in post.relay.taken] == ["<2@acme.example>"]
        assert len(post.lines("DATA")) == 1
        assert len(post.relay.sessions) == 1


@MODES
async def test_leave_that_ran_out_while_the_relay_was_slow_sends_no_body(extensions: tuple[str, ...]) -> None:
    async def soon() -> float | None:
        return CLOCK.elapsed() + 0.1

    async with posting({"data": (Behave(delay=0.2),)}, extensions=extensions) as post:
        assert isinstance(await post.transport.send(mail(1), post.name, soon), Lapsed | NotSent)
        assert isinstance(await post.send(2), Answered)
        assert [taken.message_id for taken in post.relay.taken] == ["<2@acme.example>"]


async def test_leave_is_asked_for_once_and_only_for_a_mail_that_somebody_takes() -> None:
    asked: list[int] = []

    async def counted() -> float | None:
        asked.append(1)
        return await granted()

    async with posting({"rcpt": (Say("550 5.1.1 nobody"),)}, extensions=STAGES) as post:
        await post.transport.send(mail(1), post.name, counted)
        assert asked == []
        await post.transport.send(mail(2), post.name, counted)
        assert asked == [1]


async def test_a_permit_that_fails_leaves_no_connection_behind() -> None:
    async def broken() -> float | None:
        raise LookupError

    async with posting(extensions=STAGES) as post:
        with contextlib.suppress(LookupError):
            await post.transport.send(mail(1), post.name, broken)
        assert isinstance(await post.send(2), Answered)
        assert [taken.message_id for taken in post.relay.taken] == ["<2@acme.example>"]


async def test_the_wait_for_the_final_dot_is_its_own() -> None:
    async with posting({"body": (Hang(),)}, how=options(hasty("body"))) as post:
        assert PATIENT.data > 1
        assert isinstance(await post.send(), InDoubt)


async def briefly() -> float | None:
    """Leave that a relay can outlive."""
    return CLOCK.elapsed() + 0.2


async def test_a_relay_that_outlives_leave_is_asked_first_and_leave_is_got_then() -> None:
    async with posting({"rcpt": Behave(0.3)}) as post:
        assert await post.transport.send(mail(1), post.name, briefly) == Lapsed()
        assert isinstance(await post.transport.send(mail(1), post.name, briefly), Answered)
        assert len(post.relay.taken) == 1


async def test_a_relay_that_outlives_leave_is_not_forgotten_for_another() -> None:
    async with posting({"rcpt": Behave(0.3)}) as post:
        assert await post.transport.send(mail(1), post.name, briefly) == Lapsed()
        await post.relay.until_all_left()
        await post.send(2, by=replace(post.name, max_connections=1))  # another pool: those without use make way
        assert isinstance(await post.transport.send(mail(1), post.name, briefly), Answered)


async def test_a_relay_that_takes_too_long_to_be_ready_for_a_body_is_tried_later() -> None:
    async with posting({"data": Behave(0.3)}) as post:
        assert await post.transport.send(mail(1), post.name, briefly) == Lapsed()
        assert await post.transport.send(mail(1), post.name, briefly) == NotSent(Stage.DATA, "too-slow")
        assert not post.relay.taken
