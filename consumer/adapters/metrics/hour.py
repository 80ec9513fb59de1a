"""The outcomes of the last hour, minute by minute: sampled from the counters, so that counting costs nothing more."""

from collections import deque
from collections.abc import Mapping

MINUTES = 60


class Hour:
    """What the counters went up by in each of the last minutes."""

    def __init__(self) -> None:
        self._minutes: deque[dict[str, int]] = deque(maxlen=MINUTES)
        self._minute = 0
        self._before: Mapping[str, float] = {}

    def sample(self, now: float, totals: Mapping[str, float]) -> None:
        """The counters as they stand at `now` (seconds since the epoch); to be told every few seconds."""
        minute = int(now // 60)
        for _ in range(min(minute - self._minute, MINUTES)) if self._minutes else range(1):
            self._minutes.append({})
        self._minute = max(self._minute, minute)
        latest = self._minutes[-1]
        for kind, total in totals.items():
            risen = int(total - self._before.get(kind, 0.0))
            if risen:
                latest[kind] = latest.get(kind, 0) + risen
        self._before = dict(totals)

    def minutes(self) -> tuple[Mapping[str, int], ...]:
        """The oldest first; the last is the one that is not over yet."""
        return tuple(dict(minute) for minute in self._minutes)
