"""What docs/scaling.md says of sizes is what is measured."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import sizes

PAGE = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text()


def test_the_sizes_of_records_are_those_that_are_written_now() -> None:
    rows = PAGE.partition("| record | alone | in a batch of 100 |\n|---|---|---|\n")[2].partition("\n\n")[0]
    assert rows.splitlines() == list(sizes.records()), "run: python -m benchmarks.sizes"


@pytest.mark.parametrize(("name", "make"), sizes.MEMORY, ids=[name for name, _ in sizes.MEMORY])
def test_the_memory_that_is_told_is_what_it_takes_within_a_quarter(name: str, make: Callable[[int], object]) -> None:
    (told,) = re.findall(rf"^\| {name} \| ([\d,]+) \|$", PAGE, re.MULTILINE)
    assert sizes.memory(make, many=20_000) == pytest.approx(int(told.replace(",", "")), rel=0.25)  # Pythons differ
