"""How many mails of a pool may have leave to send while they wait for a connection.

A busy connection should not wait for a grant, and a mail with leave that waits is one in doubt after a crash: so as many
as the relay takes while a grant is under way. Where connections wait for mails with leave all the same, though there are
mails without, the relay could take more than it is given: then more of them, but never more than twice as many.
"""

from consumer.adapters.smtp.options import PoolLimits

MEASURED = 0.1
"""Seconds over which it is counted how many mails a relay takes."""


MUCH = 0.1
"""Part of the mails after which a connection waits for the next one, from which on there are too few ahead."""


class Ahead:
    """`number` of them, as of the last count."""

    def __init__(self, limits: PoolLimits, now: float) -> None:
        self.number = limits.ahead
        self._limits = limits
        self._grant = limits.grant
        self._spare = 1.0
        self._since = now
        self._served = 0
        self._starved = 0

    def granted(self, seconds: float) -> None:
        """Leave to send took so long."""
        self._grant += (seconds - self._grant) / 16

    def starved(self) -> None:
        """A connection has no next mail, though there are some that wait for leave."""
        self._starved += 1

    def served(self, now: float) -> bool:
        """A mail came to its end; says whether there is a new number."""
        self._served += 1
        passed = now - self._since
        if passed < MEASURED:
            return False
        limits = self._limits
        few = self._starved > MUCH * self._served
        self._spare = 2.0 if few else max(1.0, 0.97 * self._spare)
        number = round(self._spare * self._served / passed * max(limits.grant, self._grant))
        self.number = min(max(number, limits.ahead), max(limits.most_ahead, limits.ahead))
        self._since, self._served, self._starved = now, 0, 0
        return True
