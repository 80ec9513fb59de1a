"""Whether a relay is tried at all, as one user: what a circuit breaker knows, and how wide the way to a relay is.

Closed, everybody may try. Open, nobody does until a time. Then it is half-open: one tries, and what comes of that
closes it or opens it again, for twice as long. Times are seconds that only go forward and come in as arguments.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeGuard

from consumer.core.attempt import Answered, Attempt, InDoubt, NotSent, Stage
from consumer.core.reply import Meaning, Reply, meaning


class Cause(StrEnum):
    """What a circuit is open for. A closed set: metrics use it as a label."""

    CREDENTIALS = "credentials"  # the relay, or who gives out tokens for it, refused who we are
    TOKEN = "token"  # noqa: S105  who gives out tokens cannot be asked
    UNREACHABLE = "unreachable"  # no connection came about that may carry mail
    FAILING = "failing"  # connections break off, mail after mail
    THROTTLED = "throttled"  # the relay asks for less, and one connection is still too much


FAILURES = 5
"""Conversations in a row that have to break off before a relay is left alone."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """In seconds: for how long a circuit opens first, and at most. `refused` is for bad credentials: others count those."""

    first: float = 1.0
    longest: float = 60.0
    refused_first: float = 60.0
    refused_longest: float = 900.0


@dataclass(slots=True)
class Circuit:
    """One relay and user. `cause` is None while it is closed; `reason` says more, as an attempt's does."""

    pauses: Pauses
    cause: Cause | None = None
    reason: str = ""
    until: float = 0.0
    _pause: float = field(default=0.0, repr=False)
    _failures: int = field(default=0, repr=False)

    def open(self, now: float) -> bool:
        """Whether nobody may try."""
        return self.cause is not None and now < self.until

    def remembered(self, now: float) -> bool:
        """Whether what it knows is still of use: who fails again soon waits for longer."""
        return self.cause is not None and now < self.until + self._pause

    def trip(self, cause: Cause, reason: str, now: float) -> None:
        """Open it; for twice as long as the last time where that was for the same cause."""
        refused = cause is Cause.CREDENTIALS
        first = self.pauses.refused_first if refused else self.pauses.first
        longest = self.pauses.refused_longest if refused else self.pauses.longest
        self._pause = min(2 * self._pause, longest) if cause is self.cause else first
        self.cause, self.reason, self.until = cause, reason, now + self._pause
        self._failures = 0

    def reached(self, *, logged_in: bool) -> bool:
        """A connection came about; whether that closes it: where nothing but the way there had failed."""
        mended = self.cause in {Cause.UNREACHABLE, Cause.TOKEN} or (self.cause is Cause.CREDENTIALS and logged_in)
        if mended:
            self._close()
        return mended

    def served(self, now: float) -> bool:
        """A conversation came to an end that the relay chose; whether that closes it."""
        self._failures = 0
        mended = self.cause is not None and not self.open(now)
        if mended:
            self._close()
        return mended

    def failed(self) -> bool:
        """One more conversation broke off; whether it is time to trip."""
        self._failures += 1
        return self._failures >= FAILURES or self.cause is not None

    def _close(self) -> None:
        self.cause, self.reason, self.until = None, "", 0.0
        self._pause, self._failures = 0.0, 0


SETTLING = 1.0
"""Seconds within which refusals count as one: they are of conversations that began before we drew back."""

GROWTH = 10
"""Mails per connection that have to go well before there is one more."""


@dataclass(slots=True)
class Width:
    """How many connections a relay may have at once: half as many when it asks for less, one more after a while."""

    most: int
    size: int = field(default=0)
    _until: float = field(default=float("-inf"), repr=False)
    _well: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        self.size = self.size or self.most

    @property
    def narrow(self) -> bool:
        return self.size < self.most

    def remembered(self, now: float) -> bool:
        """Whether the relay has asked for less lately."""
        return self.narrow and now < self._until + LATELY

    def halve(self, now: float) -> bool:
        """Draw back; False where that is not possible any more and the relay says so again."""
        self._well = 0
        if now < self._until:
            return True
        if self.size == 1 and now < self._until + CALM:
            return False
        self.size = max(1, self.size // 2)
        self._until = now + SETTLING
        return True

    def at_most(self, size: int, now: float) -> None:
        """The relay refused one more than these."""
        self.size = max(1, min(self.size, size))
        self._until = now + SETTLING
        self._well = 0

    def grow(self, now: float) -> bool:
        """A mail went well; whether there may be one more connection now."""
        self._well += 1
        if not self.narrow or self._well < GROWTH * self.size or now < self._until + CALM:
            return False
        self.size += 1
        self._well = 0
        return True


CALM = 10.0
"""Seconds without such a reply before there is one more."""

LATELY = 600.0
"""Seconds for which it is remembered that a relay asked for less, though nothing is sent there."""


def cause_of(failure: NotSent) -> Cause:
    """Why no connection could be had."""
    if failure.reason == "token-unavailable":
        return Cause.TOKEN
    if failure.reason.startswith("token-refused"):
        return Cause.CREDENTIALS
    if failure.stage is Stage.AUTH and failure.reply is not None and not failure.reply.transient:
        return Cause.CREDENTIALS
    if failure.reply is not None and meaning(failure.reply) is Meaning.THROTTLED:
        return Cause.THROTTLED
    return Cause.UNREACHABLE


def asks_for_less(attempt: Attempt) -> Reply | None:
    """The reply by which a relay asks for less mail, if there is one.

    For now not taking a mail from us, or its body, is about the relay; a recipient refused for now is about
    the recipient, unless the table of replies says otherwise.
    """
    match attempt:
        case Answered(recipients, data):
            if data is not None and data.transient:
                return data
            throttles = [reply for reply in recipients if reply.transient and _throttle(reply)]
            return throttles[0] if throttles else None
        case NotSent(stage, _, Reply() as reply) if reply.transient:
            return reply if stage is not Stage.RCPT else _throttle(reply)
        case _:
            return None


def breaks_off(attempt: Attempt) -> TypeGuard[InDoubt | NotSent]:
    """Whether the conversation ended without the relay's saying so."""
    return isinstance(attempt, InDoubt) or (isinstance(attempt, NotSent) and attempt.reply is None)


def locks_out(attempt: Attempt) -> bool:
    """Whether the relay wants to know first who we are, or does not believe it."""
    match attempt:
        case NotSent(_, _, Reply() as reply):
            return not reply.transient and meaning(reply) is Meaning.BAD_CREDENTIALS
        case _:
            return False


def _throttle(reply: Reply) -> Reply | None:
    return reply if meaning(reply) is Meaning.THROTTLED else None
