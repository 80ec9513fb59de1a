"""How many mails of a pool may have leave to send while they wait for a connection.

A busy connection should not wait for a grant, and a mail with leave that waits is one in doubt after a crash: so as many
as the relay takes while a grant is under way. That number follows from itself, and would creep towards what the relay
can take: where connections wait for mails with leave it is half as many again, for grants come in gusts, and less only
by and by; and twice as many as long as each measure shows that the relay takes more than before. Where as many
connections waited as mails were ahead, the number itself doubles, and a measure lasts only as long as a grant: sooner
nothing can be seen of it.
"""

from consumer.adapters.smtp.options import PoolLimits

MEASURED = 0.2
"""Seconds over which it is counted how many mails a relay takes."""

MUCH = 0.1
"""Part of the mails after which a connection waits for the next one, from which on there are too few ahead."""

MORE = 1.25
"""Times as many mails as lately, from which on a relay takes more than it did."""

SPARE = 0.5
"""Part of them that is added where connections wait."""

LESS = 0.02
"""By so much that part shrinks with each measure in which none does."""

MOST = 4
"""Times as many as are taken, beyond which a number does not double: mails with leave would wait for long."""


class Ahead:
    """`number` of them, as of the last count."""

    def __init__(self, limits: PoolLimits, now: float) -> None:
        self.number = limits.ahead
        self._limits = limits
        self._most = max(limits.most_ahead, limits.ahead)
        self._grant = limits.grant
        self._rate = 0.0
        self._spare = 0.0
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
        if passed < MEASURED and (passed < self._grant or self._starved < self.number):
            return False
        self.number = min(max(self._wanted(self._served / passed), self._limits.ahead), self._most)
        self._rate += (self._served / passed - self._rate) / 4
        self._since, self._served, self._starved = now, 0, 0
        return True

    def _wanted(self, rate: float) -> int:
        taken = max(rate, self._rate) * max(self._limits.grant, self._grant)
        if self._starved <= MUCH * self._served:
            self._spare = max(0.0, self._spare - LESS)
        else:
            self._spare = SPARE
            if rate > MORE * self._rate:
                twice = 2 * self.number if self._starved >= self.number else 0
                return round(max(2 * taken, min(twice, MOST * taken)))
        return round((1 + self._spare) * taken)
