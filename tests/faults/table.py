"""What came of it all: a line for each fault."""

from dataclasses import dataclass

from tests.faults.judge import Verdict


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
    taken: int  # of those in doubt, by the relay
    open_intents: int | None  # None where nothing was killed
    over_limit: int
    gap: float
    note: str = ""

    @property
    def kept(self) -> bool:
        """Whether the promises hold, as far as they are the same for every fault."""
        return not (self.missing or self.second_outcomes or self.second_sends or self.over_limit)

    def cells(self) -> tuple[str, ...]:
        opened = "" if self.open_intents is None else str(self.open_intents)
        counts = (
            self.injected, self.requests, self.missing, self.second_outcomes, self.second_sends, self.in_doubt, self.taken
        )  # fmt: skip
        return (
            self.fault,
            *(f"{count:,}" for count in counts),
            opened,
            str(self.over_limit),
            f"{self.gap:.1f} s",
            self.note,
        )


HEAD = (
    "fault", "injected", "requests", "missing", "second outcomes", "second sends", "in doubt", "of them sent",
    "open intents", "windows exceeded", "longest gap", "also measured",
)  # fmt: skip


def held(row: Row, verdict: Verdict) -> None:
    """The promises that no fault may break."""
    assert row.kept, (row, verdict)
    assert not verdict.untaken, verdict.untaken
    assert not verdict.untold, verdict.untold


rows: list[Row] = []
"""Of this run, in the order of the tests."""


def table() -> list[str]:
    """All rows, as Markdown."""
    cells = [HEAD, tuple("---" for _ in HEAD), *(row.cells() for row in rows)]
    return [f"| {' | '.join(line)} |" for line in cells]
