"""A TCP proxy in front of a broker, that understands just enough of Kafka to stop it at the right place.

    async with Proxy() as proxy:
        broker = Broker({"advertised.listeners": f"PLAINTEXT://{proxy.address}"})
        proxy.lead_to(broker.bootstrap)

Each request and each answer passes a hook, which sees what it is and whose. While the hook waits, that direction
of the connection waits with it; `CutError` hangs up, and what was in hand is lost.
"""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

END_TXN, ADD_OFFSETS_TO_TXN, FETCH, PRODUCE = 26, 25, 1, 0
"""Some of Kafka's API keys."""

_LEFT = (ConnectionError, asyncio.IncompleteReadError, TimeoutError)


class CutError(Exception):
    """Raised by a hook: hang up on both sides."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way, or its answer on the way back."""

    api: int
    client: str
    octets: bytes


Hook: TypeAlias = Callable[[Call], Awaitable[None]]


async def pass_on(_: Call) -> None:
    """Nothing is done to it."""


class Proxy:
    """One listening address that leads to one broker. Its hooks may be changed at any time."""

    def __init__(self, request: Hook = pass_on, answer: Hook = pass_on) -> None:
        self.request = request
        self.answer = answer
        self.cut_after: int | None = None
        self._upstream: tuple[str, int] = ("", 0)
        self._tasks: set[asyncio.Task[None]] = set()

    def lead_to(self, bootstrap: str) -> None:
        host, _, port = bootstrap.rpartition(":")
        self._upstream = host, int(port)

    @property
    def address(self) -> str:
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  asyncio starts a task for each connection
        self._tasks.add(task)
        try:
            with suppress(*_LEFT, CutError, asyncio.CancelledError):
                await self._lead(reader, writer)
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broker_reader, broker_writer = await asyncio.open_connection(*self._upstream)
        calls: dict[int, tuple[int, str]] = {}
        there = asyncio.ensure_future(self._requests(reader, broker_writer, calls))
        back = asyncio.ensure_future(self._answers(broker_reader, writer, calls))
        try:
            await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
        finally:
            broker_writer.transport.abort()
            for task in (there, back):
                task.cancel()
            await asyncio.wait((there, back), timeout=5)
            for task in (there, back):
                if task.done() and not task.cancelled():
                    task.exception()  # an end of the connection, told by closing it

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, calls: dict[int, tuple[int, str]]
    ) -> None:
        while True:
            frame = await _frame(reader)
            api, _, correlation, length = struct.unpack_from(">hhih", frame)
            client = frame[10 : 10 + max(0, length)].decode()
            calls[correlation] = api, client
            await self.request(Call(api, client, frame))
            await self._write(writer, frame)

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, calls: dict[int, tuple[int, str]]
    ) -> None:
        while True:
            frame = await _frame(reader)
            (correlation,) = struct.unpack_from(">i", frame)
            api, client = calls.pop(correlation, (-1, ""))
            await self.answer(Call(api, client, frame))
            await self._write(writer, frame)

    async def _write(self, writer: asyncio.StreamWriter, frame: bytes) -> None:
        octets = struct.pack(">i", len(frame)) + frame
        if self.cut_after is not None:
            self.cut_after -= len(octets)
            if self.cut_after < 0:
                writer.write(octets[: self.cut_after])
                with suppress(*_LEFT):
                    await writer.drain()
                raise CutError
        writer.write(octets)
        await writer.drain()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(length)
