"""The guard before every connection that a request can name.

A name is resolved once; each address that comes of it is judged; the connection goes to the
very address that was judged. Nothing is judged by how it is written: `0x7f.1`, a redirect, or a
name that leads elsewhere a moment later end at an address, and that one counts. A resolver alone
would not do: aiohttp asks none for an IP literal, so its sockets are made here, too.

The error says no more than "not allowed": what is behind it is not told to who asks.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from typing_extensions import override

from consumer.core.network import Borders, NotAllowedError, plain_host

MOST_ADDRESSES = 4

Place: TypeAlias = tuple[socket.AddressFamily, str, int]
"""An address family, an address in its numbers, and a port."""

Lookup: TypeAlias = Callable[[str, int], Awaitable[list[Place]]]
"""The addresses of a host. Raises socket.gaierror or UnicodeError where there are none."""


async def lookup(host: str, port: int) -> list[Place]:
    """What the system's resolver says, in its order."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(address[0]), port) for family, _, _, _, address in found if family in _FAMILIES]


def _unnoticed() -> None:
    """Nobody wants to know."""


class Guard:
    """Connects to what the borders let through, and to the places that an operator has put in a host's stead."""

    def __init__(self, borders: Borders, places: Mapping[str, str] | None = None, *, lookup: Lookup = lookup) -> None:
        self._borders = borders
        self._places = places or {}
        self._lookup = lookup

    async def reach(
        self, host: str, port: int, within: float, *, resolved: Callable[[], None] = _unnoticed
    ) -> socket.socket:
        """Try the host's addresses in the resolver's order, each with an equal share of the time.

        `resolved` is told when there are addresses that may be connected to.

        Raises NotAllowedError where none of them may be connected to, socket.gaierror or UnicodeError where
        there are none, another OSError where none answers.
        """
        async with asyncio.timeout(within):
            found = await self.found(host, port)
        resolved()
        error: OSError = OSError("no address")
        for place in found:
            try:
                return await _connected(place, within / len(found))
            except OSError as failed:
                error = failed
        raise error

    def connector(self, host: str) -> aiohttp.TCPConnector:
        """Connections for one request to this host, under the same rule. Close it: it keeps none."""
        way = _Way(self, host)
        return aiohttp.TCPConnector(
            resolver=way,
            socket_factory=way.open,
            use_dns_cache=False,
            force_close=True,
            family=socket.AF_UNSPEC,
        )

    async def allowed(self, host: str, port: int) -> list[Place]:
        """The addresses of this host that may be connected to. Raises NotAllowedError if there is none of them."""
        found = await self._lookup(host, port)
        places = [place for place in found if self._borders.lets(host, place[1], place[2])]
        if found and not places:
            raise NotAllowedError
        return places[:MOST_ADDRESSES]

    def lets(self, host: str, address: str, port: int) -> bool:
        return self._borders.lets(host, address, port)

    async def found(self, host: str, port: int) -> list[Place]:
        """Where `reach` would try to connect to, and like it if there is nowhere.

        Where an operator has named another place, that is his word, and it is not judged.
        """
        name = plain_host(host)
        place = self._places.get(f"{name}:{port}", self._places.get(name))
        if place is None:
            return await self.allowed(host, port)
        address, _, other = place.partition(":") if place.count(":") == 1 else (place, "", "")
        return (await self._lookup(address, int(other or port)))[:MOST_ADDRESSES]


class _Way(AbstractResolver):
    """The way to one host: resolves it, and opens sockets to what came of it."""

    def __init__(self, guard: Guard, host: str) -> None:
        self._guard = guard
        self._host = host
        self._judged: set[tuple[str, int]] = set()

    @override
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        places = await self._guard.allowed(host, port) if plain_host(host) == plain_host(self._host) else []
        if not places:
            raise NotAllowedError
        self._judged.update((address, port) for _, address, port in places)
        return [_result(host, place) for place in places]

    def open(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for an address that was judged. One that was never resolved was a literal: it stands for itself."""
        family, kind, protocol, _, (address, port, *_) = info
        if (address, port) not in self._judged and not self._guard.lets(address, address, port):
            raise NotAllowedError
        return socket.socket(family, kind, protocol)

    @override
    async def close(self) -> None: ...


_FAMILIES = frozenset((socket.AF_INET, socket.AF_INET6))
_NUMBERS = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


def _result(host: str, place: Place) -> ResolveResult:
    family, address, port = place
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=_NUMBERS)


async def _connected(place: Place, within: float) -> socket.socket:
    family, address, port = place
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        async with asyncio.timeout(within):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock
