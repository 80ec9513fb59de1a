"""A secured connection, as commands out and replies in.

Every reply belongs to the oldest command that has none yet. One that nobody asked for
(a second one in a segment, a 421 on an idle connection) would be read as the answer to
the next command, perhaps another mail's: it ends the link, as does anything that is no reply.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable

from typing_extensions import override

from consumer.adapters.smtp.reasons import Reason
from consumer.core.reply import Reply

LONGEST_LINE = 2_048  # RFC 5321, 4.5.3.1.5 says 512; some relays say more
MOST_LINES = 100
LONGEST_TEXT = 512

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)


class LinkError(Exception):
    """The link is of no more use."""

    def __init__(self, reason: Reason, reply: Reply | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reply = reply


class Link(asyncio.Protocol):
    """The protocol that takes over a transport once it is connected, secured and authenticated."""

    def __init__(self, transport: asyncio.Transport, on_closed: Callable[[], None] | None = None) -> None:
        self.on_closed = on_closed
        self.closed = asyncio.Event()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._texts: list[bytes] = []
        self._replies: deque[Reply] = deque()
        self._awaited = 0
        self._reader: asyncio.Future[Reply] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._paused = False
        self._lost: LinkError | None = None
        self._leaving = False

    @property
    def usable(self) -> bool:
        """Whether it stands and has nothing in it that nobody asked for."""
        return not (self._lost or self._leaving or self._awaited or self._replies or self._buffer or self._texts)

    def ask(self, octets: bytes, replies: int = 1) -> None:
        """Write what will be answered so many times."""
        self._check()
        if self._awaited == 0 and (self._replies or self._buffer or self._texts):
            self.fail(Reason.UNSOLICITED_REPLY)
            self._check()
        self._awaited += replies
        self._transport.write(octets)

    async def reply(self, within: float) -> Reply:
        """The next reply; LinkError if there will be none, or not in time."""
        if self._replies:
            return self._replies.popleft()
        self._check()
        self._reader = reader = self._loop.create_future()
        clock = self._loop.call_later(within, self.fail, Reason.TIMEOUT)
        try:
            return await reader
        finally:
            clock.cancel()
            self._reader = None
            _look_at(reader)

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
            _look_at(writer)

    def fail(self, reason: Reason, reply: Reply | None = None) -> None:
        """Hang up at once, and tell whoever waits why."""
        if self._lost is None:
            self._lost = LinkError(reason, reply)
            self._transport.abort()
        for waiter in (self._reader, self._writer):
            if waiter and not waiter.done():
                waiter.set_exception(LinkError(self._lost.reason, self._lost.reply))

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
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0 and not self._lost:
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            self._take_line(line)
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

    def _take_line(self, line: bytes) -> None:
        if len(line) > LONGEST_LINE or len(self._texts) == MOST_LINES:
            self.fail(Reason.REPLY_TOO_LONG)
        elif not (found := _LINE.fullmatch(line)) or (self._texts and self._texts[0] != found[1]):
            self.fail(Reason.MALFORMED_REPLY)
        else:
            self._texts = self._texts or [found[1]]
            self._texts.append(found[3] or b"")
            if found[2] != b"-":
                texts, self._texts = self._texts, []
                self._take_reply(_reply(texts))

    def _take_reply(self, reply: Reply) -> None:
        if self._awaited == 0:
            self.fail(Reason.UNSOLICITED_REPLY, reply)
            return
        self._awaited -= 1
        if self._reader and not self._reader.done():
            self._reader.set_result(reply)
        else:
            self._replies.append(reply)


def _reply(texts: list[bytes]) -> Reply:
    """A reply of its code and the text of each line; an enhanced code that is said on each line counts once."""
    code = int(texts[0])
    first = Reply.of(code, printable(texts[1].decode("utf-8", "replace")))
    if len(texts) == 2:
        return first
    again = f"{first.enhanced} " if first.enhanced else ""
    rest = (printable(text.decode("utf-8", "replace")).removeprefix(again) for text in texts[2:])
    return Reply(code, " ".join((first.text, *rest))[:LONGEST_TEXT], first.enhanced)


def _look_at(waiter: "asyncio.Future[Reply] | asyncio.Future[None]") -> None:
    """Whoever was cancelled while it failed does not look; asyncio would complain of an error that nobody saw."""
    if not waiter.cancelled():
        waiter.exception()


def printable(text: str) -> str:
    """A relay's words without control characters, at a length that fits everywhere."""
    text = text[:LONGEST_TEXT]
    if text.isprintable():
        return text
    return "".join(letter for letter in text if letter.isprintable())
