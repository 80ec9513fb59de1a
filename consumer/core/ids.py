"""Which request ids are used up.

An id is used up by Accepted and Unknown, and while its request is in flight or parked; any other request
may come again under its id. A request's identity is its origin: the same record seen again is no duplicate.

Of those that ended there are millions: each is packed into as few bytes as it takes. Of those that wait there may be a
million: of them only the offset is kept here, the rest is looked up where they are parked. Those in flight are few.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from hashlib import blake2b
from struct import Struct
from typing import TypeAlias

from consumer.core.outcome import Duplicate
from consumer.core.record import Coordinates


class Use(Enum):
    """What a request has done to its id."""

    USED = auto()  # accepted, or nobody knows
    FREE = auto()  # ended otherwise: the id may come again


_Open: TypeAlias = tuple[Coordinates, bytes, int]
"""Origin and digest, and the offset of the record that holds it open."""


_ENDED = Struct("<d?")
"""When it ended, and whether the id is used up. Behind it stand the origin as text, for a forged header may name any
number, a zero, and the digest."""


class Seen(Enum):
    """A record that had its outcome before: nothing is to be done."""

    BEFORE = auto()


def fingerprint(tenant: str, request_id: str, *, command: bool = False) -> int:
    """16 bytes for a tenant's request id; with 8, a collision would be a false duplicate. Commands have ids of their own.

    As a number, which takes 16 octets less than bytes do.
    """
    ours = f"{tenant}\0{request_id}\0command" if command else f"{tenant}\0{request_id}"
    return int.from_bytes(blake2b(ours.encode(), digest_size=16).digest())


_nobody = dict[int, tuple[Coordinates, bytes]]().__getitem__


class Ids:
    """The ids of one home partition, each for `keep` seconds after its request ended."""

    def __init__(self, keep: float, parked: Callable[[int], tuple[Coordinates, bytes]] = _nobody) -> None:
        """`parked` tells origin and digest of the parked request at an offset."""
        self._keep = keep
        self._parked = parked
        # Each id is in one of the two at most. An offset alone is that of a parked request.
        self._open: dict[int, _Open | int] = {}
        self._ended: dict[int, bytes] = {}
        self._times: deque[float] = deque()
        self._marks: deque[int] = deque()

    def __len__(self) -> int:
        return len(self._open) + len(self._ended)

    def open(self, mark: int, origin: Coordinates, digest: bytes, *, offset: int) -> Duplicate | Seen | None:
        """Use the id for the request of this origin, whose record is at this home offset, or say what it is used by."""
        held = self._open.get(mark)
        if held is not None:
            holder, content, place = self._who(held)
            if holder != origin:
                return _duplicate(holder, same=content == digest)
            # At another offset it is a second copy, forwarded twice: one of them is enough.
            return None if place == offset else Seen.BEFORE
        ended = self._ended.get(mark)
        if ended is not None:
            if ended.startswith(_written(origin), _ENDED.size):
                return Seen.BEFORE
            if _ENDED.unpack_from(ended)[1]:
                before, _, content = ended[_ENDED.size :].partition(b"\0")
                return _duplicate(_read(before), same=content == digest)
            del self._ended[mark]
        self._open[mark] = (origin, digest, offset)
        return None

    def is_open(self, mark: int) -> bool:
        """Whether a request with this id is in flight or parked."""
        return mark in self._open

    def park(self, mark: int, offset: int) -> bool:
        """The request at this offset waits from now on: whether it has the id."""
        held = self._open.get(mark)
        if isinstance(held, tuple) and held[2] == offset:
            self._open[mark] = offset
            return True
        return held == offset

    def parked(self, mark: int) -> int | None:
        """The offset of the parked request that has the id."""
        held = self._open.get(mark)
        return held if isinstance(held, int) else None

    def unpark(self, mark: int, origin: Coordinates, digest: bytes, *, offset: int) -> None:
        """It waits no more: if it still has the id, it has it as one in flight."""
        if self._open.get(mark) == offset:
            self._open[mark] = (origin, digest, offset)

    def _who(self, held: _Open | int) -> _Open:
        return (*self._parked(held), held) if isinstance(held, int) else held

    def end(self, mark: int, origin: Coordinates, digest: bytes, *, use: Use, at: float) -> None:
        """The request of this origin has its outcome. One that never held the id changes nothing."""
        held = self._open.get(mark)
        if held is None:
            ended = self._ended.get(mark)
            if ended is not None and _of_another(ended, origin):
                return
        elif self._who(held)[0] == origin:
            del self._open[mark]
        else:
            return
        self._ended[mark] = _ENDED.pack(at, use is Use.USED) + _written(origin) + digest
        self._times.append(at)
        self._marks.append(mark)

    def expire(self, now: float) -> None:
        """Forget what ended more than `keep` seconds ago."""
        while self._times and self._times[0] + self._keep <= now:
            at, mark = self._times.popleft(), self._marks.popleft()
            ended = self._ended.get(mark)
            if ended is not None and _ENDED.unpack_from(ended)[0] == at:  # or it was used again since
                del self._ended[mark]


def _duplicate(original: Coordinates, *, same: bool) -> Duplicate:
    return Duplicate("duplicate" if same else "conflict", original)


def _of_another(ended: bytes, origin: Coordinates) -> bool:
    """Whether a request of another origin has used the id up."""
    return _ENDED.unpack_from(ended)[1] and not ended.startswith(_written(origin), _ENDED.size)


def _written(origin: Coordinates) -> bytes:
    return b"%d:%d\0" % origin


def _read(origin: bytes) -> Coordinates:
    partition, _, offset = origin.partition(b":")
    return Coordinates(int(partition), int(offset))
