"""Which request ids are used up.

An id is used up by Accepted and Unknown, and while its request is in flight or parked; any other request
may come again under its id. A request's identity is its origin: the same record seen again is no duplicate.
"""

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import blake2b

from consumer.core.outcome import Duplicate
from consumer.core.record import Coordinates


class Use(Enum):
    """What a request has done to its id."""

    OPEN = auto()  # in flight or parked
    USED = auto()  # accepted, or nobody knows
    FREE = auto()  # ended otherwise: the id may come again


@dataclass(slots=True)
class _Seen:
    origin: Coordinates
    digest: bytes
    use: Use
    offset: int | None = None  # of the record that holds it open


class Seen(Enum):
    """A record that had its outcome before: nothing is to be done."""

    BEFORE = auto()


def fingerprint(tenant: str, request_id: str, *, command: bool = False) -> bytes:
    """16 bytes for a tenant's request id; with 8, a collision would be a false duplicate. Commands have ids of their own."""
    ours = f"{tenant}\0{request_id}\0command" if command else f"{tenant}\0{request_id}"
    return blake2b(ours.encode(), digest_size=16).digest()


class Ids:
    """The ids of one home partition, each for `keep` seconds after its request ended."""

    def __init__(self, keep: float) -> None:
        self._keep = keep
        self._seen: dict[bytes, _Seen] = {}
        self._ended: deque[tuple[float, bytes, Coordinates]] = deque()

    def __len__(self) -> int:
        return len(self._seen)

    def open(self, mark: bytes, origin: Coordinates, digest: bytes, *, offset: int) -> Duplicate | Seen | None:
        """Use the id for the request of this origin, whose record is at this home offset, or say what it is used by."""
        seen = self._seen.get(mark)
        if seen is None or (seen.use is Use.FREE and seen.origin != origin):
            self._seen[mark] = _Seen(origin, digest, Use.OPEN, offset)
            return None
        if seen.origin == origin:
            # At another offset it is a second copy, forwarded twice: one of them is enough.
            return None if seen.use is Use.OPEN and seen.offset == offset else Seen.BEFORE
        return Duplicate("duplicate" if seen.digest == digest else "conflict", seen.origin)

    def is_open(self, mark: bytes) -> bool:
        """Whether a request with this id is in flight or parked."""
        seen = self._seen.get(mark)
        return seen is not None and seen.use is Use.OPEN

    def end(self, mark: bytes, origin: Coordinates, digest: bytes, *, use: Use, at: float) -> None:
        """The request of this origin has its outcome. One that never held the id changes nothing."""
        seen = self._seen.get(mark)
        if seen is not None and seen.origin != origin and seen.use is not Use.FREE:
            return
        self._seen[mark] = _Seen(origin, digest, use)
        self._ended.append((at, mark, origin))

    def expire(self, now: float) -> None:
        """Forget what ended more than `keep` seconds ago."""
        while self._ended and self._ended[0][0] + self._keep <= now:
            _, mark, origin = self._ended.popleft()
            seen = self._seen.get(mark)
            if seen is not None and seen.origin == origin and seen.use is not Use.OPEN:
                del self._seen[mark]
