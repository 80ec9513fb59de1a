"""Offsets as runs."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from consumer.core.runs import Runs

CHANGES = st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=200)


@given(before=st.sets(st.integers(0, 30)), changes=CHANGES)
def test_runs_are_a_set_whatever_comes_and_goes(before: set[int], changes: list[tuple[bool, int]]) -> None:
    runs, model = Runs(before), set(before)
    for add, offset in changes:
        (runs.add if add else runs.remove)(offset)
        (model.add if add else model.discard)(offset)
        assert len(runs) == len(model)
    assert [offset for first, last in runs for offset in range(first, last + 1)] == sorted(model)
    assert [offset for offset in range(31) if offset in runs] == sorted(model)
    assert runs.lowest == min(model, default=None)


@given(offsets=st.sets(st.integers(0, 30)))
def test_neighbours_are_in_one_run(offsets: set[int]) -> None:
    spans = list(Runs(offsets))
    assert all(last + 1 < first for (_, last), (first, _) in pairwise(spans))
    assert list(reversed(Runs(offsets))) == spans[::-1]


@given(offsets=st.sets(st.integers(0, 60)), below=st.integers(0, 70))
def test_what_is_below_is_dropped(offsets: set[int], below: int) -> None:
    runs = Runs(offsets)
    runs.drop_below(below)
    left = {offset for offset in offsets if offset >= below}
    assert list(runs) == list(Runs(left))
    assert (len(runs), runs.highest) == (len(left), max(left, default=None))


@given(offsets=st.sets(st.integers(0, 60)))
def test_runs_are_made_of_their_spans(offsets: set[int]) -> None:
    runs = Runs.of(Runs(offsets))
    assert list(runs) == list(Runs(offsets))
    assert len(runs) == len(offsets)
