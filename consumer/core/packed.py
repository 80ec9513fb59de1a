"""Parked entries, each in as few octets as it takes: a million of them may wait in one process.

An entry begins with its key: when it is due, and its offset. So packed entries compare by that, and a heap of them
needs nothing beside. Behind the key stands what all have in a fixed form, and behind that, only where it is not as it
is with most, the rest. What goes in comes out, but for the identity of objects.
"""

import marshal
from collections.abc import Iterator
from struct import Struct
from typing import Any, TypeAlias

from consumer.core.entry import FRESH, QUEUED, Entry, Progress, Reason
from consumer.core.record import Coordinates
from consumer.core.reply import BLOCKED, Answer, Blocked, Reply

_FIXED = Struct(">dQdIBB")
"""When it is due, offset, the other of due time and deadline, tenant, reason, form. A time that is not negative is in
the order of its octets, highest first. Digest and id follow, 16 octets each, and the rest, a tuple as marshal writes it."""

_KEY = Struct(">dQ")
_TENANT = Struct(">I")
_TENANT_AT, _REASON_AT = 24, 28

_BY_DEADLINE = 1
"""In the form: it is due at its deadline, and the other time is its due time."""

_DIGEST, _ID, _ORIGIN, _PROGRESS, _TIME = 2, 4, 8, 16, 32
"""In the form: this is not as it is with most, and stands in the rest, in this order. With most, a digest has 16 octets,
an id is a UUID, the origin is the place itself, nothing was tried, and it is due after 1970."""

_OCTETS = 16

_REASONS: tuple[Reason, ...] = tuple(Reason)
_NUMBERS = {reason: number for number, reason in enumerate(_REASONS)}
_QUEUED = frozenset(_NUMBERS[reason] for reason in QUEUED)

_Said: TypeAlias = tuple[int, str, str | None]


def key(packed: bytes) -> tuple[float, int]:
    """When it is due, and its offset."""
    return _KEY.unpack_from(packed)


def is_queued(packed: bytes) -> bool:
    """Whether it stands in its tenant's queue."""
    return packed[_REASON_AT] in _QUEUED


