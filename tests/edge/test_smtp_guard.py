"""The guard before relays, and what the transport makes of its word and of the system's."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from errno import EACCES, EPERM
from ipaddress import ip_network

import pytest

from consumer.adapters.guard import Guard
from consumer.adapters.smtp import SmtpTransport
from consumer.adapters.smtp.dialer import Reach
from consumer.core.attempt import Answered, NotSent, Stage
from consumer.core.network import Borders
from consumer.core.tenant import Relay, Scheme
from devtools.relay import Relay as RelayHere
from devtools.relay_script import Manner
from tests.edge.post import CLOCK, PIPELINED, granted, mail, options

REFUSED = NotSent(Stage.CONNECT, "not-allowed")
NOTATIONS = ("localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "::1", "::ffff:127.0.0.1", "0")


@asynccontextmanager
async def guarded(reach: Reach) -> AsyncIterator[tuple[RelayHere, SmtpTransport]]:
    async with RelayHere(Manner("plain", PIPELINED)) as relay:
        transport = SmtpTransport(CLOCK, options(), reach=reach)
        yield relay, transport
        await transport.aclose()


@pytest.mark.parametrize("host", NOTATIONS)
async def test_no_notation_of_this_machine_gets_a_byte_of_mail(host: str) -> None:
    async with guarded(Guard(Borders()).reach) as (relay, transport):
        assert await transport.send(mail(), Relay(host, relay.port, Scheme.PLAIN), granted) == REFUSED
        assert relay.sessions == []


async def test_many_mails_at_once_to_a_forbidden_relay_are_all_told_so() -> None:
    """Each saw the next one's attempt for a connection worth waiting for, and so they went round for ever."""
    transport = SmtpTransport(CLOCK, options(), reach=Guard(Borders()).reach)
    relay = Relay("127.0.0.1", 25, Scheme.PLAIN)
    async with asyncio.timeout(20):
        attempts = await asyncio.gather(*(transport.send(mail(), relay, granted) for _ in range(20)))
    assert attempts == [REFUSED] * 20
    await transport.aclose()


async def test_what_an_operator_allows_gets_its_mail() -> None:
    async with guarded(Guard(Borders.of([ip_network("127.0.0.0/8")])).reach) as (relay, transport):
        attempt = await transport.send(mail(), Relay("127.0.0.1", relay.port, Scheme.PLAIN), granted)
        assert isinstance(attempt, Answered)
        assert len(relay.taken) == 1


@pytest.mark.parametrize("number", [EACCES, EPERM])
async def test_the_systems_own_refusal_is_not_the_guards_and_may_pass(number: int) -> None:
    async def refused_by_the_system(*_: object, **__: object) -> socket.socket:
        raise PermissionError(number, "by a rule of the system")

    async with guarded(refused_by_the_system) as (_, transport):
        attempt = await transport.send(mail(), Relay("relay.example", 25, Scheme.PLAIN), granted)
    assert attempt == NotSent(Stage.CONNECT, "unreachable")
