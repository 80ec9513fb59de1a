"""A secured connection, as commands out and replies in.

Every reply belongs to the oldest command that has none yet. One that nobody asked for
(a second one in a segment, a 421 on an idle connection) would be read as the answer to
the next command, perhaps another mail's: it ends the link, as does anything that is no reply.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from math import inf
from typing import Any

from typing_extensions import override

from consumer.adapters.smtp.reasons import Reason
from consumer.core.reply import Reply

LONGEST_LINE = 2_048  # RFC 5321, 4.5.3.1.5 says 512; some relays say more
MOST_LINES = 100
LONGEST_TEXT = 512
_SHORT = 200
_TURN = 0.002
"""Seconds: by so much a timer may be early."""

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)


class LinkError(Exception):
    """The link is of no more use."""

    def __init__(self, reason: Reason, reply: Reply | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reply = reply


class Flight:
    """Commands that left in one go: their replies as far as they are there, and how many seconds each took.

    `done` once all are there, or one that ends the conversation, or the link is lost.
    """

    __slots__ = ("done", "replies", "took", "within")

    def __init__(self, within: tuple[float, ...], done: asyncio.Future[Any]) -> None:
        self.within = within
        self.done = done
        self.replies: list[Reply] = []
        self.took: list[float] = []

    def end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Link(asyncio.Protocol):
    """The protocol that takes over a transport once it is connected, secured and authenticated."""

    def __init__(self, transport: asyncio.Transport, on_closed: Callable[[], None] | None = None) -> None:
        self.on_closed = on_closed
        self.closed = asyncio.Event()
        self._transport = transport
        self.say = transport.write  # what replies are expected to
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._texts: list[bytes] = []
        self._flights: deque[Flight] = deque()
        self._heard_at = 0.0
        self._due = inf  # when the next reply must be there
        self._watch: asyncio.TimerHandle | None = None
        self._watch_at = inf
        self._writer: asyncio.Future[None] | None = None
        self._paused = False
        self._lost: LinkError | None = None
        self._leaving = False

    @property
    def usable(self) -> bool:
        """Whether it stands and has nothing in it that nobody asked for."""
        return not (self._lost or self._leaving or self._flights or self._buffer or self._texts)

    def ask(self, octets: bytes, within: tuple[float, ...]) -> Flight:
        """Write what will be answered, by a reply within so many seconds each."""
        flight = self.expect(within, self._loop.create_future())
        self._transport.write(octets)
        return flight

    def expect(self, within: tuple[float, ...], done: asyncio.Future[Any] | None = None) -> Flight:
        """The same for what is written next, by `say`: the replies come in the order in which they were expected."""
        flights = self._flights
        if self._lost or self._transport.is_closing():
            self._check()
        elif not flights and (self._buffer or self._texts):
            self.fail(Reason.UNSOLICITED_REPLY)
            self._check()
        flight = Flight(within, self._loop.create_future() if done is None else done)
        flights.append(flight)
        if len(flights) == 1:
            self._await_reply(self._loop.time(), flight)
        return flight

    def check(self, flight: Flight) -> None:
        """LinkError if the replies of a flight that is done will not all come: those that came stay in it."""
        if self._lost is not None and len(flight.replies) < len(flight.within):
            raise LinkError(self._lost.reason, self._lost.reply)

    async def write(self, octets: bytes, within: float) -> None:
        """Write a part that is not answered, and wait until the other side took most of it."""
        self._check()
        self._transport.write(octets)
        if not self._paused:
            # A turn of the loop: others send too, and the relay may have something to say.
            await asyncio.sleep(0)
            return
        self._writer = writer = self._loop.create_future()
        clock = self._loop.call_later(within, self.fail, Reason.TIMEOUT)
        try:
            await writer
        finally:
            clock.cancel()
            self._writer = None
            if not writer.cancelled():
                writer.exception()  # who was cancelled while it failed does not look, and asyncio would complain

    def fail(self, reason: Reason, reply: Reply | None = None) -> None:
        """Hang up at once, and tell whoever waits why."""
        if self._lost is None:
            self._lost = LinkError(reason, reply)
            self._transport.abort()
        for flight in self._flights:
            flight.end()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._writer and not self._writer.done():
            self._writer.set_exception(LinkError(self._lost.reason, self._lost.reply))

    def abort(self) -> None:
        self.fail(Reason.CONNECTION_LOST)

    def quit(self, within: float) -> None:
        """Say goodbye and hang up when that is answered, or soon; nobody waits for it."""
        if self._lost is None and not self._leaving:
            self._leaving = True
            self._transport.write(b"QUIT\r\n")
            self._loop.call_later(within, self.fail, Reason.TIMEOUT)

    @override
    def data_received(self, data: bytes) -> None:
        if self._leaving:
            self.fail(Reason.CLOSING)
        if self._lost:
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        self._take_lines(lines, self._loop.time())
        if len(self._buffer) > LONGEST_LINE:
            self.fail(Reason.REPLY_TOO_LONG)

    @override
    def eof_received(self) -> None:
        self.fail(Reason.CONNECTION_LOST)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(Reason.CONNECTION_LOST)
        self.closed.set()
        if self.on_closed:
            self.on_closed()

    @override
    def pause_writing(self) -> None:
        self._paused = True

    @override
    def resume_writing(self) -> None:
        self._paused = False
        if self._writer and not self._writer.done():
            self._writer.set_result(None)

    def _check(self) -> None:
        if not self._lost and self._transport.is_closing():
            # A write failed; asyncio tells in the next turn, and until then swallows what is written.
            self.fail(Reason.CONNECTION_LOST)
        if self._lost:
            raise LinkError(self._lost.reason, self._lost.reply)

    def _take_lines(self, lines: list[bytes], now: float) -> None:
        """Each reply is one to the oldest flight; the mails that wait for them see them once all lines are taken."""
        flights = self._flights
        for line in lines:
            reply = (None if self._texts else _whole_reply(line)) or self._take_part(line.removesuffix(b"\r"))
            if reply is None:
                if self._lost:
                    return
                continue
            if not flights:
                self.fail(Reason.UNSOLICITED_REPLY, reply)
                return
            flight, code = flights[0], reply.code
            flight.replies.append(reply)
            flight.took.append(now - self._heard_at)
            self._heard_at = now
            if whole := len(flight.replies) == len(flight.within):
                flights.popleft()
            # After a 421 none may follow (RFC 5321, 3.8), and 3yz is an answer to the last command of a flight alone.
            if (whole or (code >= 300 and (code < 400 or code == 421))) and not flight.done.done():
                flight.done.set_result(None)
        if flights:
            self._await_reply(self._heard_at, flights[0])

    def _take_part(self, line: bytes) -> Reply | None:
        """A line of a reply of several, or a long one; the reply, where it is the last."""
        if len(line) > LONGEST_LINE or len(self._texts) == MOST_LINES:
            self.fail(Reason.REPLY_TOO_LONG)
        elif not (found := _LINE.fullmatch(line)) or (self._texts and self._texts[0] != found[1]):
            self.fail(Reason.MALFORMED_REPLY)
        else:
            self._texts = self._texts or [found[1]]
            self._texts.append(found[3] or b"")
            if found[2] != b"-":
                texts, self._texts = self._texts, []
                return _reply(texts)
        return None

    def _await_reply(self, now: float, flight: Flight) -> None:
        """One timer for all replies of a link: it is set anew only where the next is due before it."""
        self._heard_at = now
        self._due = now + flight.within[len(flight.replies)]
        if self._due < self._watch_at or self._watch is None:
            self._set_watch()

    def _set_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch_at = self._due
        self._watch = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._watch = None
        if self._flights:
            if self._loop.time() < self._due - _TURN:
                self._set_watch()
            else:
                self.fail(Reason.TIMEOUT)


@lru_cache(maxsize=256)
def _whole_reply(line: bytes) -> Reply | None:
    """A reply of a single short line: relays say the same few again and again."""
    line = line.removesuffix(b"\r")
    if len(line) > _SHORT or not (found := _LINE.fullmatch(line)) or found[2] == b"-":
        return None
    return _reply([found[1], found[3] or b""])


def _reply(texts: list[bytes]) -> Reply:
    """A reply of its code and the text of each line; an enhanced code that is said on each line counts once."""
    code = int(texts[0])
    first = Reply.of(code, printable(texts[1].decode("utf-8", "replace")))
    if len(texts) == 2:
        return first
    again = f"{first.enhanced} " if first.enhanced else ""
    rest = (printable(text.decode("utf-8", "replace")).removeprefix(again) for text in texts[2:])
    return Reply(code, " ".join((first.text, *rest))[:LONGEST_TEXT], first.enhanced)


def printable(text: str) -> str:
    """A relay's words without control characters, at a length that fits everywhere."""
    text = text[:LONGEST_TEXT]
    if text.isprintable():
        return text
    return "".join(letter for letter in text if letter.isprintable())
