"""The calls of a transaction as they lie on the wire, and what their answers say.

Of each there is the one version that all brokers know which have transactions, from 0.11 on; but for the offset, which has
to be stable, and that can be asked for from 2.5 on (KIP-447). The library's own requests go through a description of each
field, there and back: 0.26 ms a tick.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from struct import Struct
from typing import NamedTuple

from consumer.core import varint

_HEAD = Struct(">ihhi")  # length of what follows, call, version, number of the request
_SHORT, _INT, _LONG = Struct(">h"), Struct(">i"), Struct(">q")
_OWNER = Struct(">qh")  # producer id and epoch
_NUMBER, _THROTTLE = 4, 4  # octets of an answer: the request's number; how long one is asked to be quiet
_ALL_IN_SYNC = -1
_NO_TAGS = b"\x00"


_NAMES = {
    0: "Produce",
    9: "OffsetFetch",
    22: "InitProducerId",
    24: "AddPartitionsToTxn",
    25: "AddOffsetsToTxn",
    26: "EndTxn",
    28: "TxnOffsetCommit",
    65: "DescribeTransactions",
}
_NOT_FOUND = 105  # TRANSACTIONAL_ID_NOT_FOUND: nobody has had it, or not for a week
_COMMITTED = frozenset((b"PrepareCommit", b"CompleteCommit"))
_NEW = frozenset((b"", b"Empty"))


class Call(NamedTuple):
    """A request; `codes` reads the error codes of its answer, one for each thing that was asked for."""

    api: int
    version: int
    body: bytes
    codes: Callable[[bytes], Iterable[int]]
    tags: bytes = b""  # none of them, where the version has them (KIP-482)

    @property
    def name(self) -> str:
        """As Kafka's protocol calls it."""
        return _NAMES[self.api]

    def frame(self, number: int, client: bytes) -> bytes:
        """All of it, as it leaves."""
        length = _HEAD.size - _INT.size + len(client) + len(self.tags) + len(self.body)
        return b"".join((_HEAD.pack(length, self.api, self.version, number), client, self.tags, self.body))


class Identity(NamedTuple):
    """Who writes: the transactional id as it is written, and which of those who had it."""

    name: bytes
    owner: bytes


def text(value: str) -> bytes:
    """A string with its length before it."""
    octets = value.encode()
    return _SHORT.pack(len(octets)) + octets


def identity(name: str, producer: int, epoch: int) -> Identity:
    return Identity(text(name), _OWNER.pack(producer, epoch))


def begin(name: str, timeout: int) -> Call:
    """InitProducerId: fences whoever had the name. The timeout of its transactions is in milliseconds."""
    return Call(22, 0, text(name) + _INT.pack(timeout), _one_code)


def begun(answer: bytes) -> tuple[int, int]:
    """Producer id and epoch in an answer to `begin`."""
    producer, epoch = _OWNER.unpack_from(answer, _NUMBER + _THROTTLE + _SHORT.size)
    return producer, epoch


def describe(name: str) -> Call:
    """DescribeTransactions: how the last transaction of that name has ended, if it has (KIP-664, from 3.0 on)."""
    return Call(65, 0, varint.write(2) + _compact(name) + _NO_TAGS, _codes_of_state, _NO_TAGS)


def described(answer: bytes) -> bool | None:
    """Whether it was committed, in an answer to `describe`; None where there was none since the last `begin`."""
    _, state = _state(answer)
    return None if state in _NEW else state in _COMMITTED


def _codes_of_state(answer: bytes) -> Iterable[int]:
    code, _ = _state(answer)
    return [0 if code == _NOT_FOUND else code]


def _state(answer: bytes) -> tuple[int, bytes]:
    """The code and the state of the one that was asked about."""
    _, at = varint.read(answer, _NUMBER + len(_NO_TAGS) + _THROTTLE)
    (code,) = _SHORT.unpack_from(answer, at)
    length, at = varint.read(answer, at + _SHORT.size)
    length, at = varint.read(answer, at + length - 1)
    return code, answer[at : at + length - 1]


def add_partitions(who: Identity, places: Mapping[str, Sequence[int]]) -> Call:
    """AddPartitionsToTxn, by topic."""
    listed = ((topic, b"".join(map(_INT.pack, numbers)), len(numbers)) for topic, numbers in places.items())
    return Call(24, 0, who.name + who.owner + _topics(listed), _codes_of_additions)


def add_group(who: Identity, group: str) -> Call:
    """AddOffsetsToTxn."""
    return Call(25, 0, who.name + who.owner + text(group), _one_code)


