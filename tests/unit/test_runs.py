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