class Packed:
    """The parked entries of one home partition, by offset and in the order in which they came."""

    def __init__(self, partition: int = 0) -> None:
        self._partition = partition
        self._entries: dict[int, bytes] = {}
        self._tenants = _Tenants()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, offset: int) -> bool:
        return offset in self._entries

    def __iter__(self) -> Iterator[Entry]:
        return map(self._unpack, self._entries.values())

    def drain(self) -> Iterator[Entry]:
        """Each is let go of as it is handed out, so that who takes them over needs no memory for all of them twice."""
        for offset, packed in self._entries.items():
            self._entries[offset] = b""
            yield self._unpack(packed)
        self._entries, self._tenants = {}, _Tenants()

    def packed(self) -> Iterator[bytes]:
        return iter(self._entries.values())

    def get(self, offset: int) -> bytes | None:
        return self._entries.get(offset)

    def __getitem__(self, offset: int) -> Entry:
        return self._unpack(self._entries[offset])

    def entry(self, offset: int) -> Entry | None:
        return self[offset] if offset in self._entries else None

    def put(self, entry: Entry) -> bytes:
        """Keep it, in place of the one that was there."""
        tenant = self._tenants.take(entry.tenant)
        self._let_go(self._entries.get(entry.offset))
        packed = self._entries[entry.offset] = self._pack(entry, tenant)
        return packed

    def pop(self, offset: int) -> Entry | None:
        packed = self._entries.pop(offset, None)
        if packed is None:
            return None
        entry = self._unpack(packed)
        self._let_go(packed)
        return entry

    def kind(self, packed: bytes) -> tuple[str, Reason]:
        """Whose it is, and why it waits."""
        return self._tenants.name(_TENANT.unpack_from(packed, _TENANT_AT)[0]), _REASONS[packed[_REASON_AT]]

    def dues(self) -> Iterator[tuple[tuple[str, Reason], float]]:
        """Whose it is and why it waits, and its due time, of each; not before 1970."""
        for packed in self._entries.values():
            when, _, other, tenant, reason, form = _FIXED.unpack_from(packed)
            yield (self._tenants.name(tenant), _REASONS[int(reason)]), other if form & _BY_DEADLINE else when

    def _let_go(self, packed: bytes | None) -> None:
        if packed is not None:
            self._tenants.give(_TENANT.unpack_from(packed, _TENANT_AT)[0])

    def _pack(self, entry: Entry, tenant: int) -> bytes:
        by_deadline = entry.reason in QUEUED or entry.deadline < entry.due
        when, other = (entry.deadline, entry.due) if by_deadline else (entry.due, entry.deadline)
        form, behind, rest = by_deadline * _BY_DEADLINE, b"", list[Any]()
        if len(entry.digest) == _OCTETS:
            behind = entry.digest
        else:
            form |= _DIGEST
            rest.append(entry.digest)
        if (uuid := _octets(entry.id)) is not None:
            behind += uuid
        else:
            form |= _ID
            rest.append(entry.id)
        if entry.origin != (self._partition, entry.offset):
            form |= _ORIGIN
            rest.append(tuple(entry.origin))
        if entry.progress != FRESH:
            form |= _PROGRESS
            rest.append(_told(entry.progress))
        if when < 0:
            form |= _TIME
            rest.append(when)
        if rest:
            behind += marshal.dumps(tuple(rest))
        # Before 1970 everything is due. The addition makes a plain nought of one that is below itself.
        when = max(0.0, when + 0.0)
        return _FIXED.pack(when, entry.offset, other, tenant, _NUMBERS[entry.reason], form) + behind

    def _unpack(self, packed: bytes) -> Entry:
        when, offset, other, tenant, reason, form = _FIXED.unpack_from(packed)
        at = _FIXED.size
        digest, uuid = b"", b""
        if not form & _DIGEST:
            digest, at = packed[at : at + _OCTETS], at + _OCTETS
        if not form & _ID:
            uuid, at = packed[at : at + _OCTETS], at + _OCTETS
        # Nobody but this process has ever had it.
        rest: Iterator[Any] = iter(marshal.loads(packed[at:]) if at < len(packed) else ())  # noqa: S302
        digest = next(rest) if form & _DIGEST else digest
        request_id = next(rest) if form & _ID else _text(uuid)
        origin = Coordinates(*next(rest)) if form & _ORIGIN else Coordinates(self._partition, offset)
        progress = _progress(next(rest)) if form & _PROGRESS else FRESH
        when = next(rest) if form & _TIME else when
        due, deadline = (other, when) if form & _BY_DEADLINE else (when, other)
        whose, why = self._tenants.name(tenant), _REASONS[int(reason)]
        return Entry(offset, origin, whose, request_id, digest, due, deadline, why, progress)


class _Tenants:
    """Names by number, each as long as somebody has it."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._holders: list[int] = []
        self._free: list[int] = []

    def name(self, number: int) -> str:
        return self._names[number]

    def take(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = self._add(name)
        self._holders[number] += 1
        return number

    def give(self, number: int) -> None:
        self._holders[number] -= 1
        if not self._holders[number]:
            del self._numbers[self._names[number]]
            self._names[number] = ""
            self._free.append(number)

    def _add(self, name: str) -> int:
        if self._free:
            number = self._free.pop()
            self._names[number] = name
            return number
        self._names.append(name)
        self._holders.append(0)
        return len(self._names) - 1


def _octets(text: str) -> bytes | None:
    """Those of a UUID, if there is no other way to write them than this."""
    if len(text) != 36:
        return None
    try:
        octets = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None
    return octets if _text(octets) == text else None


def _text(octets: bytes) -> str:
    digits = octets.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _told(progress: Progress) -> tuple[Any, ...]:
    """As marshal takes it, of plain types; the last fields are left out where nothing is in them."""
    fields = (
        progress.attempts,
        str(progress.last_reason),
        progress.sent_at,
        tuple([(index, _said(answer)) for index, answer in progress.answers]),
        None if progress.response is None else _said(progress.response),
        progress.files,
        progress.promoted,
    )
    while not fields[-1]:
        fields = fields[:-1]
    return fields


def _said(answer: Answer) -> _Said | None:
    return None if isinstance(answer, Blocked) else (answer.code, answer.text, answer.enhanced)


def _progress(told: tuple[Any, ...]) -> Progress:
    attempts, last_reason, sent_at, answers, response, files, promoted = (*told, *_UNTOLD[len(told) :])
    final = tuple([(index, BLOCKED if said is None else Reply(*said)) for index, said in answers])
    taken = None if response is None else Reply(*response)
    return Progress(attempts, final, taken, sent_at, last_reason, files, promoted)


_UNTOLD: tuple[Any, ...] = (0, "", (), (), None, (), False)
