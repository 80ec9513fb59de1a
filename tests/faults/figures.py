"""How long things may take, how much is sent, and what came of it."""

import os
from dataclasses import dataclass
from typing import TypeVar

WITHIN = 60.0
"""Seconds for anything that a healthy machine does in one."""

SESSION = 6.0
"""Session timeout of the consumers of a scene."""

PARTITIONS = 6

FULL = os.environ.get("FAULTS_SCALE", "quick") == "full"

_T = TypeVar("_T")


def sized(quick: _T, full: _T) -> _T:
    """The figure for this run: `make faults-quick`, or `make faults` with FAULTS_SCALE=full."""
    return full if FULL else quick


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: what was done, and what came of it."""

    fault: str
    injected: int
    requests: int
    missing: int
    second_outcomes: int
    second_sends: int
    in_doubt: int
    open_intents: int | None  # None where nothing was killed
    over_limit: int
    gap: float

    @property
    def kept(self) -> bool:
        """Whether the promises hold, as far as they are the same for every fault."""
        return not (self.missing or self.second_outcomes or self.second_sends or self.over_limit)

    def cells(self) -> tuple[str, ...]:
        opened = "" if self.open_intents is None else str(self.open_intents)
        counts = (self.injected, self.requests, self.missing, self.second_outcomes, self.second_sends, self.in_doubt)
        return (self.fault, *(f"{count:,}" for count in counts), opened, str(self.over_limit), f"{self.gap:.1f} s")


HEAD = (
    "fault", "injected", "requests", "missing", "second outcomes", "second sends", "in doubt", "open intents",
    "windows exceeded", "longest gap",
)  # fmt: skip
rows: list[Row] = []
"""Of this run, in the order of the tests."""


def table() -> list[str]:
    """All rows, as Markdown."""
    cells = [HEAD, tuple("---" for _ in HEAD), *(row.cells() for row in rows)]
    return [f"| {' | '.join(line)} |" for line in cells]
