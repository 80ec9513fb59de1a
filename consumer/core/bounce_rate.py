"""How much of a tenant's mail bounces: recipients and bounces of the last 24 hours, by the hour."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

_HOUR = 3600
_HOURS = 24


class Level(StrEnum):
    """How bad it is. A closed set: metrics use it as a label."""

    FINE = "fine"
    WARNING = "warning"
    CRITICAL = "critical"


class BounceRates:
    """The rates of all tenants of one home partition."""

    def __init__(self, *, least: int, warning: float, critical: float) -> None:
        """`least` is how many recipients there must have been before a rate says anything."""
        self._least = least
        self._warning = warning
        self._critical = critical
        self._sent: dict[str, Counter[int]] = {}
        self._bounced: dict[str, Counter[int]] = {}

    def sent(self, tenant: str, recipients: int, at: float) -> None:
        """A relay has decided about so many recipients."""
        self._sent.setdefault(tenant, Counter())[int(at) // _HOUR] += recipients

    def bounced(self, tenant: str, at: float, *, times: int = 1) -> None:
        """Mail to a recipient came back; a negative number takes back what was said before."""
        self._bounced.setdefault(tenant, Counter())[int(at) // _HOUR] += times

    def level(self, tenant: str, now: float) -> Level:
        """How bad the tenant's last 24 hours were."""
        bounced = _total(self._bounced.get(tenant), now)
        sent = max(bounced, _total(self._sent.get(tenant), now))
        if not bounced or sent < self._least or bounced < self._warning * sent:
            return Level.FINE
        return Level.CRITICAL if bounced >= self._critical * sent else Level.WARNING

    def levels(self, now: float) -> dict[str, Level]:
        """The tenants that are not fine."""
        found = ((tenant, self.level(tenant, now)) for tenant in self._bounced)
        return {tenant: level for tenant, level in found if level is not Level.FINE}

    def tidy(self, now: float) -> None:
        """Forget what counts no more."""
        for hours in (self._sent, self._bounced):
            for tenant in list(hours):
                _drop(hours[tenant], (hour for hour in list(hours[tenant]) if not _counts(hour, now)))
                if not hours[tenant]:
                    del hours[tenant]


def next_hour(now: float) -> float:
    """When a rate may have changed by itself."""
    return float((int(now) // _HOUR + 1) * _HOUR)


def _total(hours: Counter[int] | None, now: float) -> int:
    return 0 if hours is None else sum(number for hour, number in hours.items() if _counts(hour, now))


def _counts(hour: int, now: float) -> bool:
    return hour > int(now) // _HOUR - _HOURS


def _drop(hours: Counter[int], gone: Iterable[int]) -> None:
    for hour in gone:
        del hours[hour]
