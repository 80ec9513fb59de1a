"""What Kafka gives: records and the places where they lie."""

from typing import NamedTuple

from typing_extensions import override

from consumer.core.frozen import frozen

ORIGIN_HEADER = "email_origin"
"""Header of a forwarded record: where the producer's own record lies, as `partition:offset`."""

Headers = tuple[tuple[str, bytes], ...]


class Coordinates(NamedTuple):
    """Where a record lies in the request topic."""

    partition: int
    offset: int

    @override
    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


@frozen
class Record:
    """One record of the request topic, untouched. `timestamp` is in seconds since the epoch."""

    at: Coordinates
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: float = 0.0

    @property
    def forwarded_from(self) -> Coordinates | None:
        """Where a forwarded record came from; None for a producer's own (or a header that is no origin)."""
        for name, value in self.headers:
            if name == ORIGIN_HEADER:
                return _coordinates(value)
        return None

    @property
    def origin(self) -> Coordinates:
        """The identity of a request: where its producer put it."""
        return self.forwarded_from or self.at


def _coordinates(value: bytes) -> Coordinates | None:
    partition, colon, offset = value.partition(b":")
    if colon and partition.isdigit() and offset.isdigit() and len(value) <= 32:
        return Coordinates(int(partition), int(offset))
    return None
