"""Brokers that stand in a special place."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from devtools.broker import Broker
from devtools.proxy import Proxy


@asynccontextmanager
async def behind_a_proxy() -> AsyncGenerator[tuple[Proxy, Broker]]:
    """A broker that everybody reaches by the proxy: that is the address it gives to its clients."""
    async with Proxy() as proxy:
        broker = Broker({"advertised.listeners": f"PLAINTEXT://{proxy.address}"})
        proxy.lead_to(broker.bootstrap)
        with broker:
            yield proxy, broker
