"""What is measured of `consumer ingress`: its calls, by closed sets of labels, and how it gets on with Kafka."""

import platform
from collections.abc import Iterable
from typing import Literal, TypeAlias

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from consumer.adapters.metrics.registry import own_version
from consumer.adapters.metrics.table import OTHER, Form, Metric
from consumer.adapters.metrics.tally import Count, Counts, Spreads
from consumer.core.attribute import SEND_EMAIL, SEND_TEST_EMAIL, VALIDATE_CREDENTIALS

Unpublished: TypeAlias = Literal["kafka-away", "no-answer", "too-large"]
"""Why a call did not become a request."""

OPERATIONS = (SEND_EMAIL, SEND_TEST_EMAIL, VALIDATE_CREDENTIALS)
STATUSES = (
    *("200", "202", "400", "404", "405", "408", "409", "410", "413", "415", "422", "424", "429"),
    *("500", "502", "503", "504"),
)

ANSWERS = Metric(
    "consumer_ingress_calls_total",
    Form.COUNTER,
    "calls",
    "Calls answered, by what was asked for and the status of the answer; `other` is a path that does not exist.",
    "`202` rising: outcomes take longer than CONSUMER_INGRESS__WAIT; look at the consumers. `503`: see the publish errors"
    " and the calls in flight. `400`, `415`: a caller is broken. `500`: a fault of ours; the log has it.",
    label="operation",
    values=(*OPERATIONS, OTHER),
    second=("status", (*STATUSES, OTHER)),
)
ANSWER_SECONDS = Metric(
    "consumer_ingress_call_seconds",
    Form.HISTOGRAM,
    "seconds",
    "From the head of a call to its answer: its body, Kafka, and the wait for the outcome.",
    "At CONSUMER_INGRESS__WAIT: the answer is 202. Rising below that: consumers or relays are slow; see request to outcome.",
    label="operation",
    values=(*OPERATIONS, OTHER),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
CALLS_IN_FLIGHT = Metric(
    "consumer_ingress_in_flight",
    Form.GAUGE,
    "calls",
    "Calls under way in this process.",
    "Near the room for long: more processes, or a larger CONSUMER_INGRESS__IN_FLIGHT.",
)
ROOM = Metric(
    "consumer_ingress_room",
    Form.GAUGE,
    "calls",
    "How many calls may be under way in this process: CONSUMER_INGRESS__IN_FLIGHT. Beyond, the answer is 503.",
    "None: it is what the calls in flight are held against.",
)
PUBLISH_ERRORS = Metric(
    "consumer_ingress_publish_errors_total",
    Form.COUNTER,
    "calls",
    "Calls whose request Kafka did not confirm, by why. Each was answered with 503, or with 413 if it was too large.",
    "`kafka-away`, `no-answer`: look at the brokers and at the network between. `too-large`: a caller wants more than a"
    " record may hold; attachments are better named by URL.",
    label="why",
    values=("kafka-away", "no-answer", "too-large"),
)

CALLS: tuple[Metric, ...] = (ANSWERS, ANSWER_SECONDS, CALLS_IN_FLIGHT, ROOM, PUBLISH_ERRORS)


class CallMetrics:
    """One method for each thing that happens to a call; `registry` is what /metrics serves."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._answers, self._seconds, self._unpublished = _Answers(), Spreads(ANSWER_SECONDS), Counts(PUBLISH_ERRORS)
        for collector in (self._answers, self._seconds, self._unpublished):
            self.registry.register(collector)
        self._in_flight = Gauge(CALLS_IN_FLIGHT.name, CALLS_IN_FLIGHT.meaning, registry=self.registry)
        self._room = Gauge(ROOM.name, ROOM.meaning, registry=self.registry)
        build = Gauge("consumer_ingress_build_info", "What runs here.", ("version", "python"), registry=self.registry)
        build.labels(own_version(), platform.python_version()).set(1)

    def answered(self, operation: str | None, status: int, seconds: float) -> None:
        """A call was answered, after so long; an operation that is not ours, or none, counts as `other`."""
        named = operation if operation in OPERATIONS else OTHER
        self._answers.of[named, str(status) if str(status) in STATUSES else OTHER].inc()
        self._seconds.of[named].observe(seconds)

    def in_flight(self, calls: int) -> None:
        self._in_flight.set(calls)

    def room(self, calls: int) -> None:
        """How many may be under way."""
        self._room.set(calls)

    def unpublished(self, why: Unpublished) -> None:
        """Kafka did not confirm a request."""
        self._unpublished.of[why].inc()


class _Answers(Collector):
    """The counter with two labels."""

    def __init__(self) -> None:
        self.of = {(operation, status): Count() for operation in ANSWERS.values for status in (*STATUSES, OTHER)}

    @override
    def collect(self) -> Iterable[CounterMetricFamily]:
        family = CounterMetricFamily(ANSWERS.name, ANSWERS.meaning, labels=["operation", "status"])
        for labels, count in self.of.items():
            family.add_metric(labels, count.value)
        yield family
