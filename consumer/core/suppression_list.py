"""The suppression list of one home partition, and every change it can make.

As all of a partition's state: a change is in force in memory at once, and in Kafka with the next tick. Entries are kept
packed under their 16-byte marks, for there may be a million of them; who they are nobody here knows.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from math import inf

from consumer.core.bounce_rate import BounceRates
from consumer.core.parking import Progress
from consumer.core.record import Record
from consumer.core.reply import BLOCKED
from consumer.core.request import Request
from consumer.core.resolve import Values
from consumer.core.suppression import (
    DAY,
    OWN,
    Bounced,
    Kind,
    Lesson,
    Policy,
    Remembered,
    Suppression,
    learn,
)

_HOUR = 3600
_MOST_SWEPT = 1_000  # entries forgotten at once: each is a tombstone in the next tick
_HEAD = struct.Struct("<BIIIHHB")
_EVENT = struct.Struct("<IB8s")
_FOR_GOOD = 0xFFFF_FFFF
_MOST_COUNTED = 0xFFFF
_KINDS = tuple(Kind)


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry as it is written: under its mark, or nothing any more. `key_id` tells which key made the mark."""

    mark: bytes
    entry: Suppression | None = None
    tenant: str = ""
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the next tick writes: entries, where the feedback is read on, and feedback that belongs elsewhere."""

    entries: tuple[Listed, ...] = ()
    position: int | None = None
    forwards: tuple[tuple[int, Record], ...] = ()

    @property
    def size(self) -> int:
        """Records that it comes to."""
        return len(self.entries) + (self.position is not None) + len(self.forwards)


NOTHING_LEARNT = Gathered()


@dataclass(slots=True)
class _Pending:
    entries: dict[bytes, Listed] = field(default_factory=dict[bytes, Listed])
    moved: bool = False
    forwards: list[tuple[int, Record]] = field(default_factory=list[tuple[int, Record]])


class SuppressionList:
    """Who must not be written to, of the tenants that live here; `position` is the next feedback to read."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.rates = BounceRates(least=policy.least, warning=policy.warning, critical=policy.critical)
        self.position: int | None = None
        self._entries: dict[bytes, bytes] = {}
        self._expiring: dict[int, list[bytes]] = {}  # by the hour in which they are worth a look
        self._pending = _Pending()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, mark: bytes) -> Suppression | None:
        packed = self._entries.get(mark)
        return None if packed is None else unpack(packed)

    def holds(self, tenant: str, address: str, now: float) -> bool:
        """Whether the tenant must not write there."""
        known = self.get(self.policy.mark(tenant, address))
        return known is not None and known.holds(now)

    def screen(self, request: Request, values: Values, progress: Progress, now: float) -> Progress:
        """The progress, with `BLOCKED` for each recipient without an answer that the tenant must not write to."""
        if not self._entries:
            return progress
        answered = {index for index, _ in progress.answers}
        blocked = tuple(
            (index, BLOCKED)
            for index, written in enumerate(request.email.recipients)
            if index not in answered and self.holds(request.tenant, values.of(written), now)
        )
        return replace(progress, answers=(*progress.answers, *blocked)) if blocked else progress

    # learning

    def verdicts(self, tenant: str, bounces: Iterable[Bounced], now: float) -> None:
        """A relay has just refused them, in a conversation of ours."""
        for one in bounces:
            mark = self.policy.mark(tenant, one.address)
            self._learn(tenant, mark, Lesson(Kind.BOUNCE, one.code, now))
            self.rates.sent(tenant, 1, now)
            self.rates.bounced(tenant, now)

    def hear(self, tenant: str, mark: bytes, lesson: Lesson, now: float) -> bool:
        """Learn from feedback; False if this very event was heard before."""
        known = self.get(mark)
        if lesson.kind is Kind.UNBLOCK:
            self._forget(tenant, known, now)
        if not self._learn(tenant, mark, lesson):
            return False
        if lesson.kind is Kind.BOUNCE:
            self.rates.bounced(tenant, lesson.at)
        return True

    def pass_by(self, offset: int) -> None:
        """The feedback at this offset is dealt with."""
        self.position = offset + 1
        self._pending.moved = True

    def forward(self, home: int, record: Record) -> None:
        """Its tenant lives elsewhere."""
        self._pending.forwards.append((home, record))

    def _learn(self, tenant: str, mark: bytes, lesson: Lesson) -> bool:
        known = self.get(mark)
        learnt = learn(known, lesson, self.policy)
        if learnt is known and known is not None:
            return False
        self._put(mark, learnt)
        # Also where nothing was known and nothing is: whoever asked for an unblock sees that it was heard.
        self._pending.entries[mark] = Listed(mark, learnt, tenant, self.policy.key_id)
        return True

    def _forget(self, tenant: str, known: Suppression | None, now: float) -> None:
        for at, kind, _ in () if known is None else known.remembered:
            if kind is Kind.BOUNCE and at > now - DAY:
                self.rates.bounced(tenant, at, times=-1)

    def _put(self, mark: bytes, entry: Suppression | None) -> None:
        if entry is None:
            self._entries.pop(mark, None)
            return
        self._entries[mark] = pack(entry)
        expires = entry.expires(self.policy)
        if expires != inf:
            self._expiring.setdefault(int(expires) // _HOUR + 1, []).append(mark)

    # what was before

    def restore(self, listed: Listed, now: float) -> None:
        """An entry that was written before."""
        if listed.entry is None:
            return
        self._put(listed.mark, listed.entry)
        for at, kind, id_ in listed.entry.remembered:
            if kind is Kind.BOUNCE and at > now - DAY:
                self.rates.bounced(listed.tenant, at)
                self.rates.sent(listed.tenant, int(id_ == OWN), at)

    def tidy(self, now: float) -> None:
        """Forget entries of which nothing counts any more, at most so many at a time."""
        self.rates.tidy(now)
        room = _MOST_SWEPT
        for hour in sorted(hour for hour in self._expiring if hour <= int(now) // _HOUR):
            marks = self._expiring[hour]
            while marks and room:
                room -= self._sweep(marks.pop(), now)
            if marks:
                return
            del self._expiring[hour]

    def _sweep(self, mark: bytes, now: float) -> bool:
        known = self.get(mark)
        if known is None or known.expires(self.policy) > now:
            return False  # removed, or learnt anew: then it stands under a later hour, too
        del self._entries[mark]
        self._pending.entries[mark] = Listed(mark)
        return True

    # ticks

    @property
    def pending(self) -> int:
        """How much is to be written."""
        return len(self._pending.entries) + self._pending.moved + len(self._pending.forwards)

    def cut(self) -> Gathered:
        """All that is to be written; further changes gather anew."""
        pending, self._pending = self._pending, _Pending()
        position = self.position if pending.moved else None
        return Gathered(tuple(pending.entries.values()), position, tuple(pending.forwards))

    def refuse(self, gathered: Gathered) -> None:
        """It was not committed: it is to be written again, where nothing newer is."""
        pending = self._pending
        pending.entries = {listed.mark: listed for listed in gathered.entries} | pending.entries
        pending.moved = pending.moved or gathered.position is not None
        pending.forwards[:0] = gathered.forwards


def event_id(event: str) -> bytes:
    """8 bytes for the id of a feedback event: few are compared, all of one recipient."""
    return blake2b(event.encode(), digest_size=8).digest()


def pack(entry: Suppression) -> bytes:
    """The same in few bytes, to the second."""
    until = _FOR_GOOD if entry.until >= _FOR_GOOD else int(entry.until)
    bounces, complaints = min(entry.bounces, _MOST_COUNTED), min(entry.complaints, _MOST_COUNTED)
    number = len(entry.remembered)
    head = _HEAD.pack(_KINDS.index(entry.kind), entry.since, entry.last, until, bounces, complaints, number)
    events = b"".join(_EVENT.pack(at, _KINDS.index(kind), id_) for at, kind, id_ in entry.remembered)
    return head + events + entry.reason.encode()


def unpack(packed: bytes) -> Suppression:
    head: tuple[int, ...] = _HEAD.unpack_from(packed)
    kind, since, last, until, bounces, complaints, number = head
    end = _HEAD.size + number * _EVENT.size
    events = tuple(
        Remembered(at, _KINDS[of], OWN if id_ == bytes(8) else id_)
        for at, of, id_ in _EVENT.iter_unpack(packed[_HEAD.size : end])
    )
    forever = inf if until == _FOR_GOOD else float(until)
    return Suppression(_KINDS[kind], packed[end:].decode(), since, last, forever, bounces, complaints, events)
