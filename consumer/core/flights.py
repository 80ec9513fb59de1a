"""Who has how much in flight, and how fast it moves: a tenant's share of the room.

A tenant may have half of the room that others leave: however many relays hang, there is room for one tenant more.
As long as its requests end soon it may have more, for to wait for them is cheaper than to park them.
"""

from collections.abc import Container
from dataclasses import dataclass, field

from consumer.core.work import Work

SOON = 5.0
"""Seconds within which all that a tenant has in flight has to end for it to have more than its share."""

MEASURED = 2.0
"""Seconds over which endings are counted."""


@dataclass(slots=True)
class _Tenant:
    """What one tenant has in flight, by home offset, and how many of it end in a second."""

    since: float
    rate: float | None = None  # nobody is slow before it was measured
    ended: int = 0
    works: dict[int, Work] = field(default_factory=dict[int, Work])

    def slow(self, now: float, patience: float, waiting: int = 0) -> bool:
        passed, measured = now - self.since, patience * MEASURED
        if self.rate is None and passed < measured:
            return False
        before = self.rate if self.rate is not None and passed < 2 * measured else 0.0
        return len(self.works) + waiting > patience * SOON * max(before, self.ended / max(passed, measured))


class Flights:
    """All that is admitted in a partition and has not ended. `room` is how many more there is room for.

    `patience` is 1, and more while it is this process that is slow: nobody is to be parked for that.
    """

    def __init__(self) -> None:
        self.patience = 1.0
        self._tenants: dict[str, _Tenant] = {}

    def take_off(self, work: Work, tenant: str, now: float) -> None:
        """It was admitted."""
        work.flying = True
        flights = self._tenants.get(tenant)
        if flights is None:
            flights = self._tenants[tenant] = _Tenant(now)
        flights.works[work.offset] = work

    def land(self, work: Work, tenant: str, now: float) -> None:
        """It ended, or waits."""
        if not work.flying:
            return
        work.flying = False
        flights = self._tenants[tenant]
        passed = now - flights.since
        if passed >= self.patience * MEASURED:
            flights.rate, flights.since, flights.ended = flights.ended / passed, now, 0
        flights.ended += 1
        del flights.works[work.offset]
        if not flights.works:
            del self._tenants[tenant]

    def number(self, tenant: str) -> int:
        """How many the tenant has in flight."""
        flights = self._tenants.get(tenant)
        return 0 if flights is None else len(flights.works)

    def share(self, tenant: str, room: int) -> int:
        """How many it may have."""
        return max(1, (room + self.number(tenant)) // 2)

    def full(self, tenant: str, room: int, now: float) -> bool:
        """Whether it has its share, and is slow."""
        flights = self._tenants.get(tenant)
        return (
            flights is not None and len(flights.works) >= self.share(tenant, room) and flights.slow(now, self.patience)
        )

    def slow(self, tenant: str, waiting: int, now: float) -> bool:
        """Whether it will not soon be through with what it has in flight and so many more."""
        flights = self._tenants.get(tenant)
        return flights is not None and flights.slow(now, self.patience, waiting)

    def surplus(self, room: int, now: float, *, fixed: Container[int]) -> list[Work]:
        """The newest that slow tenants have beyond their share, of those that are not fixed."""
        works: list[Work] = []
        for tenant, flights in self._tenants.items():
            if self.full(tenant, room, now):
                loose = [work for offset, work in flights.works.items() if offset not in fixed]
                excess = len(flights.works) - self.share(tenant, room)
                works += loose[max(0, len(loose) - excess) :]
        return works
