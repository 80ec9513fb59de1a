"""Twins in memory of what stands outside: real code that keeps the ports' promises, for tests and for trying things out."""

from collections.abc import Iterable

from typing_extensions import override

from consumer.core.tenant import Tenant, Unavailable, UnknownTenant
from consumer.ports import Clock, Tenants


class SetClock(Clock):
    """A clock that goes on only when it is told to."""

    def __init__(self, now: float = 1_700_000_000.0, elapsed: float = 1000.0) -> None:
        self._now = now
        self._elapsed = elapsed

    @override
    def now(self) -> float:
        return self._now

    @override
    def elapsed(self) -> float:
        return self._elapsed

    def pass_by(self, seconds: float) -> None:
        self._now += seconds
        self._elapsed += seconds

    def set_back(self, seconds: float) -> None:
        """What an operator or NTP does: only the time of day changes."""
        self._now -= seconds


class KnownTenants(Tenants):
    """The tenants handed over, and those put in later."""

    def __init__(self, tenants: Iterable[Tenant] = ()) -> None:
        self._tenants = {tenant.name: tenant for tenant in tenants}
        self._down = False

    @override
    async def get(self, name: str) -> Tenant | UnknownTenant | Unavailable:
        if self._down:
            return Unavailable("config")
        return self._tenants.get(name) or UnknownTenant(name)

    def put(self, tenant: Tenant) -> None:
        self._tenants[tenant.name] = tenant

    def remove(self, name: str) -> None:
        del self._tenants[name]

    def go_down(self) -> None:
        self._down = True

    def come_back(self) -> None:
        self._down = False
