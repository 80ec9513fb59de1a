"""What the offset commit says beside the offset."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.metadata import INTENTS, LONGEST, Foreign, Metadata, decode, encode, room
from consumer.core.partition import ROOM
from consumer.core.runs import Runs
from tests.builders import metadata_text


@given(position=st.integers(0, 2**62), below=st.sets(st.integers(1, 2**40), max_size=60), data=st.data())
def test_what_was_written_is_read_back(position: int, below: set[int], data: st.DataObject) -> None:
    offsets = sorted(position - distance for distance in below if distance <= position)
    intents = data.draw(st.sets(st.sampled_from(offsets))) if offsets else set[int]()
    metadata = Metadata("abc9", 17, tuple(o for o in offsets if o not in intents), tuple(sorted(intents)))
    assert decode(metadata_text(metadata, position), position) == metadata


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


def test_what_the_oldest_version_wrote_is_read() -> None:
    """Byte for byte: an upgrade finds such texts, and so does whoever goes back."""
    known = Metadata("n7f3", 12, (40, 41, 95), (97, 99))
    assert decode("1.n7f3.12.AwUEbAI=", 100) == known
    assert metadata_text(known, 100) == "1.n7f3.12.AwUEbAI="


@given(offsets=st.sets(st.integers(0, 300)), data=st.data())
def test_runs_are_written_as_their_offsets_one_by_one(offsets: set[int], data: st.DataObject) -> None:
    within = data.draw(st.sets(st.sampled_from(sorted(offsets)))) if offsets else set[int]()
    intents = within | data.draw(st.sets(st.integers(301, 400)))
    runs, unsettled = encode("n", 1, Runs(offsets), intents, 500), tuple(sorted(offsets - intents))
    assert decode(runs, 500) == Metadata("n", 1, unsettled, tuple(sorted(intents)))


@given(
    start=st.integers(0, 2**50),
    steps=st.lists(
        st.tuples(st.sampled_from([1, 2, 63, 64, 65, 8_191, 8_192, 10**6, 10**9]), st.integers(1, 1_500)), max_size=6
    ),
)
def test_whatever_is_settled_first_the_list_keeps_within_its_bounds(start: int, steps: list[tuple[int, int]]) -> None:
    runs, position = Runs([start]), start + 1
    for gap, number in steps:
        for _ in range(min(number, room(runs, position, ROOM))):
            position += gap  # as if those in between had been taken and settled
            if room(runs, position, ROOM) <= 0:
                break
            runs.add(position - 1)
    parked = range(-INTENTS * 2**33, 0, 2**33) if start else range(0)
    metadata = encode("a" * 32, 10**18 - 1, runs, [start + offset for offset in parked], position)
    assert len(metadata) <= LONGEST


def test_as_many_as_ever_fit_while_the_oldest_is_not_far_behind() -> None:
    assert room(Runs(range(500)), 25_000, ROOM) == ROOM - 500
    assert 400 <= room(Runs([0]), 2**34, ROOM) < ROOM
