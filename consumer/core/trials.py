"""How often tenants try credentials out: with test mails and with validations, each kind on its own.

Every trial counts that may have reached a relay, whatever came of it: so neither is a way to guess passwords.
It counts from its end, and is read back from the outcomes; one that was lost with its process counts, too.
"""

from collections.abc import Mapping

from consumer.core.attribute import SEND_TEST_EMAIL, TRIALS, VALIDATE_CREDENTIALS
from consumer.core.outcome import Accepted, Failed, Outcome, Rejected, Subject, Unknown, Validated
from consumer.core.tenant import HOUR, Limit
from consumer.core.window import Windows

TRIED = (Accepted, Rejected, Failed, Unknown, Validated)
"""How a trial ends that may have reached a relay."""

DEFAULT_LIMITS: Mapping[str, int] = {SEND_TEST_EMAIL: 10, VALIDATE_CREDENTIALS: 10}
"""Trials of a tenant in an hour, by type."""


def trial_of(subject: Subject, outcome: Outcome) -> str | None:
    """The type of the trial that ended so; None for what is none, or was not carried out."""
    return subject.type if subject.type in TRIALS and isinstance(outcome, TRIED) else None


class Trials:
    """The trials of one home partition."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._windows: dict[tuple[str, str], Windows] = {}

    def take(self, offset: int, subject: Subject, now: float) -> float | None:
        """Take a slot for the trial at this offset; or the seconds until there may be one."""
        limit = (Limit(self._limits[subject.type or ""], HOUR),)
        full = self._of(subject).take(offset, 1, limit, now)
        return None if full is None else (full.until or now + 1) - now

    def lost(self, subject: Subject, now: float) -> None:
        """Its former owner was at it: nobody knows how far it came."""
        self._of(subject).sent(None, 1, now)

    def settle(self, offset: int, subject: Subject, now: float, *, tried: bool) -> None:
        """It ended, or waits."""
        windows = self._of(subject)
        if tried:
            windows.sent(offset, 1, now)
        windows.give_back(offset)

    def remember(self, tenant: str, trial: str, at: float) -> None:
        """A trial that a former owner has carried out."""
        self._window(tenant, trial).sent(None, 1, at)

    def tidy(self, now: float) -> None:
        """Forget what counts no more."""
        for key in [key for key, windows in self._windows.items() if windows.idle(now)]:
            del self._windows[key]

    def _of(self, subject: Subject) -> Windows:
        return self._window(subject.tenant or "", subject.type or "")

    def _window(self, tenant: str, trial: str) -> Windows:
        windows = self._windows.get((tenant, trial))
        if windows is None:
            windows = self._windows[tenant, trial] = Windows(HOUR)
        return windows
