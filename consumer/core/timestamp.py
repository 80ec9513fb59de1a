"""Times on the wire: RFC 3339, always with an offset."""

import re
from datetime import UTC, datetime
from functools import lru_cache

_RFC3339 = re.compile(
    r"[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
_FIRST, _LAST = -62_135_596_800.0, 253_402_300_799.0  # of the years 1 and 9999, that datetime knows


def parse_timestamp(text: str) -> float | None:
    """Seconds since the epoch, or None for what is no time or has no offset."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:  # no such day: the 30th of February
        return None


def format_timestamp(seconds: float) -> str:
    """The same the other way round, in UTC and to the millisecond; what no calendar has is its last or first day."""
    if not _FIRST <= seconds <= _LAST:
        seconds = min(max(seconds, _FIRST), _LAST)
    milli = round(seconds * 1_000_000) // 1000
    return f"{_second(milli // 1000)}.{milli % 1000:03}Z"


@lru_cache(maxsize=16)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()[:19]
