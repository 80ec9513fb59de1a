"""Whatever a relay does at whatever stage: the right ending, in bounded time, and the next mail is untouched by it."""

import resource
from contextlib import AbstractAsyncContextManager

import pytest

from consumer.adapters.smtp import PoolLimits
from consumer.core.attempt import Answered, Attempt, InDoubt, NotSent, Stage
from consumer.core.circuit import Pauses
from consumer.core.reply import Reply
from consumer.core.tenant import Relay, Scheme
from devtools.relay_script import GARBAGE, Act, Drop, Endless, Hang, Manner, Say
from tests.edge.post import PIPELINED, STAGES, Post, hasty, mail, options, posting

LATER = Reply(450, "later", "4.2.1")
NEVER = Reply(550, "no", "5.7.1")
LEAVING = Reply(421, "leaving", "4.3.2")
OK = Reply(250, "ok", "2.1.5")
TAKEN = Reply(250, "taken", "2.0.0")

REFUSALS = [
    pytest.param(Say("450 4.2.1 later"), LATER, id="4yz"),
    pytest.param(Say("550 5.7.1 no"), NEVER, id="5yz"),
    pytest.param(Say("421 4.3.2 leaving", close=True), LEAVING, id="421"),
]
ACCIDENTS = [
    pytest.param(Hang(), "timeout", id="hangs"),
    pytest.param(Drop(), "connection-lost", id="drops"),
    pytest.param(Say("250 2.0.0 ok", cut=7), "connection-lost", id="cut-inside-reply"),
    pytest.param(GARBAGE, "malformed-reply", id="garbage"),
    pytest.param(Say("999 what"), "malformed-reply", id="no-such-code"),
    pytest.param(Endless(), "reply-too-long", id="endless-line"),
    pytest.param(Endless(b"250-and more\r\n" * 4_000), "reply-too-long", id="endless-lines"),
]
# place in the script, name of its timeout, stage in the ending
CONNECTING = [
    ("greeting", "greeting", Stage.GREETING),
    ("ehlo", "greeting", Stage.GREETING),
    ("auth", "auth", Stage.AUTH),
]
ENVELOPE = [("mail", "mail", Stage.MAIL), ("rcpt", "rcpt", Stage.RCPT), ("data", "data", Stage.DATA)]
AT_ONCE = Pauses(0.0, 0.0, 0.0, 0.0)
MODES = [pytest.param(STAGES, id="plain"), pytest.param(PIPELINED, id="pipelined")]


def posting_to(
    place: str, act: Act, timeout: str, extensions: tuple[str, ...] = PIPELINED
) -> AbstractAsyncContextManager[Post]:
    """A relay that does this once, and asks for a password."""
    return posting(
        {place: (act,)},
        manner=Manner("plain", extensions, users={"u": "p"}),
        how=options(hasty(timeout), PoolLimits(pauses=AT_ONCE)),
        name=lambda port: Relay("127.0.0.1", port, Scheme.PLAIN, "u", "p"),
    )


async def next_mail_goes_out(post: Post) -> bool:
    """Whether a second mail is taken as if nothing had been; and the accident's mail was not sent behind our back."""
    second = await post.send(2)
    assert isinstance(second, Answered)
    assert second.data == TAKEN
    return [taken.message_id for taken in post.relay.taken] == ["<2@acme.example>"]


@pytest.mark.parametrize(("act", "reply"), REFUSALS)
@pytest.mark.parametrize(("place", "timeout", "stage"), CONNECTING)
async def test_a_refusal_before_the_envelope_is_the_relays_own_word(
    place: str, timeout: str, stage: Stage, act: Act, reply: Reply
) -> None:
    async with posting_to(place, act, timeout) as post:
        attempt = await post.send()

        assert attempt == NotSent(stage, "closing" if reply is LEAVING else "refused", reply)
        assert await next_mail_goes_out(post)
        assert len(post.relay.sessions) == 2


@pytest.mark.parametrize(("act", "reason"), ACCIDENTS)
@pytest.mark.parametrize(("place", "timeout", "stage"), CONNECTING)
async def test_an_accident_before_the_envelope_sends_nothing(
    place: str, timeout: str, stage: Stage, act: Act, reason: str
) -> None:
    async with posting_to(place, act, timeout) as post:
        attempt = await post.send()

        # aiosmtplib tells endless and malformed replies by the same exception
        expected = {reason, "malformed-reply"} if reason == "reply-too-long" else {reason}
        assert isinstance(attempt, NotSent)
        assert attempt.stage is stage
        assert attempt.reason in expected
        assert attempt.reply is None
        assert await next_mail_goes_out(post)
        assert len(post.relay.sessions) == 2