def commit_offset(who: Identity, group: str, at: tuple[str, int], offset: int, metadata: str) -> Call:
    """TxnOffsetCommit of one partition."""
    topic, partition = at
    one = _INT.pack(partition) + _LONG.pack(offset) + text(metadata)
    return Call(28, 0, who.name + text(group) + who.owner + _topics([(topic, one, 1)]), _codes_of_additions)


def produce(who: Identity, within: int, batches: Mapping[str, Sequence[tuple[int, bytes]]]) -> Call:
    """Produce, a batch for each partition, acknowledged by all replicas in sync within so many milliseconds."""
    listed = (
        (topic, b"".join(_INT.pack(number) + _INT.pack(len(batch)) + batch for number, batch in theirs), len(theirs))
        for topic, theirs in batches.items()
    )
    return Call(0, 3, who.name + _SHORT.pack(_ALL_IN_SYNC) + _INT.pack(within) + _topics(listed), _codes_of_batches)


def end(who: Identity, *, commit: bool = True) -> Call:
    """EndTxn, with all that was written or with nothing of it."""
    return Call(26, 0, who.name + who.owner + bytes([commit]), _one_code)


class Offset(NamedTuple):
    """What a group has committed for a partition; -1 and no metadata where there is nothing."""

    offset: int
    metadata: str


def fetch_offset(group: str, at: tuple[str, int]) -> Call:
    """OffsetFetch of one partition, once no transaction is under way any more that has written to it.

    A broker that knows the end of a transaction may still be busy with writing it to the group. Asked without that, it
    answers with the offset before (KIP-447).
    """
    topic, partition = at
    one = _compact(topic) + varint.write(2) + _INT.pack(partition) + _NO_TAGS
    stable = b"\x01"
    return Call(9, 7, _compact(group) + varint.write(2) + one + stable + _NO_TAGS, _codes_of_offset, _NO_TAGS)


def fetched_offset(answer: bytes) -> Offset | None:
    """The offset in an answer to `fetch_offset`; None where the partition is missing: the coordinator is not ready."""
    return _offset(answer)[0]


def _codes_of_offset(answer: bytes) -> Iterable[int]:
    return _offset(answer)[1]


def _offset(answer: bytes) -> tuple[Offset | None, list[int]]:
    """It, and the codes of the partition and of the whole."""
    at = _NUMBER + len(_NO_TAGS) + _THROTTLE
    offset, codes = None, list[int]()
    topics, at = varint.read(answer, at)
    for _ in range(topics - 1):
        length, at = varint.read(answer, at)
        partitions, at = varint.read(answer, at + length - 1)
        for _ in range(partitions - 1):
            (committed,) = _LONG.unpack_from(answer, at + _INT.size)
            length, at = varint.read(answer, at + _INT.size + _LONG.size + _INT.size)  # behind the leader's epoch
            metadata = answer[at : at + max(0, length - 1)].decode(errors="replace")
            at += max(0, length - 1)
            offset, codes = Offset(committed, metadata), [*codes, *_SHORT.unpack_from(answer, at)]
            at += _SHORT.size + len(_NO_TAGS)
        at += len(_NO_TAGS)
    return offset, [*codes, *_SHORT.unpack_from(answer, at)]


def _compact(value: str) -> bytes:
    octets = value.encode()
    return varint.write(len(octets) + 1) + octets


def _topics(listed: Iterable[tuple[str, bytes, int]]) -> bytes:
    """An array of topics, each with an array of so many."""
    parts = [text(topic) + _INT.pack(number) + octets for topic, octets, number in listed]
    return _INT.pack(len(parts)) + b"".join(parts)


def _one_code(answer: bytes) -> Iterable[int]:
    return _SHORT.unpack_from(answer, _NUMBER + _THROTTLE)


def _codes_of_additions(answer: bytes) -> Iterator[int]:
    return _codes(answer, _NUMBER + _THROTTLE, _INT.size + _SHORT.size)


def _codes_of_batches(answer: bytes) -> Iterator[int]:
    return _codes(answer, _NUMBER, _INT.size + _SHORT.size + 2 * _LONG.size)  # with an offset and a time


def _codes(answer: bytes, at: int, width: int) -> Iterator[int]:
    """The second field of each partition of each topic; a partition takes so many octets."""
    (topics,) = _INT.unpack_from(answer, at)
    at += _INT.size
    for _ in range(topics):
        (length,) = _SHORT.unpack_from(answer, at)
        at += _SHORT.size + length
        (partitions,) = _INT.unpack_from(answer, at)
        at += _INT.size
        for _ in range(partitions):
            yield _SHORT.unpack_from(answer, at + _INT.size)[0]
            at += width
