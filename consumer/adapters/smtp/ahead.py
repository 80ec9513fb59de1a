"""How many mails of a pool may have leave to send while they wait for a connection.

A busy connection should not wait for a grant, and a mail with leave that waits is one in doubt after a crash: so as many
as the relay takes while a grant is under way. That number follows from itself, and would creep towards what the relay
can take: where connections wait for mails with leave it is half as many again, and twice as many as long as each measure
shows that the relay takes more than before.
"""

from consumer.adapters.smtp.options import PoolLimits

MEASURED = 0.2
"""Seconds over which it is counted how many mails a relay takes."""


MUCH = 0.1
"""Part of the mails after which a connection waits for the next one, from which on there are too few ahead."""

MORE = 1.25
"""Times as many mails as lately, from which on a relay takes more than it did."""


class Ahead:
    """`number` of them, as of the last count."""

    def __init__(self, limits: PoolLimits, now: float) -> None:
        self.number = limits.ahead
        self._limits = limits
        self._grant = limits.grant
        self._rate = 0.0
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
        limits, rate = self._limits, self._served / passed
        times = 1.0 if self._starved <= MUCH * self._served else 2.0 if rate > MORE * self._rate else 1.5
        number = round(times * max(rate, self._rate) * max(limits.grant, self._grant))
        self.number = min(max(number, limits.ahead), max(limits.most_ahead, limits.ahead))
        self._rate += (rate - self._rate) / 4
        self._since, self._served, self._starved = now, 0, 0
        return True
