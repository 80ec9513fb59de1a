"""When to try again: delays that grow, with full jitter."""

from collections.abc import Sequence

MINUTE = 60.0
HOUR = 3600.0

LADDER: tuple[float, ...] = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR)
"""Seconds before each next attempt; RFC 5321, 4.5.4.1 asks for at least 30 minutes between later ones."""


def next_attempt(ladder: Sequence[float], attempts: int, *, now: float, jitter: float) -> float:
    """When to try again after `attempts` attempts; the last rung repeats. `jitter` is in [0, 1].

    Full jitter: anywhere between now and the rung, so that what failed at once does not come back at once.
    """
    rung = ladder[min(max(attempts, 1), len(ladder)) - 1]
    return now + max(1.0, rung * jitter)
