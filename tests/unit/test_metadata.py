"""What the offset commit says beside the offset."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.metadata import LONGEST, Foreign, Metadata, decode, encode
from consumer.core.partition import ROOM


@given(position=st.integers(0, 2**62), below=st.sets(st.integers(1, 2**40), max_size=60), data=st.data())
def test_what_was_written_is_read_back(position: int, below: set[int], data: st.DataObject) -> None:
    offsets = sorted(position - distance for distance in below if distance <= position)
    intents = data.draw(st.sets(st.sampled_from(offsets))) if offsets else set[int]()
    metadata = Metadata("abc9", 17, tuple(o for o in offsets if o not in intents), tuple(sorted(intents)))
    assert decode(encode(metadata, position), position) == metadata


@given(text=st.text(max_size=200) | st.from_regex(r"1\.[a-z]+\.[0-9]+\.[A-Za-z0-9+/=]*", fullmatch=True))
def test_whatever_another_client_wrote_is_metadata_or_foreign(text: str) -> None:
    assert isinstance(decode(text, 1_000), Metadata | Foreign)


@pytest.mark.parametrize(
    "text",
    ["", "my-app", "2.abc.1.", "1.ABC.1.", "1.abc.1.AA==", "1.abc.1.gA==", "1.abc.1./////w8=", "1.abc.x."],
    ids=["empty", "foreign", "a version to come", "no nonce", "distance 0", "cut varint", "below 0", "no tick"],
)
def test_foreign_metadata_is_told_apart(text: str) -> None:
    assert isinstance(decode(text, 1_000), Foreign)


def test_a_full_partition_of_which_every_other_offset_was_settled_fits() -> None:
    position = 10**12
    unsettled = tuple(range(position - 2 * ROOM, position, 2))
    text = encode(Metadata("a" * 16, 10**9, unsettled[:-20], unsettled[-20:]), position)
    assert len(text) < LONGEST // 4


def test_the_worst_full_partition_fits() -> None:
    position = 2**53
    unsettled = tuple(range(position - ROOM * 10_000_000, position, 10_000_000))
    assert len(encode(Metadata("a" * 16, 10**9, unsettled, ()), position)) <= LONGEST
