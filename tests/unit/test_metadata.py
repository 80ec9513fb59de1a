"""What the offset commit says beside the offset."""

from base64 import b64decode
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.ending import Skipped
from consumer.core.metadata import (
    INTENTS,
    LIST,
    LONGEST,
    OVERTAKEN,
    RESERVED,
    Foreign,
    Metadata,
    decode,
    encode,
    octets_below,
    octets_overtaken,
    room,
)
from consumer.core.partition import ROOM, Keeping, Partition, Work
from consumer.core.record import Coordinates, Record
from consumer.core.runs import Runs
from tests.builders import metadata_text


@given(position=st.integers(0, 2**62), below=st.sets(st.integers(1, 2**40), max_size=60), data=st.data())
def test_what_was_written_is_read_back(position: int, below: set[int], data: st.DataObject) -> None:
    offsets = sorted(position - distance for distance in below if distance <= position)
    intents = data.draw(st.sets(st.sampled_from(offsets))) if offsets else set[int]()
    metadata = Metadata("abc9", 17, tuple(o for o in offsets if o not in intents), tuple(sorted(intents)))
    assert decode(metadata_text(metadata, position), position) == metadata


@given(
    text=st.text(max_size=200)
    | st.from_regex(r"[12]\.[a-z]+\.[0-9]+\.[A-Za-z0-9+/=]*(\.[A-Za-z0-9+/=]+)?", fullmatch=True)
)
def test_whatever_another_client_wrote_is_metadata_or_foreign(text: str) -> None:
    assert isinstance(decode(text, 1_000), Metadata | Foreign)


@pytest.mark.parametrize(
    "text",
    ["", "my-app", "3.abc.1.", "1.ABC.1.", "1.abc.1.AA==", "1.abc.1.gA==", "1.abc.1./////w8=", "1.abc.x."],
    ids=["empty", "foreign", "a version to come", "no nonce", "distance 0", "cut varint", "below 0", "no tick"],
)
def test_foreign_metadata_is_told_apart(text: str) -> None:
    assert isinstance(decode(text, 1_000), Foreign)


def test_what_the_oldest_version_wrote_is_read() -> None:
    """Byte for byte: an upgrade finds such texts, and so does whoever goes back."""
    known = Metadata("n7f3", 12, (40, 41, 95), (97, 99))
    assert decode("1.n7f3.12.AwUEbAI=", 100) == known
    assert metadata_text(known, 100) == "1.n7f3.12.AwUEbAI="


def test_the_longest_metadata_is_one_that_a_broker_takes() -> None:
    octets = LIST + 5 * INTENTS
    assert len(f"2.{'a' * 32}.{10**18 - 1}..") + 4 * (octets // 3 + 2) <= LONGEST


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
    octets=st.sampled_from([LIST, LIST - RESERVED, LIST - OVERTAKEN]),
)
def test_whatever_is_settled_first_the_list_keeps_within_its_bounds(
    start: int, steps: list[tuple[int, int]], octets: int
) -> None:
    runs, position = Runs([start]), start + 1
    for gap, number in steps:
        for _ in range(min(number, room(len(runs), start, position, ROOM, octets))):
            position += gap  # as if those in between had been taken and settled
            if room(len(runs), start, position, ROOM, octets) <= 0:
                break
            runs.add(position - 1)
    listed = encode("n", 1, runs, [], position).removeprefix("1.n.1.")
    assert len(b64decode(listed)) <= min(octets, octets_below(len(runs), start, position))
    parked = range(-INTENTS * 2**33, 0, 2**33) if start else range(0)
    metadata = encode("a" * 32, 10**18 - 1, runs, [start + offset for offset in parked], position)
    assert len(metadata) <= LONGEST


def test_as_many_as_ever_fit_while_the_oldest_is_not_far_behind() -> None:
    assert room(500, 0, 25_000, ROOM, LIST) == ROOM - 500
    assert 1_400 < room(0, 0, 0, ROOM, LIST - RESERVED) < ROOM
    assert 290 <= room(1, 0, 2**34, ROOM, LIST - RESERVED) < ROOM


