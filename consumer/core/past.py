"""What an outcome tells whoever takes its partition over."""

from typing import NamedTuple

from consumer.core.attribute import PARKED_COMMAND
from consumer.core.ending import Concluded
from consumer.core.ids import Use, fingerprint
from consumer.core.outcome import Accepted, Unknown
from consumer.core.record import Coordinates
from consumer.core.trials import trial_of


class Past(NamedTuple):
    """One outcome of before: a tuple, for a takeover makes very many.

    `mark` is the id's fingerprint, None where the request had no readable id. `at` is when it was written, `sent` when
    a relay took a body, and for how many recipients each. `trial` is the type of a trial that was carried out.
    """

    at: float
    tenant: str | None
    mark: int | None
    origin: Coordinates
    digest: bytes
    use: Use
    sent: tuple[tuple[float, int], ...] = ()
    trial: str | None = None


def past_of(concluded: Concluded, at: float) -> Past:
    """What is remembered of an outcome that was written at that time."""
    subject = concluded.subject
    known = subject.tenant is not None and subject.id is not None
    command = subject.type == PARKED_COMMAND
    mark = fingerprint(subject.tenant or "", subject.id or "", command=command) if known else None
    use = Use.USED if isinstance(concluded.outcome, Accepted | Unknown) else Use.FREE
    trial = trial_of(subject, concluded.outcome)
    return Past(at, subject.tenant, mark, subject.origin, concluded.digest, use, concluded.progress.sent_at, trial)
