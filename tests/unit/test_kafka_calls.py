"""The calls of a transaction are, octet by octet, what the library would say; and its answers are read as it reads them."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from struct import pack
from typing import Any

import pytest
from aiokafka.protocol.produce import ProduceRequest_v3, ProduceResponse_v3
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest_v0,
    AddOffsetsToTxnResponse_v0,
    AddPartitionsToTxnRequest_v0,
    AddPartitionsToTxnResponse_v0,
    EndTxnRequest_v0,
    InitProducerIdRequest_v0,
    InitProducerIdResponse_v0,
    TxnOffsetCommitRequest_v0,
    TxnOffsetCommitResponse_v0,
)
from hypothesis import given
from hypothesis import strategies as st

from consumer.adapters.kafka import calls
from consumer.adapters.kafka.calls import Call

names = st.text(min_size=1, max_size=40)
numbers = st.integers(0, 2**31 - 1)
long_numbers = st.integers(0, 2**63 - 1)
epochs = st.integers(0, 2**15 - 1)
codes = st.integers(-1, 120)
topics = st.dictionaries(names, st.lists(numbers, min_size=1, max_size=3), min_size=1, max_size=3)


def is_said_as(call: Call, request: Any) -> bool:  # noqa: ANN401  the library's own
    header = request.build_request_header(correlation_id=77, client_id="us").encode()
    said = header + request.encode()
    return call.frame(77, calls.text("us")) == pack(">i", len(said)) + said


def answered(answer: Any) -> bytes:  # noqa: ANN401
    return pack(">i", 77) + answer.encode()


@given(names, long_numbers, epochs, topics, names)
def test_additions_are_said_as_the_library_says_them(
    name: str, producer: int, epoch: int, places: dict[str, list[int]], group: str
) -> None:
    who = calls.identity(name, producer, epoch)
    assert is_said_as(
        calls.add_partitions(who, places), AddPartitionsToTxnRequest_v0(name, producer, epoch, list(places.items()))
    )
    assert is_said_as(calls.add_group(who, group), AddOffsetsToTxnRequest_v0(name, producer, epoch, group))


@given(names, long_numbers, epochs, names, names, numbers, long_numbers, st.text(max_size=200))
def test_an_offset_is_said_as_the_library_says_it(  # noqa: PLR0917
    name: str, producer: int, epoch: int, group: str, topic: str, partition: int, offset: int, metadata: str
) -> None:
    said = calls.commit_offset(calls.identity(name, producer, epoch), group, (topic, partition), offset, metadata)
    listed = [(topic, [(partition, offset, metadata)])]
    assert is_said_as(said, TxnOffsetCommitRequest_v0(name, group, producer, epoch, listed))


@given(names, st.dictionaries(names, st.lists(st.tuples(numbers, st.binary()), min_size=1, max_size=3), max_size=3))
def test_records_are_said_as_the_library_says_them(name: str, batches: dict[str, list[tuple[int, bytes]]]) -> None:
    said = calls.produce(calls.identity(name, 1, 2), 10_000, batches)
    assert is_said_as(said, ProduceRequest_v3(name, -1, 10_000, list(batches.items())))


@given(names, long_numbers, epochs, numbers)
def test_beginning_and_end_are_said_as_the_library_says_them(
    name: str, producer: int, epoch: int, timeout: int
) -> None:
    who = calls.identity(name, producer, epoch)
    assert is_said_as(calls.begin(name, timeout), InitProducerIdRequest_v0(name, timeout))
    for commit in (True, False):
        assert is_said_as(calls.end(who, commit=commit), EndTxnRequest_v0(name, producer, epoch, commit))


@given(codes, long_numbers, epochs)
def test_who_begins_is_told_as_whom(code: int, producer: int, epoch: int) -> None:
    answer = answered(InitProducerIdResponse_v0(0, code, producer, epoch))
    assert list(calls.begin("name", 1).codes(answer)) == [code]
    assert calls.begun(answer) == (producer, epoch)


@given(st.dictionaries(names, st.lists(st.tuples(numbers, codes), max_size=4), max_size=3), codes)
def test_each_code_of_an_answer_is_read(errors: dict[str, list[tuple[int, int]]], code: int) -> None:
    who = calls.identity("name", 1, 2)
    expected = [error for partitions in errors.values() for _, error in partitions]
    listed = list(errors.items())
    added = answered(AddPartitionsToTxnResponse_v0(0, listed))
    assert list(calls.add_partitions(who, {}).codes(added)) == expected
    committed = answered(TxnOffsetCommitResponse_v0(0, listed))
    assert list(calls.commit_offset(who, "group", ("topic", 0), 1, "").codes(committed)) == expected
    written = [(topic, [(number, error, 5, -1) for number, error in partitions]) for topic, partitions in listed]
    assert list(calls.produce(who, 1, {}).codes(answered(ProduceResponse_v3(written, 0)))) == expected
    assert list(calls.add_group(who, "group").codes(answered(AddOffsetsToTxnResponse_v0(0, code)))) == [code]


def test_the_stable_offset_is_asked_for_as_the_protocol_has_it() -> None:
    asked = calls.fetch_offset("group", ("topic", 5)).frame(77, calls.text("us"))
    said = b"\x00\x09\x00\x07" + pack(">i", 77) + b"\x00\x02us\x00"  # header version 2
    said += b"\x06group" + b"\x02" + b"\x06topic" + b"\x02\x00\x00\x00\x05\x00" + b"\x01" + b"\x00"
    assert asked == pack(">i", len(said)) + said


@given(long_numbers, st.text(max_size=300), codes, codes)
def test_the_offset_and_its_codes_are_read(offset: int, metadata: str, code: int, of_all: int) -> None:
    octets = metadata.encode()
    length = (
        bytes([len(octets) + 1])
        if len(octets) < 127
        else bytes([(len(octets) + 1) & 0x7F | 0x80, len(octets) + 1 >> 7])
    )
    one = pack(">iqi", 5, offset, -1) + length + octets + pack(">h", code) + b"\x00"
    answer = pack(">ibi", 77, 0, 0) + b"\x02\x06topic\x02" + one + b"\x00" + pack(">h", of_all) + b"\x00"
    assert calls.fetched_offset(answer) == (offset, metadata)
    assert list(calls.fetch_offset("group", ("topic", 5)).codes(answer)) == [code, of_all]


@pytest.mark.parametrize("absent", [b"\x01", b"\x02\x06topic\x01\x00"])
def test_an_answer_without_the_partition_is_no_offset(absent: bytes) -> None:
    answer = pack(">ibi", 77, 0, 0) + absent + pack(">h", 0) + b"\x00"
    assert calls.fetched_offset(answer) is None
    assert list(calls.fetch_offset("group", ("topic", 5)).codes(answer)) == [0]


def test_where_nothing_was_committed_the_metadata_is_empty() -> None:
    one = pack(">iqi", 5, -1, -1) + b"\x00" + pack(">h", 0) + b"\x00"
    answer = pack(">ibi", 77, 0, 0) + b"\x02\x06topic\x02" + one + b"\x00" + pack(">h", 0) + b"\x00"
    assert calls.fetched_offset(answer) == (-1, "")