@given(position=st.integers(0, 2**50), ahead=st.sets(st.integers(1, 2_000), min_size=1), data=st.data())
def test_what_was_overtaken_is_read_back(position: int, ahead: set[int], data: st.DataObject) -> None:
    overtaken = Runs(position + distance for distance in ahead)
    taken = sorted(position + distance for distance in ahead)
    unsettled = data.draw(st.sets(st.sampled_from(taken)))
    below = data.draw(st.sets(st.integers(max(0, position - 300), position))) - {position}
    intents = data.draw(st.sets(st.sampled_from(sorted(unsettled | below)))) if unsettled | below else set[int]()
    text = encode("n", 3, Runs(unsettled | below), intents, position, overtaken)
    listed = tuple(sorted((unsettled | below) - intents))
    assert decode(text, position) == Metadata("n", 3, listed, tuple(sorted(intents)), tuple(overtaken))
    octets = octets_overtaken(overtaken, len(unsettled), position)
    assert len(b64decode(text.split(".")[4])) + len(unsettled) <= octets


def test_what_the_oldest_version_wrote_of_the_overtaken_is_read() -> None:
    overtaken = ((101, 101), (103, 105), (400, 400))
    known = Metadata("n7f3", 12, (41, 104), (95, 400), overtaken)
    assert encode("n7f3", 12, Runs((41, 104)), (95, 400), 100, Runs.of(overtaken)) == "2.n7f3.12.A9AEE2w=.AgMBzAQ="
    assert decode("2.n7f3.12.A9AEE2w=.AgMBzAQ=", 100) == known


def test_five_hundred_of_others_among_a_flood_have_room() -> None:
    partition = Partition(0, 0, "n", Keeping())
    for offset in range(200, 200 * 501, 200):
        assert partition.room_for(offset)
        work = partition.overtake(Record(Coordinates(0, offset), None, None))
        assert work is not None
        partition.end(work, Skipped(), 0.0)
    partition.confirm(partition.cut())
    assert partition.room >= 900


@pytest.mark.parametrize(
    "text",
    ["2.n.1.AA==", "2.n.1.Ag==.gA==", "2.n.1.Ag==.AQ==", "2.n.1.BA==.Ag==", "1.n.1.Ag==.Ag=="],
    ids=["nothing overtaken", "cut varint", "half a run", "one above that was not overtaken", "of the first version"],
)
def test_a_broken_list_of_the_overtaken_is_foreign(text: str) -> None:
    assert isinstance(decode(text, 100), Foreign)


class Model:
    """A partition at work, and what is known of its offsets without it."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.partition = Partition(0, 5, "a" * 32, Keeping())
        self.works: dict[int, Work] = {}
        self.taken = set[int]()

    def come(self, offset: int, work: Work | None) -> None:
        assert (work is None) == (offset in self.taken)
        self.taken.add(offset)
        if work is not None:
            self.works[offset] = work

    def take(self, gap: int) -> None:
        for _ in range(self.dice.randrange(max(0, self.partition.room) + 1)):
            offset = self.partition.position + (self.dice.randrange(gap) if not self.dice.randrange(20) else 0)
            offset = min([offset, *(one for one in self.taken if one >= self.partition.position)])
            self.come(offset, self.partition.take(Record(Coordinates(0, offset), None, None)))

    def overtake(self, far: int) -> None:
        for _ in range(self.dice.randrange(30)):
            offset = self.partition.position + 1 + self.dice.randrange(far)
            if offset not in self.taken and self.partition.room_for(offset):
                self.come(offset, self.partition.overtake(Record(Coordinates(0, offset), None, None)))

    def end(self) -> None:
        for offset in self.dice.sample(sorted(self.works), self.dice.randrange(len(self.works) + 1)):
            self.partition.end(self.works.pop(offset), Skipped(), 0.0)

    def ask(self) -> None:
        for offset in self.dice.sample(sorted(self.works), min(5, len(self.works))):
            self.partition.ask(offset)


@pytest.mark.parametrize("seed", range(10))
def test_whoever_reads_the_metadata_knows_of_each_offset_whether_it_was_taken_and_settled(seed: int) -> None:
    """Overtaken as many as there is room for, near and far, while the list below the position is as long as it gets."""
    model = Model(Random(seed))  # noqa: S311  a run that can be had again
    far = model.dice.choice([50, 3_000, 10**5, 2**33])
    for _ in range(60):
        model.dice.choice([lambda: model.take(70), lambda: model.overtake(far), model.end, model.ask])()
        partition = model.partition
        tick = partition.cut()
        partition.confirm(tick)
        known = decode(tick.metadata, tick.position)
        assert isinstance(known, Metadata)
        assert {*known.unsettled, *known.intents} == set(model.works)
        assert tuple(Runs(offset for offset in model.taken if offset >= tick.position)) == known.overtaken
