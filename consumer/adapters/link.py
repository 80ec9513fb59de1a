"""Between a process and the workers that it started: questions down, answers up, over a socket that both inherit.

Nobody else can reach it, it needs no port and no file, and it is there exactly as long as both are: a worker whose
starter is gone, even by kill -9, sees the end of it at once. An answer carries the number of its question, so that
one that comes too late is nobody else's.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from struct import Struct
from typing import TypeAlias, cast

from typing_extensions import override

Answers: TypeAlias = Mapping[str, Callable[[], bytes]]
"""How each question is answered, by its word."""

_HEAD = Struct("!II")  # the number of the question, and how many octets follow


class _Framed(asyncio.Protocol):
    """Cuts what comes into frames."""

    def __init__(self) -> None:
        self._came = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._came += data
        while len(self._came) >= _HEAD.size:
            number, length = _HEAD.unpack_from(self._came)
            end = _HEAD.size + length
            if len(self._came) < end:
                return
            content = bytes(self._came[_HEAD.size : end])
            del self._came[:end]
            self.frame(number, content)

    def send(self, number: int, content: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_HEAD.pack(number, len(content)) + content)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def frame(self, number: int, content: bytes) -> None:
        raise NotImplementedError


class Asking(_Framed):
    """The end of the one who started the worker."""

    def __init__(self) -> None:
        super().__init__()
        self._number = 0
        self._waiting: dict[int, asyncio.Future[bytes | None]] = {}

    @property
    def open(self) -> bool:
        """Whether somebody is at the other end."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, word: str, within: float) -> bytes | None:
        """What the worker answers; None if it did not within so many seconds, or is gone."""
        if not self.open:
            return None
        self._number += 1
        number = self._number
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self.send(number, word.encode())
        try:
            async with asyncio.timeout(within):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._waiting[number]

    def tell(self, word: str) -> None:
        """Say something to the worker whose answer nobody waits for."""
        self.send(0, word.encode())

    @override
    def frame(self, number: int, content: bytes) -> None:
        answer = self._waiting.get(number)
        if answer is not None and not answer.done():
            answer.set_result(content)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(None)


class _Answering(_Framed):
    """The worker's end."""

    def __init__(self, answers: Answers, alone: Callable[[], None]) -> None:
        super().__init__()
        self._answers = answers
        self._alone = alone
        self._left = False

    @override
    def frame(self, number: int, content: bytes) -> None:
        answer = self._answers.get(content.decode())
        self.send(number, answer() if answer is not None else b"")

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if not self._left:
            self._alone()

    def leave(self) -> None:
        self._left = True
        self.close()


def pair() -> tuple[socket.socket, int]:
    """Our end, and the descriptor of the other one, for a process to inherit and for us to close then."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)  # noqa: FBT003
    return ours, theirs.detach()


async def asking(ours: socket.socket) -> Asking:
    """The starter's end at work; to be closed."""
    _, protocol = await asyncio.get_running_loop().create_connection(Asking, sock=ours)
    return protocol


@asynccontextmanager
async def answering(descriptor: int, answers: Answers, *, alone: Callable[[], None]) -> AsyncGenerator[None]:
    """Answers until it is left. `alone` is called, once, if who started us is gone before."""
    theirs = socket.socket(fileno=descriptor)
    theirs.setblocking(False)  # noqa: FBT003
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(lambda: _Answering(answers, alone), sock=theirs)
    try:
        yield
    finally:
        protocol.leave()
