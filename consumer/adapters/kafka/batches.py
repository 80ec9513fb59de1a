"""Batches of records as they come from the broker, of which none can stop its partition.

The name of a header is a string, says Kafka's protocol, but neither brokers nor all producers see to it that it is
UTF-8. The library raises where it is not, before the record is anybody's: again and again, for the next fetch brings the
same batch. Here such a name is read with U+FFFD in it, and its record ends like any other.

A record passes as it was unpacked to a client that asks for that: to fill the library's own form, eleven fields each,
costs more than all of the unpacking.
"""

# The library has types for half of itself.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false

from collections.abc import Iterator, Sequence
from struct import unpack_from
from typing import Any, Protocol

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from typing_extensions import override

_OVERHEAD = 12  # the base offset and the length of what follows, of every format


class Raw(Protocol):
    """A record as it was unpacked; its client knows the partition. The timestamp is in milliseconds."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


def raw(value: bytes | None) -> bytes | None:
    """Given to a client as its `value_deserializer`, has it hand out each record as a `Raw`."""
    return value


class Records(fetcher.PartitionRecords):
    """What was fetched of one partition, without what is of a transaction that was not committed."""

    def __init__(self, *arguments: Any, **more: Any) -> None:  # noqa: ANN401  the library's business
        super().__init__(*arguments, **more)
        if self._value_deserializer is raw:
            self._consumer_record: Any = _as_it_is

    @override
    def __iter__(self) -> Any:
        return self._records_iterator or iter(())  # without a call of `__next__` for each


def _as_it_is(_: TopicPartition, record: Raw) -> Raw:
    return record


class Batches:
    """What one fetch brought of one partition."""

    def __init__(self, content: bytes) -> None:
        self._inner: Any = MemoryRecords(content)
        self._content = memoryview(content)
        self._at = 0

    def has_next(self) -> bool:
        return self._inner.has_next()

    def size_in_bytes(self) -> int:
        return self._inner.size_in_bytes()

    def next_batch(self) -> Any:  # noqa: ANN401  of the library's several kinds
        start = self._at
        (length,) = unpack_from(">i", self._content, start + 8)
        self._at = start + _OVERHEAD + length
        return _Batch(self._inner.next_batch(), self._content[start : self._at])


class _Batch:
    """A batch of the library's, read once more and leniently where it cannot be read."""

    def __init__(self, inner: Any, content: memoryview) -> None:  # noqa: ANN401
        self._inner = inner
        self._content = content

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._inner, name)

    def __next__(self) -> Any:  # noqa: ANN401
        return next(self._inner)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._inner))
        except UnicodeDecodeError:
            return self._leniently()

    def _leniently(self) -> Iterator[Any]:
        """By the library's reader in Python, from the first: the other one has lost its place."""
        batch: Any = iter(_DefaultRecordBatchPy(self._content))
        batch._buffer = _Lenient(batch._buffer)  # noqa: SLF001
        return batch


class _Lenient(bytearray):
    """Bytes whose parts can be decoded, whatever they are."""

    @override
    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _Lenient(found) if isinstance(index, slice) else found

    @override
    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, "replace")


def install() -> None:
    """Have every client read by these: the library has no other way to be given one; pinned to 0.14."""
    fetcher.MemoryRecords = Batches
    fetcher.PartitionRecords = Records
