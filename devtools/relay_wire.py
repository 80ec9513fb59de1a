"""The bytes of one connection, from the relay's side."""

import asyncio
import ssl
from dataclasses import dataclass, field

_GIGABYTE = 1 << 30


class GoneError(Exception):
    """The client left, or the script hung up."""


@dataclass(slots=True)
class Log:
    """What came over one connection: each command line, and which verbs came together, where a script took over last."""

    lines: list[str] = field(default_factory=list)
    flights: list[list[str]] = field(default_factory=list)
    clear: bytes = b""
    at: str = ""
    open: bool = True

    @property
    def verbs(self) -> list[str]:
        return [line.split(" ", 1)[0].upper() for line in self.lines]


class Wire:
    """The bytes of one connection; replies leave together when more input is needed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: Log, latency: float) -> None:
        self._reader = reader
        self._writer = writer
        self._input = bytearray()
        self._output = bytearray()
        self._latency = latency
        self._in_body = False
        self.log = log
        self.secure = writer.get_extra_info("sslcontext") is not None

    def reply(self, octets: bytes) -> None:
        self._output += octets

    async def flush(self) -> None:
        if self._output:
            if self._latency:
                await asyncio.sleep(self._latency)
            self._writer.write(bytes(self._output))
            self._output.clear()
            await self._writer.drain()

    async def line(self) -> bytes:
        while (end := self._input.find(b"\r\n")) < 0:
            await self._fill()
        line = bytes(self._input[:end])
        del self._input[: end + 2]
        text = line.decode("utf-8", "replace")
        self.log.lines.append(text)
        self.log.flights[-1].append(text.split(" ", 1)[0].upper())
        return line

    async def body(self, at_most: int | None) -> bytes:
        """Everything up to the lone dot, unstuffed. Hangs up once `at_most` bytes came."""
        await self.flush()
        self._in_body = True
        looked = 0
        while (end := self._body_end(looked)) < 0:
            if at_most is not None and len(self._input) >= at_most:
                raise GoneError
            looked = max(0, len(self._input) - 4)
            await self._fill()
        content = bytes(self._input[:end])
        del self._input[: end + 3]
        self._in_body = False
        return content.removeprefix(b".").replace(b"\r\n..", b"\r\n.")

    def _body_end(self, looked: int) -> int:
        if self._input.startswith(b".\r\n"):
            return 0
        return found + 2 if (found := self._input.find(b"\r\n.\r\n", looked)) >= 0 else -1

    async def secured(self, tls: ssl.SSLContext) -> None:
        await self.flush()
        self._input.clear()
        await self._writer.start_tls(tls, ssl_handshake_timeout=10)
        self.secure = True

    async def left(self) -> None:
        """Read and forget until the client is gone."""
        await self.flush()
        while await self._reader.read(65_536):
            pass
        raise GoneError

    async def pour(self, block: bytes) -> None:
        for _ in range(_GIGABYTE // len(block)):
            self.reply(block)
            await self.flush()
            # Over TLS a write to a client that has gone says nothing, and never waits: only a turn of the loop tells.
            await asyncio.sleep(0)
        raise GoneError

    async def _fill(self) -> None:
        await self.flush()
        more = await self._reader.read(262_144)
        if not more:
            raise GoneError
        if not self.secure:
            self.log.clear += more
        self._input += more
        if not self._in_body:
            self.log.flights.append([])
