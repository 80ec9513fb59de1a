"""A relay that takes everything at once: postfix's smtp-sink, or this one where that is not installed.

With certificates it offers STARTTLS, which smtp-sink does not, and takes no mail before.
"""

import argparse
import asyncio
import os
import shutil
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

from typing_extensions import override

from benchmarks import loops
from devtools.certificates import write_certificates

_REPLIES = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}
_OFFER = b"250-sink\r\n250-PIPELINING\r\n250 STARTTLS\r\n"
_OK = b"250 2.0.0 Ok\r\n"
_END = b"\r\n.\r\n"


def command(port: int) -> list[str]:
    """The command of a sink on that port of this machine."""
    postfix = _tool("smtp-sink")
    if postfix:
        as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
        return [postfix, *as_nobody, f"127.0.0.1:{port}", "1024"]
    return [sys.executable, "-m", "benchmarks.sink", str(port)]


def name() -> str:
    """What stands at the other end, for the report."""
    return "smtp-sink of postfix" if _tool("smtp-sink") else "an own asyncio sink (smtp-sink is not installed)"


def source() -> str | None:
    """The smtp-source beside it, if there is one."""
    return _tool("smtp-source")


def _tool(called: str) -> str | None:
    return shutil.which(called) or shutil.which(called, path="/usr/sbin:/sbin")


class Session(asyncio.Protocol):
    """One connection; replies to what came together leave together. `secure` begins TLS on it, where that is offered."""

    def __init__(self, secure: "Callable[[Session], object] | None" = None) -> None:
        self._input = bytearray()
        self._in_body = False
        self._secure = secure

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(b"220 sink ESMTP\r\n")

    async def start_tls(self, context: ssl.SSLContext) -> None:
        self._transport.write(b"220 go on\r\n")
        loop = asyncio.get_running_loop()
        secured = await loop.start_tls(self._transport, self, context, server_side=True)
        self._transport, self._secure = cast("asyncio.Transport", secured), None

    @override
    def data_received(self, data: bytes) -> None:
        self._input += data
        replies = bytearray()
        while (taken := self._body() if self._in_body else self._line()) is not None:
            replies += taken
        self._transport.write(bytes(replies))

    def _body(self) -> bytes | None:
        end = self._input.find(_END)
        if end < 0:
            return None
        del self._input[: end + len(_END)]
        self._in_body = False
        return _OK

    def _line(self) -> bytes | None:
        end = self._input.find(b"\r\n")
        if end < 0:
            return None
        verb = bytes(self._input[:4]).upper()
        # The line end before a body counts as the one before a lone dot.
        del self._input[: end if verb == b"DATA" else end + 2]
        self._in_body = verb == b"DATA"
        return _REPLIES.get(verb, _OK) if self._secure is None else self._before_tls(verb, self._secure)

    def _before_tls(self, verb: bytes, secure: "Callable[[Session], object]") -> bytes:
        if verb == b"STAR":
            secure(self)
            return b""
        return _OFFER if verb == b"EHLO" else b"530 5.7.0 STARTTLS first\r\n"


async def _serve(port: int, certificates: Path | None) -> None:
    context = None if certificates is None else _context(certificates)
    async with asyncio.TaskGroup() as tasks:

        def secure(session: Session) -> None:
            if context is not None:
                tasks.create_task(session.start_tls(context))

        def session() -> Session:
            return Session(secure if context else None)

        server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", port, backlog=1024)
        async with server:
            await server.serve_forever()


def _context(folder: Path) -> ssl.SSLContext:
    files = write_certificates(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.chain, files.key)
    return context


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sink", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--certificates", type=Path, help="a folder to make them in: STARTTLS is offered, and wanted")
    given = parser.parse_args()
    loops.run(_serve(given.port, given.certificates))


__all__ = ["command", "name", "source"]

if __name__ == "__main__":
    _main()
