"""One transaction of one partition."""

from dataclasses import dataclass

from consumer.core.ending import Concluded
from consumer.core.parking import Entry
from consumer.core.record import Record
from consumer.core.suppression_list import NOTHING_LEARNT, Gathered


@dataclass(frozen=True, slots=True)
class Tick:
    """What is committed together, or not at all.

    `position` is the next offset to take, `metadata` what is under way below it; `granted` are the offsets whose
    intents this tick is the first to hold, `settled` those it is the last to be needed for.
    """

    number: int
    position: int
    metadata: str
    outcomes: tuple[Concluded, ...] = ()
    parked: tuple[Entry | int, ...] = ()  # an offset alone is a tombstone
    forwards: tuple[tuple[int, Record], ...] = ()
    granted: tuple[int, ...] = ()
    settled: tuple[int, ...] = ()
    learnt: Gathered = NOTHING_LEARNT

    @property
    def size(self) -> int:
        """Records that it writes."""
        return len(self.outcomes) + len(self.parked) + len(self.forwards) + self.learnt.size
