"""Parked entries in few octets: what goes in comes out."""

import sys
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumer.core.packed import Packed, is_queued, key
from consumer.core.parking import QUEUED, Entry, Progress, Reason
from consumer.core.record import Coordinates
from consumer.core.reply import BLOCKED, Reply

ID = "5f0c7f3e-4c1d-4c53-9a55-2c1f6e0f7a10"
FAR = 10**19 - 1  # a key of the parked topic has 19 digits at most

counts = st.integers(0, 2**40)
times = st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 2_000_000_000).map(float)
texts = st.text(max_size=300)
uuids = st.uuids().map(str)
ids = st.one_of(uuids, uuids.map(str.upper), st.uuids().map(lambda uuid: uuid.hex), texts)
places = st.builds(Coordinates, st.integers(0, 10**30), st.integers(0, 10**30))  # a forged header may name any
replies = st.builds(
    Reply, st.integers(0, 999), texts, st.none() | st.from_regex(r"[245]\.\d{1,3}\.\d{1,3}", fullmatch=True)
)
progresses = st.builds(
    Progress,
    counts,
    st.lists(st.tuples(counts, st.just(BLOCKED) | replies), max_size=5).map(tuple),
    st.none() | replies,
    st.lists(st.tuples(times, counts), max_size=5).map(tuple),
    texts,
    st.lists(st.binary(min_size=32, max_size=32).map(bytes.hex), max_size=3).map(tuple),
    st.booleans(),
)
entries = st.builds(
    Entry,
    st.integers(0, FAR),
    places,
    texts,
    ids,
    st.binary(min_size=16, max_size=16) | st.binary(max_size=40),
    times,
    times,
    st.sampled_from(Reason),
    st.just(Progress()) | progresses,
)


def entry(offset: int = 7, **changed: object) -> Entry:
    """As most are."""
    usual = Entry(offset, Coordinates(3, offset), "acme", ID, bytes(16), 100.0, 1_000.0, Reason.SEND_AT)
    return replace(usual, **changed)


@given(entries)
@example(entry(id=ID.upper()))
@example(entry(id=f"{{{ID[1:-1]}}}"))
@example(entry(id=" ".join(ID)[:36]))
@example(entry(id=ID.replace("-", " ")))
@example(entry(due=-1.0, deadline=-2.0, reason=Reason.WINDOW))
@example(entry(due=-0.0))
@example(entry(offset=FAR, origin=Coordinates(3, FAR)))
@example(entry(progress=Progress(last_reason=Reason.VAULT)))
def test_what_goes_in_comes_out(one: Entry) -> None:
    packed = Packed(3)
    octets = packed.put(one)
    assert packed.get(one.offset) is octets
    assert packed.entry(one.offset) == one
    assert packed.kind(octets) == (one.tenant, one.reason)
    assert one.due < 0 or list(packed.dues()) == [((one.tenant, one.reason), one.due)]
    assert is_queued(octets) is (one.reason in QUEUED)
    assert list(packed) == [one]
    assert packed.pop(one.offset) == one
    assert (len(packed), packed.entry(one.offset), packed.pop(one.offset)) == (0, None, None)


@given(st.lists(entries, max_size=20, unique_by=lambda one: one.offset))
def test_packed_entries_are_in_order_of_when_they_are_due_and_of_their_offsets(some: list[Entry]) -> None:
    packed = Packed(3)
    for one in some:
        when = one.deadline if one.reason in QUEUED else min(one.due, one.deadline)
        assert key(packed.put(one)) == (max(when, 0.0), one.offset)
    assert [key(octets) for octets in sorted(packed.packed())] == sorted(map(key, packed.packed()))


@given(st.lists(entries.map(lambda one: replace(one, offset=one.offset % 5)), max_size=20))
def test_they_are_handed_over_as_they_stood_each_once(some: list[Entry]) -> None:
    packed, plain = Packed(3), dict[int, Entry]()
    for one in some:
        packed.put(one)
        plain[one.offset] = one
    assert list(packed) == list(plain.values())
    assert list(packed.drain()) == list(plain.values())
    assert list(packed) == []


@pytest.mark.parametrize(
    ("one", "octets"),
    [
        (entry(), 96),
        (entry(id=str(UUID(int=0)), tenant="a name of any length is kept once"), 96),
        (entry(progress=Progress(2, last_reason="unreachable")), 128),
        (entry(id="order-2026-0000001234"), 112),
    ],
    ids=["not tried yet", "a long name", "tried twice", "an id of its producer's"],
)
def test_one_takes_few_octets(one: Entry, octets: int) -> None:
    assert octets - 16 < sys.getsizeof(Packed(3).put(one)) <= octets


def test_the_number_of_a_tenant_nobody_of_whom_waits_is_given_again() -> None:
    packed = Packed(3)
    first = packed.put(entry(1, tenant="one"))
    packed.put(entry(2, tenant="two"))
    packed.pop(1)
    assert packed.put(entry(1, tenant="three")) == first
    packed.put(entry(2, tenant="four"))
    assert [one.tenant for one in packed] == ["four", "three"]
