"""How everything stands, for people who look: coordinates, counts and times, nobody's data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from consumer.core.parking import Parking, Reason
from consumer.core.partition import Partition

ROWS = 50
"""Tenants that are shown at most: those with most that waits."""

LOOKED_AT = 20_000
"""Parked requests that are looked at for the next due times. Beyond, only numbers are told: looking takes time."""


@dataclass(frozen=True, slots=True)
class PartitionNow:
    """A partition of ours. `lag` is None where nothing was fetched yet."""

    number: int
    open: bool
    position: int | None
    lag: int | None
    under_way: int
    intents: int
    parked: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A tenant's parked requests with one reason. `due` is when the first goes on; None where nobody looked."""

    tenant: str
    reason: Reason
    number: int
    due: float | None


@dataclass(frozen=True, slots=True)
class WindowNow:
    """A tenant's window that was full lately: how much of it is used, of how much, in how many seconds."""

    tenant: str
    used: int
    count: int
    per: float
    unit: str


@dataclass(frozen=True, slots=True)
class CircuitNow:
    """A relay that is not tried for now, and why. `until` is when it is tried again."""

    relay: str
    reason: str
    until: float


@dataclass(frozen=True, slots=True)
class Overview:
    """One look. `hour` is outcomes a minute by kind, the oldest minute first; times in seconds since the epoch."""

    now: float
    ready: Mapping[str, bool]
    partitions: tuple[PartitionNow, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    windows: tuple[WindowNow, ...] = ()
    circuits: tuple[CircuitNow, ...] = ()
    hour: tuple[Mapping[str, int], ...] = field(default=())


def waiting(parking: Parking) -> list[Waiting]:
    """What waits in a partition, by tenant and reason."""
    due: dict[tuple[str, Reason], float] = {}
    for entry in parking if len(parking) <= LOOKED_AT else ():
        key = (entry.tenant, entry.reason)
        due[key] = min(entry.due, due.get(key, entry.due))
    return [Waiting(*key, number, due.get(key)) for key, number in parking.numbers.items()]


def windows(state: Partition, now: float) -> list[WindowNow]:
    """The windows of a partition that somebody had to wait for, and that are not empty again."""
    found = [
        WindowNow(tenant, state.windows(tenant).used(limit, now), limit.count, limit.per, limit.unit)
        for tenant, limits in state.limited.items()
        for limit in limits
    ]
    return [window for window in found if window.used]
