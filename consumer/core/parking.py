"""What waits outside its partition's path: until when, and why.

An entry is keyed by its home offset. It is written to `email.parked` with coordinates and counters, no payload.
Whoever waits for a slot or for its tenant's share of the room stands in the tenant's queue, in order of home offset;
everything else waits for its due time. Both are also due at their deadline, where they expire.

A million may wait in one process, so all that is kept of one is few and plain: see docs/adr/0016-packed-parking.md.
"""

from collections import Counter
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from consumer.core.entry import FRESH, QUEUED, Entry, Progress, Reason
from consumer.core.packed import Packed, is_queued, key
from consumer.core.record import Coordinates

_FEW = 1_000
"""Stale entries that the heap may hold beside as many as there are that wait."""


class Parking:
    """The parked requests of one home partition."""

    def __init__(self, partition: int = 0) -> None:
        self._entries = Packed(partition)
        self.numbers: Counter[tuple[str, Reason]] = Counter()  # by tenant and reason
        self._apart: dict[tuple[str, str], list[int]] = {}  # those that `Ids` does not know by their id, by name
        self._out: set[int] = set()  # being worked on
        self._due: list[bytes] = []  # a heap of the packed entries themselves, and of some that are stale
        self.queues: dict[str, list[int]] = {}  # by tenant: offsets of those in it, and of some that are stale
        self._wakes: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, offset: int) -> bool:
        return offset in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def dues(self) -> Iterator[tuple[tuple[str, Reason], float]]:
        """Tenant and reason, and the due time, of each."""
        return self._entries.dues()

    def get(self, offset: int) -> Entry | None:
        return self._entries.entry(offset)

    def holder(self, offset: int) -> tuple[Coordinates, bytes]:
        """Origin and digest of a parked request, for `Ids`."""
        entry = self._entries[offset]
        return entry.origin, entry.digest

    def find(self, tenant: str, request_id: str, holder: int | None = None) -> Entry | None:
        """The tenant's parked request with this id, the oldest one; `holder` is the one that `Ids` knows."""
        offsets = [*self._apart.get((tenant, request_id), ()), *([] if holder is None else [holder])]
        return self._entries.entry(min(offsets)) if offsets else None

    def is_out(self, offset: int) -> bool:
        """Whether it is being worked on."""
        return offset in self._out

    def take(self, offset: int) -> None:
        """It is out until it is added again or removed, whether due or not."""
        self._out.add(offset)

    def add(self, entry: Entry, *, held: bool = False) -> None:
        """Park it, or put it back with its new due time. `held` says that `Ids` finds it by its id."""
        before = self._entries.get(entry.offset)
        if before is not None:
            self._uncount(*self._entries.kind(before))
        elif not held:
            # Its id is another's: two share a name only where their tenant was not to be had.
            self._apart.setdefault((entry.tenant, entry.id), []).append(entry.offset)
        packed = self._entries.put(entry)
        self.numbers[entry.tenant, entry.reason] += 1
        self._out.discard(entry.offset)
        self._push(packed)
        if entry.reason in QUEUED:
            heappush(self.queues.setdefault(entry.tenant, []), entry.offset)
            self.wake(entry.tenant, entry.due)

    def remove(self, offset: int) -> Entry | None:
        """It ended."""
        self._out.discard(offset)
        entry = self._entries.pop(offset)
        if entry is not None:
            self._uncount(entry.tenant, entry.reason)
            name = (entry.tenant, entry.id)
            if offset in (apart := self._apart.get(name, [])):
                apart.remove(offset)
                if not apart:
                    del self._apart[name]
        return entry

    def _push(self, packed: bytes) -> None:
        heappush(self._due, packed)
        if len(self._due) > 2 * len(self._entries) + _FEW:
            self._due = list(self._entries.packed())
            heapify(self._due)

    def _uncount(self, tenant: str, reason: Reason) -> None:
        self.numbers[tenant, reason] -= 1
        if not self.numbers[tenant, reason]:
            del self.numbers[tenant, reason]

    def wake(self, tenant: str, at: float) -> None:
        """A slot of the tenant's window is free at `at`: look at its queue then, or earlier if that was said."""
        if self.queues.get(tenant):
            self._wakes[tenant] = min(at, self._wakes.get(tenant, at))

    def queued(self, tenant: str, *, before: int) -> bool:
        """Whether somebody of the tenant waits for a slot and came earlier."""
        head = self._head(tenant)
        return head is not None and head < before

    def next_due(self) -> float | None:
        """When to look again."""
        while self._due and self._stale(self._due[0]):
            heappop(self._due)
        times = list(self._wakes.values())
        if self._due:
            times.append(key(self._due[0])[0])
        return min(times, default=None)

    def take_due(self, now: float, most: int) -> list[int]:
        """Offsets whose time has come, at most so many; each is out until it is added again or removed."""
        taken: list[int] = []
        while self._due and key(self._due[0])[0] <= now and len(taken) < most:
            packed = heappop(self._due)
            if not self._stale(packed):
                _, offset = key(packed)
                self._out.add(offset)
                taken.append(offset)
        return taken

    def awake(self, now: float) -> list[str]:
        """Tenants whose queue is to be looked at."""
        names = [name for name, at in self._wakes.items() if at <= now]
        for name in names:
            del self._wakes[name]
        return names

    def take_queued(self, tenant: str, most: int) -> list[int]:
        """The first of the tenant's queue, in order of home offset."""
        taken: list[int] = []
        while len(taken) < most and (head := self._head(tenant)) is not None:
            heappop(self.queues[tenant])
            self._out.add(head)
            taken.append(head)
        return taken

    def _head(self, tenant: str) -> int | None:
        queue = self.queues.get(tenant)
        while queue:
            packed = self._entries.get(queue[0])
            if packed is not None and is_queued(packed) and queue[0] not in self._out:
                return queue[0]
            heappop(queue)
        self.queues.pop(tenant, None)
        self._wakes.pop(tenant, None)
        return None

    def _stale(self, packed: bytes) -> bool:
        """Whether it was put back since, or is out, or ended."""
        _, offset = key(packed)
        return self._entries.get(offset) is not packed or offset in self._out


__all__ = ["FRESH", "QUEUED", "Entry", "Parking", "Progress", "Reason"]
