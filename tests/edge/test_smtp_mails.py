"""What of a mail arrives, and what never leaves."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.adapters.smtp.content import BARE_END, BLOCK, SLICE, checked, end_of, ready, stuffed
from consumer.core.attempt import Answered, NotSent, Stage
from consumer.core.compose import Letter, compose
from consumer.core.mail import Address, Mail
from consumer.core.reply import Reply
from devtools.relay_script import Say
from tests.edge.post import PIPELINED, STAGES, granted, mail, posting

MODES = pytest.mark.parametrize(
    "extensions", [pytest.param(STAGES, id="plain"), pytest.param(PIPELINED, id="pipelined")]
)
OK = Reply(250, "ok", "2.1.5")


@MODES
async def test_each_recipient_has_its_own_reply(extensions: tuple[str, ...]) -> None:
    script = {
        "rcpt:bob@example.com": Say("550 5.1.1 no such user"),
        "rcpt:cid@example.com": Say("450-4.2.1 mailbox\r\n450 4.2.1 busy"),
    }
    async with posting(script, extensions=extensions) as post:
        attempt = await post.send(mail(to=("ann@example.com", "bob@example.com", "cid@example.com", "dan@example.com")))

        assert isinstance(attempt, Answered)
        refused, later = Reply(550, "no such user", "5.1.1"), Reply(450, "mailbox busy", "4.2.1")
        assert attempt.recipients == (OK, refused, later, OK)
        assert post.relay.taken[0].recipients == ("ann@example.com", "dan@example.com")


@MODES
@pytest.mark.parametrize(
    "body", [b".\r\n", b"..\r\n", b".a\r\n\r\n.\r\n", b"a\r\n.\r\nQUIT\r\n", b"", b"no end of line"]
)
async def test_dots_and_ends_arrive_as_they_were(body: bytes, extensions: tuple[str, ...]) -> None:
    async with posting(extensions=extensions) as post:
        await post.send(mail(1, body=body))
        await post.send(2)

        whole = body if body.endswith(b"\r\n") or not body else body + b"\r\n"
        assert post.relay.taken[0].content.partition(b"\r\n\r\n")[2] == whole
        assert len(post.relay.taken) == 2


@given(st.lists(st.binary(max_size=9).map(lambda part: part.replace(b"\r", b".").replace(b"\n", b".")), max_size=9))
def test_only_the_end_is_a_lone_dot(lines: list[bytes]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    wire = _wire(content)

    assert ready(_just(content)) == wire[:-3], "in one block it is the same"
    assert (b"\r\n" + wire).find(b"\r\n.\r\n") == len(wire) - 3
    assert [line[1:] if line.startswith(b".") else line for line in wire.split(b"\r\n")[:-2]] == lines


@pytest.mark.parametrize("border", range(BLOCK - 4, BLOCK + 3))
def test_a_dot_at_the_border_of_a_block_is_doubled_like_any_other(border: int) -> None:
    content = b"x" * border + b"\r\n.\r\n..\r\n.a\r\nx\r\n" + b".\r\n" * BLOCK
    wire = _wire(content)

    assert wire.find(b"\r\n.\r\n") == len(wire) - 5
    lines = wire.removesuffix(b".\r\n").splitlines(keepends=True)
    assert b"".join(line[1:] if line.startswith(b".") else line for line in lines) == content


@pytest.mark.parametrize("border", range(SLICE - 2, SLICE + 2))
@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\n", b"\n\r", b"\r\r\n"])
async def test_a_bare_line_end_at_the_border_of_a_slice_is_found_like_any_other(border: int, end: bytes) -> None:
    content = b"x" * border + end + b"x" * 2 * SLICE + b"\r\n"
    assert (await checked(content) is None) == (end == b"\r\n")
    assert (await checked(content[: border + len(end)]) is None) == (end == b"\r\n")


@given(st.lists(st.sampled_from([b"\r\n", b"\r\n", b"\r", b"\n", b"x", b"\x0b", b"\x85"]), max_size=12).map(b"".join))
def test_a_mail_is_fit_if_each_cr_and_each_lf_is_half_of_a_line_end(content: bytes) -> None:
    ends = content.count(b"\r\n")
    fit = content.count(b"\r") == content.count(b"\n") == ends
    assert (asyncio.run(checked(content)) is None) == fit
    assert (ready(_just(content)) != BARE_END) == fit


async def test_others_get_their_turn_while_a_large_mail_is_looked_at() -> None:
    looking, turns = asyncio.create_task(checked(b"x\r\n" * SLICE)), 0
    while not looking.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 3


def _wire(content: bytes) -> bytes:
    blocks = [block for block, _ in stuffed(content)]
    return b"".join(blocks) + end_of(blocks[-1])


def _just(content: bytes) -> Mail:
    return Mail(Address("a@b.example"), (Address("ann@example.com"),), content, "<1@b.example>")


SMUGGLED = "MAIL FROM:<eve@evil.example>\r\nRCPT TO:<ann@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nx"


@MODES
@pytest.mark.parametrize(
    "end", ["\n.\n", "\r.\r", "\r\n.\n", "\n.\r\n", "\r.\r\n", "\r\n.\r", "\r\n.\r\n", "\r\n\0.\r\n"]
)
async def test_nothing_in_a_body_is_read_as_its_end(end: str, extensions: tuple[str, ...]) -> None:
    letter = Letter(
        None, Address("a@b.example"), (Address("ann@example.com"),), (), (), "x", f"a{end}{SMUGGLED}{end}", None
    )
    content = compose(letter, message_id="<1@b.example>", date="Sat, 21 Nov 2026 11:00:00 +0000")
    async with posting(extensions=extensions) as post:
        first = Mail(Address("a@b.example"), (Address("ann@example.com"),), content, "<1@b.example>")
        assert isinstance(await post.send(first), Answered)
        assert isinstance(await post.send(2), Answered)

        assert [taken.sender for taken in post.relay.taken] == ["a@b.example", "no-reply@acme.example"]
        assert post.relay.taken[0].content == content


@MODES
async def test_a_megabyte_arrives_as_it_was(extensions: tuple[str, ...]) -> None:
    body = b".0123456789\r\n" * 80_000
    async with posting(extensions=extensions) as post:
        assert isinstance(await post.send(mail(body=body)), Answered)
        assert post.relay.taken[0].content.endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize("smuggled", [b"a\n.\nMAIL FROM:<x@y>\r\n", b"a\r.\r\r\n", b"a\r\n.\n", b"\n"])
async def test_a_bare_line_end_leaves_for_no_relay(smuggled: bytes) -> None:
    async with posting() as post:
        attempt = await post.send(mail(body=smuggled))

        assert isinstance(attempt, NotSent)
        assert (attempt.stage, attempt.reason) == (Stage.DATA, "bare-line-end")
        assert attempt.reply
        assert attempt.reply.code == 554
        assert not post.relay.sessions


@pytest.mark.parametrize("address", ["a@b.c>\r\nRCPT TO:<x@y.z", "a\0@b.c", "ä@example.com"])
async def test_an_address_that_is_more_than_one_leaves_for_no_relay(address: str) -> None:
    async with posting() as post:
        attempt = await post.send(mail(to=(address,)))

        assert isinstance(attempt, NotSent)
        assert (attempt.stage, attempt.reason) == (Stage.MAIL, "bad-address")
        assert not post.relay.sessions


async def test_a_mail_larger_than_the_relay_takes_is_refused_here() -> None:
    async with posting(extensions=("SIZE 1000", "PIPELINING")) as post:
        attempt = await post.send(mail(1, body=b"x\r\n" * 1_000))

        reply = Reply(552, "larger than the relay takes (local)", "5.3.4")
        assert attempt == NotSent(Stage.MAIL, "too-large-for-relay", reply)
        assert isinstance(await post.send(2), Answered)
        assert len(post.relay.sessions) == 1


async def test_an_international_address_needs_a_relay_for_it() -> None:
    async with posting(extensions=("SMTPUTF8", "8BITMIME")) as post:
        attempt = await post.send(mail(to=("ä@example.com",), smtputf8=True, eight_bit=True))

        assert isinstance(attempt, Answered)
        assert post.lines("MAIL") == ["MAIL FROM:<no-reply@acme.example> BODY=8BITMIME SMTPUTF8"]
        assert post.relay.taken[0].recipients == ("ä@example.com",)
    async with posting(extensions=()) as post:
        attempt = await post.send(mail(to=("ä@example.com",), smtputf8=True))

        reply = Reply(553, "the relay has no SMTPUTF8 (local)", "5.6.7")
        assert attempt == NotSent(Stage.MAIL, "smtputf8-not-offered", reply)


async def test_a_pipelined_mail_is_one_flight_and_a_body() -> None:
    async with posting() as post:
        await post.transport.send(mail(), post.name, granted)

        assert post.relay.sessions[0].flights[1:] == [["MAIL", "RCPT", "DATA"]]


async def test_a_relays_words_are_kept_short_and_printable() -> None:
    async with posting({"mail": Say(b"550 5.7.1 \x1b[31mred\x07 " + b"x" * 1_900 + b"\r\n")}) as post:
        attempt = await post.send()

        assert isinstance(attempt, NotSent)
        assert attempt.reply
        assert attempt.reply.text.startswith("[31mred x")
        assert attempt.reply.text.isprintable()
        assert len(attempt.reply.text) <= 512
