"""The scripted relay itself: what it does to others must not hold up the test that it stands in."""

import asyncio
import smtplib
import socket
import ssl
import struct
from pathlib import Path

import pytest

from devtools.certificates import write_certificates
from devtools.relay import Relay
from devtools.relay_script import Endless

HANG_UP_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: no goodbye, what is still to come is refused


def _taste(port: int, authority: Path) -> None:
    """Listen to a little of what the relay pours out over TLS, and go."""
    with smtplib.SMTP("localhost", port, timeout=5) as client:
        client.starttls(context=ssl.create_default_context(cafile=authority))
        client.ehlo()
        client.putcmd("MAIL FROM:<a@acme.example>")
        assert client.sock is not None
        client.sock.recv(2_048)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HANG_UP_AT_ONCE)
        client.sock.close()
        client.sock = None


async def test_a_relay_that_pours_for_ever_stops_when_its_client_has_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificates = write_certificates(tmp_path)
    async with Relay(script={"mail": Endless()}, certificates=certificates) as relay, asyncio.timeout(10):
        await asyncio.to_thread(_taste, relay.port, certificates.authority)
        await relay.until_all_left()
    # asyncio complains of each write to a connection that is gone: of thousands, and nothing else runs meanwhile.
    assert caplog.messages == []
