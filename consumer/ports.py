"""What delivery and stream need from outside, in their words."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from consumer.core.attempt import Attempt
from consumer.core.mail import Mail
from consumer.core.tenant import Relay, Tenant, Unavailable, UnknownTenant


class Clock(Protocol):
    """The time, twice."""

    def now(self) -> float:
        """Seconds since the epoch: for what is written down."""
        ...

    def elapsed(self) -> float:
        """Seconds that only go forward, also while this process or its machine sleeps: for deadlines."""
        ...


Permit = Callable[[], Awaitable[float | None]]
"""Asks for leave to send. Answers the moment (by `Clock.elapsed`) before which the body must start, or None: do not send."""


class Tenants(Protocol):
    """The tenant directory."""

    async def get(self, name: str) -> Tenant | UnknownTenant | Unavailable:
        """The tenant as it is configured now. Never raises for one."""
        ...


class Transport(Protocol):
    """The way out to relays."""

    async def send(self, mail: Mail, relay: Relay, permit: Permit) -> Attempt:
        """Hold one SMTP conversation: answers for every way it can end, never raises for one.

        `permit` is asked once, before DATA and as late as a busy connection allows. Cancelled, it leaves
        no connection behind that could answer the next mail with this one's replies.
        """
        ...
