"""Connections to a broker that break under the library's hands."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from aiokafka import conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from consumer.adapters.kafka import client  # noqa: F401  it puts its own connection in place


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_heartbeat_into_a_closed_transport_is_a_lost_connection_and_no_crash(
    broker: str, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    host, _, port = broker.partition(":")

    async def send_into_a_closed_one() -> None:
        connection: Any = await conn.create_conn(host, int(port))
        connection._writer.transport.abort()  # noqa: SLF001  a broker that was killed: nothing was read of it yet
        try:
            with pytest.raises(KafkaConnectionError):
                await connection.send(MetadataRequest([]))
        finally:
            connection.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(asyncio.wait_for(send_into_a_closed_one(), 10))