@pytest.mark.parametrize("extensions", MODES)
@pytest.mark.parametrize(("act", "reason"), ACCIDENTS)
@pytest.mark.parametrize(("place", "timeout", "stage"), ENVELOPE)
async def test_an_accident_in_the_envelope_sends_nothing(
    place: str, timeout: str, stage: Stage, act: Act, reason: str, extensions: tuple[str, ...]
) -> None:
    async with posting_to(place, act, timeout, extensions) as post:
        attempt = await post.send()

        assert attempt == NotSent(stage, reason)
        assert await next_mail_goes_out(post)
        assert len(post.relay.sessions) == 2


@pytest.mark.parametrize("extensions", MODES)
@pytest.mark.parametrize(("act", "reply"), REFUSALS)
async def test_a_refused_sender_is_not_sent(act: Act, reply: Reply, extensions: tuple[str, ...]) -> None:
    async with posting_to("mail", act, "mail", extensions) as post:
        attempt = await post.send()

        assert attempt == NotSent(Stage.MAIL, "closing" if reply is LEAVING else "refused", reply)
        assert await next_mail_goes_out(post)


@pytest.mark.parametrize("extensions", MODES)
@pytest.mark.parametrize(("act", "reply"), REFUSALS[:2])
async def test_the_only_recipient_refused_is_an_answer_without_data(
    act: Act, reply: Reply, extensions: tuple[str, ...]
) -> None:
    async with posting_to("rcpt", act, "rcpt", extensions) as post:
        attempt = await post.send()

        assert isinstance(attempt, Answered)
        assert (attempt.recipients, attempt.data) == ((reply,), None)
        assert await next_mail_goes_out(post)


@pytest.mark.parametrize("extensions", MODES)
async def test_a_relay_that_leaves_at_a_recipient_has_decided_nothing(extensions: tuple[str, ...]) -> None:
    async with posting_to("rcpt", Say("421 4.3.2 leaving", close=True), "rcpt", extensions) as post:
        assert await post.send() == NotSent(Stage.RCPT, "closing", LEAVING)
        assert await next_mail_goes_out(post)


@pytest.mark.parametrize("extensions", MODES)
@pytest.mark.parametrize(("act", "reply"), REFUSALS)
@pytest.mark.parametrize(("place", "timeout"), [("data", "data"), ("body", "body")])
async def test_data_refused_is_an_answer(
    place: str, timeout: str, act: Act, reply: Reply, extensions: tuple[str, ...]
) -> None:
    async with posting_to(place, act, timeout, extensions) as post:
        attempt = await post.send()

        assert isinstance(attempt, Answered)
        assert (attempt.recipients, attempt.data) == ((OK,), reply)
        assert await next_mail_goes_out(post)
        assert len(post.relay.sessions) == (2 if reply is LEAVING else 1)


@pytest.mark.parametrize("extensions", MODES)
@pytest.mark.parametrize(("act", "reason"), ACCIDENTS)
async def test_no_answer_to_the_body_is_doubt(act: Act, reason: str, extensions: tuple[str, ...]) -> None:
    async with posting_to("body", act, "body", extensions) as post:
        attempt: Attempt = await post.send()

        assert attempt == InDoubt(reason, (OK,))
        second = await post.send(2)
        assert isinstance(second, Answered)
        assert second.data == TAKEN
        assert len(post.relay.sessions) == 2


@pytest.mark.parametrize("extensions", MODES)
@pytest.mark.parametrize("octets", [0, 1, 100_000])
async def test_a_link_lost_inside_the_body_sent_nothing(octets: int, extensions: tuple[str, ...]) -> None:
    body = b"0123456789abcdef\r\n" * 2_000_000  # more than the buffers of both sides hold
    manner = Manner("plain", tuple(offer for offer in extensions if not offer.startswith("SIZE")))
    async with posting({"body": (Drop(after=octets),)}, manner=manner) as post:
        attempt = await post.send(mail(body=body))

        assert attempt == NotSent(Stage.BODY, "connection-lost")
        assert await next_mail_goes_out(post)


async def test_a_gigabyte_of_replies_takes_no_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for place in ("greeting", "mail", "body"):
        async with posting_to(place, Endless(b"250-" + b"x" * 1_000_000), "body") as post:
            assert not isinstance(await post.send(), Answered)

    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1_024
    )  # KiB; both sides are in this process


async def test_nobody_listening_is_not_sent() -> None:
    async with posting() as post:
        await post.relay.close()

        assert await post.send() == NotSent(Stage.CONNECT, "unreachable")


async def test_a_host_without_address_is_not_sent() -> None:
    async with posting(name=lambda port: Relay("nowhere.invalid", port, Scheme.PLAIN)) as post:
        assert await post.send() == NotSent(Stage.CONNECT, "dns")
