"""Whatever a relay answers, in whatever pieces: an attempt that says how it ended, in bounded time and memory."""

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from consumer.adapters.smtp.link import LONGEST_LINE, LONGEST_TEXT, MOST_LINES, Flight, Link, LinkError
from consumer.adapters.smtp.reasons import Reason
from consumer.core.attempt import Answered, InDoubt, Lapsed, NotSent
from consumer.core.reply import Reply
from devtools.relay_script import Say
from tests.edge.post import PIPELINED, STAGES, hasty, options, posting

ASKED = 6
PIECES = (
    *(b"250 ok\r\n", b"250-a\r\n", b"250-2.1.5 a\r\n", b"250 2.1.5 b\r\n", b"550 5.1.1 no\r\n", b"421 bye\r\n"),
    *(b"354 go\r\n", b"250\r\n", b"250 \n", b"25", b"0 ok\r", b"\n", b"\r\n", b"-", b" ", b"\0", b"\xff\xfe"),
    *(b"999 x\r\n", b"100 x\r\n", b"2500 x\r\n", b"250\tx\r\n", b"\xd9\xa2\xd9\xa5\xd9\xa0 x\r\n", b"x" * 3_000),
    *(b"250-" + b"y" * 2_000 + b"\r\n", b"250-x\r\n" * 120, b"554 " + b"z" * 700 + b"\r\n"),
)
streams = st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=8).map(b"".join)


class Nowhere(asyncio.Transport):
    """A transport whose other side is us."""

    closed = False

    @override
    def write(self, data: Any) -> None:
        """Nobody reads it."""

    @override
    def abort(self) -> None:
        self.closed = True

    @override
    def is_closing(self) -> bool:
        return self.closed


async def heard(chunks: list[bytes]) -> tuple[list[Reply], Reason | None, int]:
    """The replies to six commands, why there are no more, and the most bytes that were kept."""
    link, most = Link(Nowhere()), 0
    flights = [link.ask(b"", (60.0,)) for _ in range(ASKED)]
    for chunk in chunks:
        link.data_received(chunk)
        most = max(most, len(link._buffer))  # noqa: SLF001  memory is what this is about
    reason = await ended(link, flights)
    link.abort()
    return [reply for flight in flights for reply in flight.replies], reason, most


async def ended(link: Link, flights: list[Flight]) -> Reason | None:
    """Why not all of the replies came that would have come by now."""
    try:
        for flight in flights:
            if flight.done.done():
                link.check(flight)
    except LinkError as error:
        return error.reason
    return None


def cut(stream: bytes, seed: int) -> list[bytes]:
    """In pieces of 1 to 40 bytes."""
    dice, chunks = Random(seed), list[bytes]()  # noqa: S311
    while stream:
        size = dice.randint(1, 40)
        chunks.append(stream[:size])
        stream = stream[size:]
    return chunks


@settings(max_examples=300, deadline=None)
@given(stream=streams, seed=st.integers(0, 1_000))
def test_replies_are_the_same_in_whatever_pieces_they_come(stream: bytes, seed: int) -> None:
    whole, ended, _ = asyncio.run(heard([stream]))
    pieces, ended_too, most = asyncio.run(heard(cut(stream, seed)))
    assert (whole, ended) == (pieces, ended_too)
    assert most <= LONGEST_LINE + 40
    assert all(200 <= reply.code <= 599 and len(reply.text) <= LONGEST_TEXT for reply in whole)
    assert all(reply.text.isprintable() for reply in whole)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        pytest.param(b"x" * 10_000_000, Reason.REPLY_TOO_LONG, id="a line without an end"),
        pytest.param(b"250-x\r\n" * 1_000_000, Reason.REPLY_TOO_LONG, id="a reply without an end"),
        pytest.param(b"\0" * 100 + b"\r\n", Reason.MALFORMED_REPLY, id="NULs"),
        pytest.param(b"\r\n", Reason.MALFORMED_REPLY, id="no code"),
        pytest.param(b"250-a\r\n550 b\r\n", Reason.MALFORMED_REPLY, id="two codes in one reply"),
        pytest.param(b"250 a\r\n" * 7, Reason.UNSOLICITED_REPLY, id="one too many"),
    ],
)
async def test_what_is_no_reply_ends_the_link_at_once(stream: bytes, reason: Reason) -> None:
    link = Link(Nowhere())
    flights = [link.ask(b"", (60.0,)) for _ in range(ASKED)]
    for start in range(0, len(stream), 65_536):
        link.data_received(stream[start : start + 65_536])
    assert not link.usable
    with pytest.raises(LinkError) as lost:
        link.ask(b"", (60.0,))
    assert lost.value.reason is reason
    assert await ended(link, flights) in (reason, None)
    assert len(link._buffer) <= LONGEST_LINE + 65_536  # noqa: SLF001
    assert len(link._texts) <= MOST_LINES + 1  # noqa: SLF001


@pytest.mark.parametrize("extensions", [pytest.param(STAGES, id="plain"), pytest.param(PIPELINED, id="pipelined")])
@pytest.mark.parametrize("place", ["greeting", "ehlo", "mail", "rcpt", "data", "body"])
async def test_whatever_is_said_at_a_stage_an_attempt_tells_how_it_ended(
    place: str, extensions: tuple[str, ...]
) -> None:
    dice = Random(place)  # noqa: S311
    for _ in range(6):
        said = b"".join(dice.choices(PIECES, k=dice.randint(1, 3)))
        async with posting({place: Say(said)}, extensions=extensions, how=options(hasty(TIMED[place]))) as post:
            attempt = await post.send()
            assert isinstance(attempt, Answered | NotSent | InDoubt | Lapsed), said
            if place != "body":
                assert not isinstance(attempt, InDoubt), said


TIMED = {"greeting": "greeting", "ehlo": "greeting", "mail": "mail", "rcpt": "rcpt", "data": "data", "body": "body"}
