"""What waits outside its partition's path: until when, and why.

An entry is keyed by its home offset. It is written to `email.parked` with coordinates and counters, no payload.
Whoever waits for a slot or for its tenant's share of the room stands in the tenant's queue, in order of home offset;
everything else waits for its due time. Both are also due at their deadline, where they expire.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from heapq import heappop, heappush

from consumer.core.frozen import frozen
from consumer.core.outcome import Subject
from consumer.core.record import Coordinates
from consumer.core.reply import Answer, Reply


class Reason(StrEnum):
    """Why a request waits. A closed set: metrics use it as a label."""

    WINDOW = "window"  # the tenant's window is full
    RETRY = "retry"  # the relay refused for now, or could not be reached
    SEND_AT = "send-at"  # not before the producer's time
    CONFIG = "config-unavailable"
    VAULT = "vault-unavailable"
    ATTACHMENT = "attachment-host-unavailable"
    ROOM = "attachment-room"  # the memory for attachments is in use
    CIRCUIT = "relay-circuit"  # the relay failed of late: it is left alone for a while
    SHARE = "tenant-share"  # the tenant has its share of the room in flight
    NOT_ALLOWED = "not-allowed"  # we do not connect to the tenant's relay: an operator may allow it
    BOUNCE_RATE = "bounce-rate"  # too much of the tenant's mail bounces, and it wants to be held then
    HOLD = "hold"  # the tenant's mode
    RESEND = "resend"  # in doubt after a takeover, asked to be sent again


QUEUED = frozenset((Reason.WINDOW, Reason.SHARE))
"""Who waits for one of these stands in the tenant's queue."""


@frozen
class Progress:
    """What earlier attempts came to. Recipients are named by their index in the request."""

    attempts: int = 0
    answers: tuple[tuple[int, Answer], ...] = ()  # final ones: accepted, refused for good, or blocked
    response: Reply | None = None  # to the body that was taken last
    sent_at: tuple[tuple[float, int], ...] = ()  # when a body was taken, for how many recipients
    last_reason: str = ""
    files: tuple[str, ...] = ()  # the SHA-256 of each attachment that an attempt had, in hexadecimal
    promoted: bool = False  # somebody said that it need not wait for its `sendAt`


FRESH = Progress()


@dataclass(frozen=True, slots=True)
class Entry:
    """One parked request. `due` and `deadline` are in seconds since the epoch."""

    offset: int
    origin: Coordinates
    tenant: str
    id: str
    digest: bytes
    due: float
    deadline: float
    reason: Reason
    progress: Progress = FRESH

    def subject(self, partition: int) -> Subject:
        """What an outcome can say of it without its payload."""
        return Subject(Coordinates(partition, self.offset), self.origin, self.tenant, self.id)


class Parking:
    """The parked requests of one home partition."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self.numbers: Counter[tuple[str, Reason]] = Counter()  # by tenant and reason
        self._names: dict[tuple[str, str], list[int]] = {}  # two share a name only where their tenant was not to be had
        self._out: set[int] = set()  # being worked on
        self._due: list[tuple[float, int]] = []
        self._queues: dict[str, list[int]] = {}
        self._wakes: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, offset: int) -> bool:
        return offset in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def get(self, offset: int) -> Entry | None:
        return self._entries.get(offset)

    def find(self, tenant: str, request_id: str) -> Entry | None:
        """The tenant's parked request with this id, the oldest one."""
        offsets = self._names.get((tenant, request_id))
        return self._entries[min(offsets)] if offsets else None

    def is_out(self, offset: int) -> bool:
        """Whether it is being worked on."""
        return offset in self._out

    def take(self, offset: int) -> None:
        """It is out until it is added again or removed, whether due or not."""
        self._out.add(offset)

    def add(self, entry: Entry) -> None:
        """Park it, or put it back with its new due time."""
        before = self._entries.get(entry.offset)
        if before is None:
            self._names.setdefault((entry.tenant, entry.id), []).append(entry.offset)
        else:
            self._uncount(before)
        self._entries[entry.offset] = entry
        self.numbers[entry.tenant, entry.reason] += 1
        self._out.discard(entry.offset)
        if entry.reason in QUEUED:
            heappush(self._queues.setdefault(entry.tenant, []), entry.offset)
            heappush(self._due, (entry.deadline, entry.offset))
            self.wake(entry.tenant, entry.due)
        else:
            heappush(self._due, (min(entry.due, entry.deadline), entry.offset))

    def remove(self, offset: int) -> Entry | None:
        """It ended."""
        self._out.discard(offset)
        entry = self._entries.pop(offset, None)
        if entry is not None:
            self._uncount(entry)
            name = (entry.tenant, entry.id)
            self._names[name].remove(offset)
            if not self._names[name]:
                del self._names[name]
        return entry

    def _uncount(self, entry: Entry) -> None:
        self.numbers[entry.tenant, entry.reason] -= 1
        if not self.numbers[entry.tenant, entry.reason]:
            del self.numbers[entry.tenant, entry.reason]

    def wake(self, tenant: str, at: float) -> None:
        """A slot of the tenant's window is free at `at`: look at its queue then, or earlier if that was said."""
        if self._queues.get(tenant):
            self._wakes[tenant] = min(at, self._wakes.get(tenant, at))

    def queued(self, tenant: str, *, before: int) -> bool:
        """Whether somebody of the tenant waits for a slot and came earlier."""
        head = self._head(tenant)
        return head is not None and head < before

    def next_due(self) -> float | None:
        """When to look again."""
        while self._due and self._stale(*self._due[0]):
            heappop(self._due)
        times = list(self._wakes.values())
        if self._due:
            times.append(self._due[0][0])
        return min(times, default=None)

    def take_due(self, now: float, most: int) -> list[int]:
        """Offsets whose time has come, at most so many; each is out until it is added again or removed."""
        taken: list[int] = []
        while self._due and self._due[0][0] <= now and len(taken) < most:
            at, offset = heappop(self._due)
            if not self._stale(at, offset):
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
            heappop(self._queues[tenant])
            self._out.add(head)
            taken.append(head)
        return taken

    def _head(self, tenant: str) -> int | None:
        queue = self._queues.get(tenant)
        while queue:
            entry = self._entries.get(queue[0])
            if entry is not None and entry.reason in QUEUED and queue[0] not in self._out:
                return queue[0]
            heappop(queue)
        self._queues.pop(tenant, None)
        self._wakes.pop(tenant, None)
        return None

    def _stale(self, at: float, offset: int) -> bool:
        entry = self._entries.get(offset)
        if entry is None or offset in self._out:
            return True
        when = entry.deadline if entry.reason in QUEUED else min(entry.due, entry.deadline)
        return at != when
