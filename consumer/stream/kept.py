"""Records of requests that were parked lately, so that a short wait needs no second read."""

from collections import OrderedDict

from consumer.core.record import Coordinates, Record


class Kept:
    """So many bytes of them, the latest; the others are read again from their topic."""

    def __init__(self, most: int = 32 * 1024 * 1024) -> None:
        self._most = most
        self._bytes = 0
        self._records: OrderedDict[Coordinates, Record] = OrderedDict()

    def put(self, record: Record) -> None:
        """It was parked."""
        size = _size(record)
        if size > self._most // 32:
            return
        self.take(record.at)
        self._records[record.at] = record
        self._bytes += size
        while self._bytes > self._most:
            self._bytes -= _size(self._records.popitem(last=False)[1])

    def take(self, at: Coordinates) -> Record | None:
        """It is wanted again; None: read it."""
        record = self._records.pop(at, None)
        if record is not None:
            self._bytes -= _size(record)
        return record


def _size(record: Record) -> int:
    return len(record.value or b"") + len(record.key or b"") + 500
