"""A TCP proxy that makes every byte arrive later: `python -m benchmarks.delay PORT TARGET-PORT MILLISECONDS` each way."""

import argparse
import asyncio
from collections.abc import Callable
from typing import cast

from typing_extensions import override

from benchmarks import loops


class End(asyncio.Protocol):
    """One end of a proxied connection; what it hears, its peer writes a while later."""

    def __init__(
        self, delay: float, *, peer: "End | None" = None, connect: Callable[["End"], None] | None = None
    ) -> None:
        self._delay = delay
        self._connect = connect
        self._early: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self.peer = peer

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.writelines(self._early)
        if self._connect:
            self._connect(self)

    @override
    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(self._delay, self._hand_on, data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        asyncio.get_running_loop().call_later(self._delay, self._hang_up)

    def write(self, data: bytes) -> None:
        if self._transport is None:
            self._early.append(data)
        elif not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _hand_on(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.write(data)

    def _hang_up(self) -> None:
        if self.peer is not None:
            self.peer.close()


async def _serve(port: int, target: int, delay: float) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:

        def connect(near: End) -> None:
            far = End(delay, peer=near)
            near.peer = far
            tasks.create_task(_open(far))

        async def _open(far: End) -> None:
            await loop.create_connection(lambda: far, "127.0.0.1", target)

        server = await loop.create_server(lambda: End(delay, connect=connect), "127.0.0.1", port, backlog=1024)
        async with server:
            await server.serve_forever()


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.delay", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("target", type=int)
    parser.add_argument("milliseconds", type=float)
    given = parser.parse_args()
    loops.run(_serve(given.port, given.target, given.milliseconds / 1000))


if __name__ == "__main__":
    _main()
