"""Counting. Everything lies in a registry of its own, so that there can be several in one process."""

import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from consumer.adapters.metrics import table
from consumer.adapters.metrics.table import Metric
from consumer.adapters.metrics.tally import Count, Counts, Spread, Spreads
from consumer.core.attachment import Fetched, File, Gone, NoRoom, Refused
from consumer.core.attempt import Stage
from consumer.core.bounce_rate import Level
from consumer.core.circuit import Cause
from consumer.core.feedback import Heard
from consumer.core.outcome import Kind
from consumer.core.parking import Reason
from consumer.core.tenant import Unavailable


class Metrics:
    """One method for each thing that happens or stands somehow; `registry` is what /metrics serves."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = self._counters(table.REQUESTS)
        self._outcomes = self._counters(table.OUTCOMES)
        self.stages: Callable[[Sequence[Stage], Sequence[float]], None] = self._spreads(table.STAGES).observe
        """These stages of a conversation took so long each; where there are fewer seconds, it did not come to the others."""
        self._latency = self._histograms(table.LATENCY)
        self._in_flight = self._gauge(table.IN_FLIGHT)
        self._lag = self._gauge(table.LAG)
        self._assigned = self._gauge(table.ASSIGNED)
        self._ticks = self._counter(table.TICKS)
        self._tick_seconds = self._histogram(table.TICK_SECONDS)
        self._tick_records = self._histogram(table.TICK_RECORDS)
        self._connections = self._gauges(table.CONNECTIONS_OPEN)
        self._waiting = self._gauge(table.WAITING)
        self._circuits = self._gauges(table.CIRCUITS)
        self._circuit_openings = self._counters(table.CIRCUIT_OPENINGS)
        self._stalled = self._gauge(table.STALLED)
        self._loop_lag = self._histogram(table.LOOP_LAG)
        self._tenants_file_ok = self._gauge(table.TENANTS_FILE_OK)
        self._config_api_ok = self._gauge(table.CONFIG_API_OK)
        self._tenants = self._gauge(table.TENANTS)
        # Of the file and the API only one is there; the other is not broken.
        self._tenants_file_ok.set(1)
        self._config_api_ok.set(1)
        self._parked = self._gauges(table.PARKED)
        self._attachments = self._counters(table.ATTACHMENTS)
        self._attachment_seconds = self._histogram(table.ATTACHMENT_SECONDS)
        self._attachment_memory = self._gauge(table.ATTACHMENT_MEMORY)
        self._takeovers = self._counter(table.TAKEOVERS)
        self._counter(table.RESTARTS)  # always 0 here: the parent of workers counts
        self._feedback = self._counters(table.FEEDBACK)
        self._suppressions = self._gauge(table.SUPPRESSIONS)
        self._bouncing = self._gauges(table.BOUNCING)
        self._tell_build()

    def outcomes(self) -> Mapping[str, float]:
        """How many outcomes there were, by kind."""
        return {kind: count.value for kind, count in self._outcomes.items()}

    def requested(self, type_: str | None) -> None:
        """A record was taken; a type that is not ours, or none, counts as `other`."""
        count = self._requests.get(type_ or "") or self._requests[table.OTHER]
        count.value += 1

    def concluded(self, kind: Kind, seconds: float, *, waited: bool = False) -> None:
        """An outcome was committed, so many seconds after its request came to Kafka; `waited`: it was parked before."""
        self._outcomes[kind].value += 1
        self._latency["yes" if waited else "no"].observe(max(0.0, seconds))

    def ticked(self, seconds: float, records: int) -> None:
        """A transaction that wrote so many records was committed, after so long."""
        self._ticks.inc()
        self._tick_seconds.observe(seconds)
        self._tick_records.observe(records)

    def in_flight(self, requests: int) -> None:
        self._in_flight.set(requests)

    def lag(self, partition: int, records: int) -> None:
        self._lag.labels(str(partition)).set(records)

    def assigned(self, partitions: int) -> None:
        self._assigned.set(partitions)

    def given_back(self, partition: int) -> None:
        """The partition is another's now, and so is its lag."""
        with suppress(KeyError):  # it never had any
            self._lag.remove(str(partition))

    def pool(self, *, opened: int, busy: int, idle: int, waiting: int) -> None:
        """How the connections stand: all that are open, of these the busy and the idle, and mails that wait for one."""
        self._connections["busy"].set(busy)
        self._connections["idle"].set(idle)
        self._connections["opening"].set(max(0, opened - busy - idle))
        self._waiting.set(waiting)

    def circuit_opened(self, cause: Cause) -> None:
        """A relay failed, and is left alone for a while."""
        self._circuit_openings[cause].inc()

    def circuits(self, open_: Mapping[Cause, int]) -> None:
        """How many relays are left alone now; for a cause that is not named, none is."""
        for cause in Cause:
            self._circuits[cause].set(open_.get(cause, 0))

    def stalled(self, seconds: float) -> None:
        """For how long nothing got on."""
        self._stalled.set(seconds)

    def loop_lag(self, seconds: float) -> None:
        self._loop_lag.observe(seconds)

    def tenants_file(self, *, ok: bool, tenants: int) -> None:
        """Whether the newest file is in force, and how many tenants are."""
        self._tenants_file_ok.set(ok)
        self._tenants.set(tenants)

    def config_api(self, *, ok: bool, tenants: int) -> None:
        """Whether all that config-api was asked for is as it says, and how many tenants are known of it."""
        self._config_api_ok.set(ok)
        self._tenants.set(tenants)

    def parked(self, waiting: Mapping[Reason, int]) -> None:
        """How many requests wait now; for a reason that is not named, none do."""
        for reason in Reason:
            self._parked[reason].set(waiting.get(reason, 0))

    def heard(self, what: Heard) -> None:
        """A feedback event was dealt with."""
        self._feedback[what].inc()

    def suppressed(self, recipients: int) -> None:
        """How many recipients the lists know."""
        self._suppressions.set(recipients)

    def bouncing(self, levels: Mapping[Level, int]) -> None:
        """How many tenants bounce too much; for a level that is not named, none do."""
        for level, gauge in self._bouncing.items():
            gauge.set(levels.get(Level(level), 0))

    def attachment(self, file: File, seconds: float) -> None:
        """An attachment was fetched, or cannot be, after so long."""
        self._attachments[_came_of(file)].inc()
        self._attachment_seconds.observe(seconds)

    def attachment_memory(self, octets: int) -> None:
        self._attachment_memory.set(octets)

    def taken_over(self) -> None:
        self._takeovers.inc()

    def _counter(self, metric: Metric) -> Count:
        return self._counters(metric)[""]

    def _gauge(self, metric: Metric) -> Gauge:
        return Gauge(metric.name, metric.meaning, _labels(metric), registry=self.registry)

    def _histogram(self, metric: Metric) -> Spread:
        return self._histograms(metric)[""]

    def _counters(self, metric: Metric) -> Mapping[str, Count]:
        counts = Counts(metric)
        self.registry.register(counts)
        return counts.of

    def _gauges(self, metric: Metric) -> Mapping[str, Gauge]:
        parent = self._gauge(metric)
        return {value: parent.labels(value) for value in metric.values}

    def _histograms(self, metric: Metric) -> Mapping[str, Spread]:
        return self._spreads(metric).of

    def _spreads(self, metric: Metric) -> Spreads:
        spreads = Spreads(metric)
        self.registry.register(spreads)
        return spreads

    def _tell_build(self) -> None:
        build = Gauge(table.BUILD, "What runs here.", ("version", "python"), registry=self.registry)
        build.labels(own_version(), platform.python_version()).set(1)


def own_version() -> str:
    """The version of the installed package; in a bare checkout there is none."""
    try:
        return version("consumer")
    except PackageNotFoundError:
        return "unknown"


def _came_of(file: File) -> str:
    match file:
        case Fetched():
            return "fetched"
        case Gone():
            return "gone"
        case Refused(why):
            return why
        case Unavailable():
            return "unavailable"
        case NoRoom():
            return "no-room"


def _labels(metric: Metric) -> tuple[str, ...]:
    return (metric.label,) if metric.label else ()
