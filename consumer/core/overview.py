"""How everything stands, for people who look: coordinates, counts and times, nobody's data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

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
class WorkerNow:
    """One of several processes that share the work. `process` is its id; None while there is none."""

    number: int
    state: str
    process: int | None
    restarts: int
    partitions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """One look. `hour` is outcomes a minute by kind, the oldest minute first; times in seconds since the epoch.

    `workers` is empty where one process does everything.
    """

    now: float
    ready: Mapping[str, bool]
    partitions: tuple[PartitionNow, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    windows: tuple[WindowNow, ...] = ()
    circuits: tuple[CircuitNow, ...] = ()
    hour: tuple[Mapping[str, int], ...] = field(default=())
    workers: tuple[WorkerNow, ...] = ()


def together(look: Overview, views: Iterable[Overview]) -> Overview:
    """`look` with what several processes see, each of its own partitions.

    While a partition changes hands two may tell of it: the one that has it open is right. A relay that several leave
    alone is told once, with the latest time.
    """
    seen = tuple(views)
    partitions: dict[int, PartitionNow] = {}
    for one in (one for view in seen for one in view.partitions):
        if one.number not in partitions or one.open:
            partitions[one.number] = one
    circuits: dict[tuple[str, str], CircuitNow] = {}
    for left in sorted((left for view in seen for left in view.circuits), key=lambda left: left.until):
        circuits[left.relay, left.reason] = left
    return replace(
        look,
        partitions=tuple(partitions.values()),
        waiting=tuple(_added(one for view in seen for one in view.waiting)),
        windows=tuple(one for view in seen for one in view.windows),
        circuits=tuple(circuits.values()),
    )


def _added(waiting: Iterable[Waiting]) -> Iterable[Waiting]:
    """One for each tenant and reason: requests that are given back to their home wait there."""
    found: dict[tuple[str, Reason], Waiting] = {}
    for one in waiting:
        before = found.get((one.tenant, one.reason))
        if before is not None:
            dues = [due for due in (before.due, one.due) if due is not None]
            found[one.tenant, one.reason] = replace(one, number=before.number + one.number, due=min(dues, default=None))
        else:
            found[one.tenant, one.reason] = one
    return found.values()


def waiting(parking: Parking) -> list[Waiting]:
    """What waits in a partition, by tenant and reason."""
    due: dict[tuple[str, Reason], float] = {}
    for key, at in parking.dues() if len(parking) <= LOOKED_AT else ():
        due[key] = min(at, due.get(key, at))
    return [Waiting(*key, number, due.get(key)) for key, number in parking.numbers.items()]


def windows(state: Partition, now: float) -> list[WindowNow]:
    """The windows of a partition that somebody had to wait for, and that are not empty again."""
    found = [
        WindowNow(tenant, state.windows(tenant).used(limit, now), limit.count, limit.per, limit.unit)
        for tenant, limits in state.limited.items()
        for limit in limits
    ]
    return [window for window in found if window.used]
