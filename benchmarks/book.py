"""What was measured, part by part, kept as JSON: the one source of tables, goals and plots.

A part is what one run measures in one go. Measured again it takes the place of what it was; all others stay.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Row:
    """What one thing took in one course: for each figure a number a round. `given` is what the course was, as numbers."""

    course: str
    name: str
    figures: Mapping[str, Sequence[float]]
    given: Mapping[str, float] = field(default_factory=dict[str, float])

    def middle(self, figure: str) -> float:
        """Of the round in the middle."""
        return median(self.figures[figure])


@dataclass(frozen=True, slots=True)
class Part:
    """`taken` says when, of what code and on what machine; `skipped` what could not be measured there, and why."""

    taken: str
    rows: Sequence[Row]
    skipped: Sequence[str] = ()


Book: TypeAlias = Mapping[str, Part]
"""The parts by name."""


def read(file: Path) -> dict[str, Part]:
    """What was measured so far; nothing where there is no file yet."""
    if not file.exists():
        return {}
    return {
        name: Part(part["taken"], [Row(**row) for row in part["rows"]], part["skipped"])
        for name, part in json.loads(file.read_text()).items()
    }


def write(file: Path, book: Book) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({name: _rounded(part) for name, part in book.items()}, indent=1) + "\n")


def merged(book: Book, name: str, part: Part, order: Sequence[str]) -> dict[str, Part]:
    """With this part in the place of its former self, and all parts in that order."""
    parts = {**book, name: part}
    return {one: parts[one] for one in order if one in parts}


def find(book: Book, part: str, name: str, **given: float) -> Row | None:
    """The row of that name whose course was so; None where it was not measured."""
    rows: Iterable[Row] = book[part].rows if part in book else ()
    return next((row for row in rows if row.name == name and given.items() <= row.given.items()), None)


def _rounded(part: Part) -> Mapping[str, object]:
    """Five digits tell more than any of these measurements is good for."""
    rows = [
        asdict(row) | {"figures": {name: [float(f"{one:.5g}") for one in all_] for name, all_ in row.figures.items()}}
        for row in part.rows
    ]
    return asdict(part) | {"rows": rows}
