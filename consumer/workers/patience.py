"""When a worker that has ended is started again, and when that is given up."""

from collections.abc import Sequence

PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds before each start in a row. The first is at once: until the session times out, its partitions wait for it."""

STEADY = 60.0
"""Seconds after which a worker that ends counts as one that had worked."""


class Patience:
    """That with one worker."""

    def __init__(self, pauses: Sequence[float] = PAUSES) -> None:
        self._pauses = pauses
        self._in_a_row = 0

    def after(self, lasted: float) -> float | None:
        """Seconds to wait after it ended, having lasted so many; None: it cannot be kept going."""
        if lasted >= STEADY:
            self._in_a_row = 0
        if self._in_a_row >= len(self._pauses):
            return None
        self._in_a_row += 1
        return self._pauses[self._in_a_row - 1]
