"""Lengths of time as people write them: `30s`, `5m`, `24h`, `7d`, or a number of seconds."""

import re

_TEXT = re.compile(r"(\d{1,10}(?:\.\d{1,6})?)\s*(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 10 * 366 * 86400.0

DURATION_RULE = "must be a length of time such as 30s, 5m, 24h or 7d, more than nothing and at most ten years"


def parse_duration(text: str) -> float | None:
    """The seconds, or None for what is no positive length of time."""
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        return None
    return bounded(float(found[1]) * _SECONDS[found[2] or "s"])


def bounded(seconds: float) -> float | None:
    """The same seconds, or None where nobody can have meant them (also for NaN)."""
    return seconds if 0 < seconds <= _LONGEST else None
