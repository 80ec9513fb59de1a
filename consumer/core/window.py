"""A tenant's windows: exact sliding logs of what was sent.

A slot is taken when a send is admitted, counts from the relay's reply, and comes back only if the mail was
provably not sent. It counts from the reply and not from the admission: only so does no window, as the relay
sees it, hold more than its limit (counted from the grant, a prototype exceeded 21 of them).
"""

from bisect import insort
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from consumer.core.tenant import Limit


@dataclass(frozen=True, slots=True)
class Full:
    """No slot now. `until` is when one will be free (seconds since the epoch); None: when a send ends."""

    until: float | None


@dataclass(slots=True)
class _Log:
    """The sends of the last `per` seconds, in one unit."""

    per: float
    sends: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])
    total: int = 0

    def insert(self, send: tuple[float, int]) -> None:
        """One that is older than the newest."""
        ordered = list(self.sends)
        insort(ordered, send)
        self.sends = deque(ordered)

    def expire(self, now: float) -> None:
        # A send at t leaves the window at t + per, not before: the half-open window [start, start + per).
        while self.sends and self.sends[0][0] + self.per <= now:
            self.total -= self.sends.popleft()[1]

    def frees(self, units: int) -> float | None:
        """When so many units will have left it; None if it never held as many."""
        for at, sent in self.sends:
            units -= sent
            if units <= 0:
                return at + self.per
        return None


class Windows:
    """All windows of one tenant."""

    def __init__(self, longest: float) -> None:
        """Keep the sends of the last `longest` seconds, so that a limit that is new can be counted back."""
        self._history = _Log(longest)
        self._logs: dict[tuple[float, str], _Log] = {(longest, "recipients"): self._history}
        self._taken: dict[int, int] = {}  # by home offset: recipients of a send that has no reply yet

    def take(self, key: int, recipients: int, limits: Iterable[Limit], now: float) -> Full | None:
        """Take a slot for the send `key`, or say until when there is none. A key that has one keeps it."""
        if key in self._taken:
            return None
        for limit in limits:
            if self.used(limit, now) + (1 if limit.unit == "messages" else recipients) > limit.count:
                return self._fullest(limits, recipients, now)
        self._taken[key] = recipients
        return None

    def give_back(self, key: int) -> None:
        """The mail was provably not sent."""
        self._taken.pop(key, None)

    def sent(self, key: int | None, recipients: int, at: float) -> None:
        """The relay replied at `at` (or nobody knows): from now on the slot counts from there."""
        if key is not None:
            recipients = self._taken.pop(key, recipients)
        send = (at, recipients)
        for (_, unit), log in self._logs.items():
            counted = send if recipients == 1 else _counted(send, unit)
            if log.sends and at < log.sends[-1][0]:
                log.insert(counted)
            else:
                log.sends.append(counted)
            log.total += counted[1]

    def free(self, limits: Iterable[Limit], now: float) -> int:
        """How many more sends to one recipient each would be admitted now."""
        return min((max(0, limit.count - self.used(limit, now)) for limit in limits), default=1_000_000)

    def next_free(self, limits: Iterable[Limit], now: float) -> float | None:
        """When the next send to one recipient would be admitted; None: when a send ends."""
        full = self._fullest(limits, 1, now)
        return now if full is None else full.until

    def idle(self, now: float) -> bool:
        """Whether nothing in here counts any more."""
        self._history.expire(now)
        return not self._taken and not self._history.sends

    def _fullest(self, limits: Iterable[Limit], recipients: int, now: float) -> Full | None:
        """The window that is full for longest, if one is."""
        full = [full for limit in limits if (full := self._full(limit, recipients, now)) is not None]
        return max(full, key=lambda one: inf if one.until is None else one.until, default=None)

    def _full(self, limit: Limit, recipients: int, now: float) -> Full | None:
        units = 1 if limit.unit == "messages" else recipients
        excess = self.used(limit, now) + units - limit.count
        if excess <= 0:
            return None
        return Full(self._log(limit).frees(excess))

    def used(self, limit: Limit, now: float) -> int:
        """How much of that window is taken: what counts in it, and sends that have no reply yet."""
        log = self._logs.get((limit.per, limit.unit)) or self._log(limit)
        if log.sends and log.sends[0][0] + log.per <= now:
            log.expire(now)
        return log.total + (len(self._taken) if limit.unit == "messages" else sum(self._taken.values()))

    def _log(self, limit: Limit) -> _Log:
        log = self._logs.get((limit.per, limit.unit))
        if log is None:
            log = self._logs[limit.per, limit.unit] = _Log(limit.per)
            for send in self._history.sends:
                counted = _counted(send, limit.unit)
                log.sends.append(counted)
                log.total += counted[1]
        return log


def _counted(send: tuple[float, int], unit: str) -> tuple[float, int]:
    """The same value for most mails, of which there are millions."""
    return send if unit != "messages" or send[1] == 1 else (send[0], 1)
