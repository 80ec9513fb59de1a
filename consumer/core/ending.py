"""How the way of one request ends, this time."""

from dataclasses import dataclass
from typing import TypeAlias

from consumer.core.frozen import frozen
from consumer.core.outcome import Outcome, Subject
from consumer.core.parking import FRESH, Progress, Reason
from consumer.core.request import Command


@frozen
class Concluded:
    """It has its outcome. `digest` stands for its content; `progress` holds what was sent on the way there."""

    subject: Subject
    outcome: Outcome
    digest: bytes = b""
    progress: Progress = FRESH


@dataclass(frozen=True, slots=True)
class Later:
    """It waits: until `due` (seconds since the epoch), or its deadline."""

    reason: Reason
    due: float
    progress: Progress = FRESH


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Its tenant lives in another partition."""

    home: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """It had its outcome before: the record was read again."""


@dataclass(frozen=True, slots=True)
class Again:
    """Leave to send ran out before the body: nothing was sent, and it goes once more from the start."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """It is a command about a parked request: its partition carries it out, and says how both end."""

    command: Command


Ending: TypeAlias = Concluded | Later | Forwarded | Skipped | Again | Ordered
