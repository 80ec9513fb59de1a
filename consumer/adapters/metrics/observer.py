"""Where telemetry hangs: every ending and every tick passes here once, as values."""

from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from consumer.adapters.metrics.registry import Metrics
from consumer.core.bounce_rate import Level
from consumer.core.ending import Again, Concluded, Ending, Forwarded, Later, Ordered, Skipped
from consumer.core.feedback import Heard
from consumer.core.outcome import kind_of
from consumer.core.parking import QUEUED, Reason
from consumer.core.record import Coordinates
from consumer.core.tick import Tick

Tell = Callable[[str, int, int, float], None]
"""Outcome, partition, offset, seconds."""

_log = structlog.stdlib.get_logger("consumer.requests")

# A queue that moves up parks and goes on all the time; what went wrong is for people to see. Of a circuit the
# transport tells, once and not for each request.
_LEVELS = {Reason.NOT_ALLOWED: "warning"} | dict.fromkeys(QUEUED | {Reason.CIRCUIT}, "debug")


def _why(later: Later) -> dict[str, float | str]:
    progress = later.progress
    return {"due": later.due, "attempt": progress.attempts, "last_reason": progress.last_reason}


class Telemetry:
    """The port `Observer`: metrics, and one log line for each ending, with coordinates and without anybody's data."""

    def __init__(self, metrics: Metrics, tell: Tell) -> None:
        """`tell` writes the line of a request that has its outcome."""
        self._metrics = metrics
        self._tell = tell
        self._levels: dict[str, Level] = {}

    def ended(self, at: Coordinates, ending: Ending, seconds: float, *, waited: bool) -> None:
        """The request there ended, so many seconds after it came to Kafka, or waits."""
        match ending:
            case Concluded():
                subject, kind = ending.subject, kind_of(ending.outcome)
                self._metrics.requested(subject.type)
                self._metrics.concluded(kind, seconds, waited=waited)
                self._tell(kind, subject.at.partition, subject.at.offset, seconds)
            case Later(reason):
                tell = getattr(_log, _LEVELS.get(reason, "info"))
                tell("parked", reason=reason.value, partition=at.partition, offset=at.offset, **_why(ending))
            case Forwarded(home):
                _log.debug("forwarded", partition=at.partition, offset=at.offset, home=home)
            case Skipped() | Again() | Ordered():
                pass

    def heard(self, at: Coordinates, what: Heard, errors: tuple[str, ...] = ()) -> None:
        """The feedback there was dealt with."""
        self._metrics.heard(what)
        if what is Heard.UNUSABLE:
            _log.warning("feedback cannot be used", partition=at.partition, offset=at.offset, errors=list(errors))

    def bouncing(self, levels: Mapping[str, Level]) -> None:
        """The tenants whose mail bounces too much: counted each time, told when that changes."""
        self._metrics.bouncing(Counter(levels.values()))
        for tenant in self._levels.keys() | levels.keys():
            now = levels.get(tenant, Level.FINE)
            if now is not self._levels.get(tenant, Level.FINE):
                tell = _log.info if now is Level.FINE else _log.warning
                tell("bounce rate", tenant=tenant, state=now.value)
        self._levels = dict(levels)

    def ticked(self, tick: Tick, seconds: float) -> None:
        """A tick was committed."""
        self._metrics.ticked(seconds, tick.size)

    def opened(self, partition: int, position: int, parked: int) -> None:
        """A partition was taken over."""
        self._metrics.taken_over()
        _log.info("partition opened", partition=partition, position=position, parked=parked)

    def lost(self, partition: int, reason: str) -> None:
        """The journal of a partition has to be opened anew."""
        _log.warning("partition closed", partition=partition, reason=reason)
