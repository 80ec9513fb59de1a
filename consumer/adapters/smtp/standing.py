"""How we stand with a relay, as one user: whether it is tried at all, how wide, and when leave is asked for.

After a failure the circuit is open: nobody tries for a while, and then one mail alone, so that one wrong
password is one AUTH.
"""

from collections.abc import Callable
from typing import TypeAlias

from consumer.adapters.smtp.conversation import Conversation
from consumer.adapters.smtp.options import PoolLimits
from consumer.adapters.smtp.reasons import OURS
from consumer.core.attempt import Answered, Attempt, NotSent, Withheld
from consumer.core.circuit import Cause, Circuit, Width, asks_for_less, breaks_off, cause_of, locks_out
from consumer.core.remedy import said, why
from consumer.core.tenant import Relay
from consumer.ports import Clock

UNHURRIED = 600.0
"""Seconds for which leave is asked for behind MAIL and RCPT, once a grant ran out while the relay thought about them."""

OnCircuit: TypeAlias = Callable[[Relay, Circuit, Cause | None], None]
"""Told when a relay's circuit opens, stays open after a probe, or closes; and what it was open for before."""


class Standing:
    """`unhurried_until` says until when leave may not be asked for ahead of MAIL: the relay has outlived one of late.

    `proven` says that a connection came about since the last failure. `on_barred` is told when those that stand may
    carry no mail any more.
    """

    def __init__(
        self, relay: Relay, limits: PoolLimits, clock: Clock, *, on_circuit: OnCircuit, on_barred: Callable[[], None]
    ) -> None:
        self.width = Width(relay.max_connections or limits.connections)
        self.circuit = Circuit(limits.pauses)
        self.unhurried_until = 0.0
        self.proven = False
        self._barred = False  # while the circuit is open nobody goes on, not even over connections that stand
        self._relay = relay
        self._clock = clock
        self._on_circuit = on_circuit
        self._on_barred = on_barred

    @property
    def cooling(self) -> bool:
        """Whether no connection is opened now."""
        return self.circuit.cause is not None and self.circuit.open(self._clock.elapsed())

    @property
    def barred(self) -> bool:
        """Whether those that stand carry no mail either."""
        return self._barred and self.cooling

    def withheld(self, standing: int) -> Withheld | None:
        """Why nobody may try now, and until when; None where somebody may. So many connections stand or are opened."""
        if self.circuit.cause is None or (standing and not self._barred):
            return None
        now = self._clock.elapsed()
        if not self.circuit.open(now):
            return None
        return Withheld(self.circuit.reason, self._clock.now() + self.circuit.until - now)

    def remembered(self, now: float) -> bool:
        """Whether it knows what would have to be learnt again."""
        return self.circuit.remembered(now) or self.width.remembered(now) or now < self.unhurried_until

    def learn(self, attempt: Attempt, now: float, conversation: Conversation) -> bool:
        """What a conversation came to; whether there may be one more connection now."""
        if not _all_taken(attempt):
            if conversation.outlived:
                self.unhurried_until = now + UNHURRIED
            if self._went_wrong(attempt, now):
                return False
        was = self.circuit.cause
        if self.circuit.served(now):
            self._on_circuit(self._relay, self.circuit, was)
        return self.width.size < self.width.most and self.width.grow(now)

    def reached(self) -> None:
        """A connection came about."""
        self.proven = True
        was = self.circuit.cause
        if self.circuit.reached(logged_in=self._relay.user is not None):
            self._on_circuit(self._relay, self.circuit, was)

    def shut_out(self, failure: NotSent, others: int) -> None:
        """A connection could not be had. Those that stand go on; a relay that refused one more has enough of them."""
        if others and failure.reply is not None and failure.reply.transient:
            self.width.at_most(others, self._clock.elapsed())
        elif failure.reason not in OURS:
            self._trip(cause_of(failure), why(failure), barred=False)

    def _went_wrong(self, attempt: Attempt, now: float) -> bool:
        """Whether that is so, and what follows from it."""
        if (reply := asks_for_less(attempt)) is not None:
            if not self.width.halve(now):
                self._trip(Cause.THROTTLED, said("relay", reply))
        elif isinstance(attempt, NotSent) and locks_out(attempt):
            self._trip(Cause.CREDENTIALS, why(attempt))
        elif breaks_off(attempt):
            if self.circuit.failed():
                self.width.at_most(1, now)
                self._trip(Cause.FAILING, attempt.reason)
        else:
            return False
        return True

    def _trip(self, cause: Cause, reason: str, *, barred: bool = True) -> None:
        """From now on nobody tries, for a while."""
        was = self.circuit.cause
        self.circuit.trip(cause, reason, self._clock.elapsed())
        self.proven = False
        self._barred = barred
        self._on_circuit(self._relay, self.circuit, was)
        if barred:
            self._on_barred()


def _all_taken(attempt: Attempt) -> bool:
    """The usual end, of which there is nothing more to learn."""
    if not isinstance(attempt, Answered) or attempt.data is None or attempt.data.code >= 300:
        return False
    for reply in attempt.recipients:  # noqa: SIM110  a generator for each mail costs more than the look
        if reply.code >= 300:
            return False
    return True
