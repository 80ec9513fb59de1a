"""The guard: whatever a host is called and whatever it resolves to, connections go where they may."""

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_network

import aiohttp
import pytest
from aiohttp import web

from consumer.adapters.guard import Guard, Place
from consumer.core.network import Borders, NotAllowedError

CLOSED = Borders()
HERE = Borders.of([ip_network("127.0.0.1/32")])


class Names:
    """A resolver with an answer for each time it is asked; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.asked = 0
        self._answers = answers

    async def __call__(self, _host: str, port: int) -> list[Place]:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, one, port) for one in answer]


class Site:
    """A web server on this machine, and how often it was connected to."""

    def __init__(self) -> None:
        self.hosts: list[str] = []
        self.port = 0

    async def answer(self, request: web.BaseRequest) -> web.Response:
        self.hosts.append(request.headers["Host"])
        return web.Response(text="secret")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    runner = web.ServerRunner(web.Server(site.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.port = runner.addresses[0][1]
    yield site
    await runner.cleanup()


async def got(guard: Guard, host: str, port: int) -> str:
    """The page, or why there is none."""
    shown = f"[{host}]" if ":" in host else host
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(connector=guard.connector(host), timeout=timeout, trust_env=False) as session:
        try:
            async with session.get(f"http://{shown}:{port}/") as response:
                return await response.text()
        except aiohttp.InvalidURL:
            return "invalid"
        except aiohttp.ClientConnectorError as error:
            return type(error.os_error).__name__


async def reached(guard: Guard, host: str, port: int) -> str:
    """The address that was connected to, or why there is none."""
    try:
        sock = await guard.reach(host, port, 5.0)
    except (OSError, UnicodeError) as error:
        return type(error).__name__
    with sock:
        return str(sock.getpeername()[0])


NOTATIONS = [
    "127.0.0.1",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "127.1",
    "0177.0.0.1",
    "::ffff:127.0.0.1",
    "::1",
    "0",
    "::",
]


@pytest.mark.parametrize("host", NOTATIONS)
async def test_no_notation_of_this_machine_gets_through(site: Site, host: str) -> None:
    guard = Guard(CLOSED)
    assert await reached(guard, host, site.port) == "NotAllowedError"
    assert await got(guard, host, site.port) in ("NotAllowedError", "invalid")
    assert site.hosts == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "files.example", "files.example."])
async def test_no_name_that_leads_to_this_machine_gets_through(site: Site, host: str) -> None:
    guard = Guard(CLOSED, lookup=Names(["127.0.0.1", "::1"]))
    assert await reached(guard, host, site.port) == "NotAllowedError"
    assert await got(guard, host, site.port) == "NotAllowedError"
    assert site.hosts == []


async def test_the_error_says_no_more_than_that_it_is_not_allowed() -> None:
    guard = Guard(CLOSED, lookup=Names(["10.11.12.13"]))
    with pytest.raises(NotAllowedError) as raised:
        await guard.reach("c4n4ry.example", 25, 1.0)
    assert str(raised.value) == "[Errno 13] not allowed"


async def test_what_is_allowed_gets_through(site: Site) -> None:
    guard = Guard(HERE, lookup=Names(["127.0.0.1"]))
    assert await got(guard, "files.example", site.port) == "secret"
    assert await got(guard, "127.0.0.1", site.port) == "secret"
    assert await reached(guard, "files.example", site.port) == "127.0.0.1"
    assert site.hosts == [f"files.example:{site.port}", f"127.0.0.1:{site.port}"]


async def test_of_several_addresses_only_the_allowed_ones_are_tried(site: Site) -> None:
    guard = Guard(HERE, lookup=Names(["127.0.0.2", "::1", "10.0.0.1", "127.0.0.1"]))
    assert await reached(guard, "files.example", site.port) == "127.0.0.1"
    assert await got(guard, "files.example", site.port) == "secret"


async def test_a_name_that_leads_elsewhere_a_moment_later_is_not_followed(site: Site) -> None:
    for way in (reached, got):
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        assert await way(Guard(HERE, lookup=names), "files.example", site.port) in ("127.0.0.1", "secret")
        assert names.asked == 1


async def test_an_allowed_host_may_be_anywhere_but_lends_its_place_to_nobody(site: Site) -> None:
    guard = Guard(Borders.of(["files.internal"]), lookup=Names(["127.0.0.1"]))
    assert await got(guard, "files.internal", site.port) == "secret"
    assert await reached(guard, "Files.Internal.", site.port) == "127.0.0.1"
    assert await got(guard, "other.example", site.port) == "NotAllowedError"
    assert await got(guard, "127.0.0.1", site.port) == "NotAllowedError"


async def test_a_connector_made_for_one_host_serves_no_other(site: Site) -> None:
    guard = Guard(Borders.of(["files.internal"]), lookup=Names(["127.0.0.1"]))
    async with aiohttp.ClientSession(connector=guard.connector("files.internal")) as session:
        for other in ("other.example", "127.0.0.1"):
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"http://{other}:{site.port}/")
    assert site.hosts == []


async def test_a_port_that_is_not_for_the_web_is_closed_to_public_addresses() -> None:
    guard = Guard(Borders(ports=frozenset((443,))), lookup=Names(["8.8.8.8"]))
    assert await reached(guard, "host.example", 25) == "NotAllowedError"
    assert await guard.allowed("host.example", 443) == [(socket.AF_INET, "8.8.8.8", 443)]


async def test_a_host_that_an_operator_has_put_elsewhere_is_reached_there(site: Site) -> None:
    here = f"127.0.0.1:{site.port}"
    guard = Guard(CLOSED, {"relay.example:25": here, "other.example": "127.0.0.1"})
    assert await reached(guard, "Relay.Example", 25) == "127.0.0.1"
    assert await reached(guard, "other.example", site.port) == "127.0.0.1"


@pytest.mark.parametrize("host", ["no.such.invalid", "a..b", "", "x" * 300, "\x00", "host.example\r\n"])
async def test_what_has_no_address_is_an_error_of_the_name(host: str) -> None:
    assert await reached(Guard(HERE), host, 25) in ("gaierror", "UnicodeError", "UnicodeEncodeError")


async def test_a_place_where_nobody_listens_is_unreachable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert await reached(Guard(HERE), "127.0.0.1", port) == "ConnectionRefusedError"


async def test_a_name_that_takes_too_long_to_resolve_ends_in_time() -> None:
    async def never(_host: str, _port: int) -> list[Place]:
        return await asyncio.get_running_loop().create_future()

    assert await reached_within(Guard(HERE, lookup=never), 0.05) == "TimeoutError"


async def reached_within(guard: Guard, within: float) -> str:
    try:
        (await guard.reach("slow.example", 25, within)).close()
    except TimeoutError as error:
        return type(error).__name__
    return "connected"
