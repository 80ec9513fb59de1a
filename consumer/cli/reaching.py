"""`consumer check --online`: whether there is a token for Kafka, and which relays the guard does not let us connect to."""

import asyncio

from consumer.adapters import tenants_file
from consumer.adapters.guard import Guard
from consumer.adapters.kafka.bearer import NoBearerError
from consumer.core.network import NotAllowedError
from consumer.core.tenants import Faults
from consumer.outside import bearer_of, guard_of
from consumer.settings import Kafka, Settings

_AT_ONCE = 20
_WITHIN = 10.0
"""Seconds for a name to be resolved; one that takes longer is not judged here."""


async def no_token(kafka: Kafka) -> tuple[str, ...]:
    """What keeps us from a token for the brokers, and what mends it; nothing where they want none."""
    bearer = bearer_of(kafka)
    try:
        if bearer is not None:
            await bearer.token()
    except NoBearerError as error:
        return (str(error.args[0]),)
    return ()


async def not_allowed(settings: Settings) -> tuple[str, ...]:
    """A line for each relay of the tenants file that may not be connected to. Others may be down: that is not asked."""
    if settings.tenants.file is None:
        return ()
    directory = tenants_file.read(settings.tenants.file, plain=settings.smtp.allow_plaintext)
    if isinstance(directory, Faults):
        return ()
    named: dict[tuple[str, int], list[str]] = {}
    for tenant in directory.tenants.values():
        named.setdefault((tenant.relay.host, tenant.relay.port), []).append(tenant.name)
    guard, room = guard_of(settings.network), asyncio.Semaphore(_AT_ONCE)
    async with asyncio.TaskGroup() as tasks:
        asked = {relay: tasks.create_task(_may_be_reached(guard, relay, room)) for relay in named}
    return tuple(_line(relay, named[relay]) for relay, task in asked.items() if not task.result())


async def _may_be_reached(guard: Guard, relay: tuple[str, int], room: asyncio.Semaphore) -> bool:
    async with room:
        try:
            async with asyncio.timeout(_WITHIN):
                await guard.found(*relay)
        except NotAllowedError:
            return False
        except (OSError, UnicodeError):
            return True
    return True


def _line(relay: tuple[str, int], tenants: list[str]) -> str:
    host, port = relay
    others = f" and {len(tenants) - 1} more" if len(tenants) > 1 else ""
    return (
        f"CONSUMER_NETWORK__ALLOW: {host}:{port}, the relay of tenant {tenants[0]}{others}, is at no public address:"
        " nothing is sent there unless the host or its network is allowed here"
    )
