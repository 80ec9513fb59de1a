"""A relay that takes everything at once: postfix's smtp-sink, or this one where that is not installed."""

import argparse
import asyncio
import os
import shutil
import sys
from typing import cast

from typing_extensions import override

_REPLIES = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}
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
    """One connection; replies to what came together leave together."""

    def __init__(self) -> None:
        self._input = bytearray()
        self._in_body = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(b"220 sink ESMTP\r\n")

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
        return _REPLIES.get(verb, _OK)


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Session, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sink", description=__doc__)
    parser.add_argument("port", type=int)
    asyncio.run(_serve(parser.parse_args().port))


__all__ = ["command", "name", "source"]

if __name__ == "__main__":
    _main()
