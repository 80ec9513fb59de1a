"""Every metric: its name, what it says and what to do about it. `docs/metrics.md` is made of this.

Labels come from closed sets, never from a tenant, an address or an error's text. Each of
their values is there from the start, at 0, so that a rate over it is never "no data";
only partitions come and go.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import get_args

from consumer.core.attachment import Refusal
from consumer.core.attempt import Stage
from consumer.core.bounce_rate import Level
from consumer.core.circuit import Cause
from consumer.core.feedback import Heard
from consumer.core.outcome import Kind
from consumer.core.parking import Reason


class Form(StrEnum):
    """What Prometheus calls its type."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Across(StrEnum):
    """What the figures of several processes come to on one page (`--workers`)."""

    SUM = "added"
    LARGEST = "the largest"
    LEAST = "the least"
    EACH = "each its own"


@dataclass(frozen=True, slots=True)
class Metric:
    """A row of the table. `values` are those of the label; empty where they come and go.

    `second` is a second label with its values.
    `across` is about gauges: counters and histograms add.
    """

    name: str
    form: Form
    unit: str
    meaning: str
    to_do: str
    label: str | None = None
    values: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    second: tuple[str, tuple[str, ...]] | None = None
    across: Across = Across.EACH

    @property
    def merged(self) -> Across:
        """What becomes of it on a page of several processes."""
        return self.across if self.form is Form.GAUGE else Across.SUM


BUILD = "consumer_build_info"
KNOWN_TYPES = (
    "email.send-email.v1",
    "email.parked-command.v1",
    "email.send-test-email.v1",
    "email.validate-credentials.v1",
)
OTHER = "other"
CONNECTIONS = ("busy", "idle", "opening")

_STAGES = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600)
_WAITS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21_600, 86_400)
_TICKS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LAGS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SIZES = (1, 5, 10, 50, 100, 500, 1000)

REQUESTS = Metric(
    "consumer_requests_total",
    Form.COUNTER,
    "requests",
    "Requests that came to their end, by event type; what could not be decoded is `other`.",
    "None for long while producers send: look at readiness and assignment.",
    label="type",
    values=(*KNOWN_TYPES, OTHER),
)
OUTCOMES = Metric(
    "consumer_outcomes_total",
    Form.COUNTER,
    "outcomes",
    "Outcomes published, by ending.",
    "Many `rejected` or `invalid-*`: read `consumer outcomes --type`. `unknown`: a relay or link dropped after the body;"
    " ask the relay's log. `unknown-tenant`: look into the tenants file.",
    label="outcome",
    values=get_args(Kind),
)
STAGES = Metric(
    "consumer_send_stage_seconds",
    Form.HISTOGRAM,
    "seconds",
    "How long each stage of an SMTP conversation took.",
    "`connect` to `auth` slow: network or relay. `body` slow: the relay scans or is overloaded; fewer connections help.",
    label="stage",
    values=tuple(Stage),
    buckets=_STAGES,
)
LATENCY = Metric(
    "consumer_request_to_outcome_seconds",
    Form.HISTOGRAM,
    "seconds",
    "From the request's time in Kafka to its outcome; `waited` tells whether it was parked on its way (for a window,"
    " a retry, a dependency).",
    "`no` rising together with lag: too little room or too few connections. `no` rising alone: slow relays, see the stages."
    " `yes`: see what is parked, and why.",
    label="waited",
    values=("no", "yes"),
    buckets=_WAITS,
)
IN_FLIGHT = Metric(
    "consumer_in_flight",
    Form.GAUGE,
    "requests",
    "Requests under way in this process.",
    "At CONSUMER_WORK__IN_FLIGHT for long: relays are the limit, or that setting.",
)
LAG = Metric(
    "consumer_lag_records",
    Form.GAUGE,
    "records",
    "Records of a partition of ours that are not taken yet.",
    "Growing: more processes (at most one a partition), more connections, or a slower producer.",
    label="partition",
    across=Across.LARGEST,
)
ASSIGNED = Metric(
    "consumer_assigned_partitions",
    Form.GAUGE,
    "partitions",
    "Partitions that this process has taken over and works on.",
    "0 for long: more processes than partitions, or Kafka is away (see /readyz).",
)
TICKS = Metric(
    "consumer_ticks_total",
    Form.COUNTER,
    "transactions",
    "Transactions committed.",
    "None while requests come: the broker is away or fences us; see the log.",
)
TICK_SECONDS = Metric(
    "consumer_tick_seconds",
    Form.HISTOGRAM,
    "seconds",
    "How long a transaction took.",
    "Near CONSUMER_WORK__GRANT_LIFETIME: leave to send runs out before it is used; the brokers are slow.",
    buckets=_TICKS,
)
TICK_RECORDS = Metric(
    "consumer_tick_records",
    Form.HISTOGRAM,
    "records",
    "Records that a transaction wrote.",
    "Small ones at high load cost throughput; it is normal when little is going on.",
    buckets=_SIZES,
)
CONNECTIONS_OPEN = Metric(
    "consumer_pool_connections",
    Form.GAUGE,
    "connections",
    "Connections to relays, by what they do.",
    "All busy for long: raise CONSUMER_SMTP__CONNECTIONS_PER_RELAY where the relay allows it.",
    label="state",
    values=CONNECTIONS,
    across=Across.SUM,
)
WAITING = Metric(
    "consumer_pool_waiting",
    Form.GAUGE,
    "mails",
    "Mails that wait for a connection.",
    "High for long: as for busy connections.",
    across=Across.SUM,
)
CIRCUITS = Metric(
    "consumer_circuits_open",
    Form.GAUGE,
    "relays",
    "Relays, each with its user, that failed and are left alone for a while, by why. Their requests are parked.",
    "The log names relay and reason (`circuit opened`). `credentials`: its tenant has to mend them; new ones work at once."
    " `token`: the token endpoint is away. `throttled`: fewer connections, or a larger plan. Otherwise: ask its operator.",
    label="cause",
    values=tuple(Cause),
    across=Across.LARGEST,
)
CIRCUIT_OPENINGS = Metric(
    "consumer_circuit_openings_total",
    Form.COUNTER,
    "openings",
    "How often a relay began to be left alone, by why.",
    "Rising steadily: a relay that comes and goes. See the gauge.",
    label="cause",
    values=tuple(Cause),
)
STALLED = Metric(
    "consumer_stalled_seconds",
    Form.GAUGE,
    "seconds",
    "For how long the slowest partition has not got on, though it had something to do.",
    "Above CONSUMER_WORK__UNREADY_AFTER the process is not ready, above CONSUMER_WORK__EXIT_AFTER it ends: look at Kafka.",
)
LOOP_LAG = Metric(
    "consumer_event_loop_lag_seconds",
    Form.HISTOGRAM,
    "seconds",
    "By how much the event loop came too late, four times a second.",
    "Above a third of CONSUMER_KAFKA__SESSION_TIMEOUT partitions get lost: something blocks, or the CPU is throttled.",
    buckets=_LAGS,
)
TENANTS_FILE_OK = Metric(
    "consumer_tenants_file_ok",
    Form.GAUGE,
    "1 or 0",
    "Whether the newest tenants file is the one in force.",
    "0: the newest is broken and the one before is in force; the log names each place, and so does `consumer check`.",
    across=Across.LEAST,
)
CONFIG_API_OK = Metric(
    "consumer_config_api_ok",
    Form.GAUGE,
    "1 or 0",
    "Whether config-api answers, and every tenant that it was asked for is as it says.",
    "0: it is away, or answers what cannot be used (the log names the places); what was known before is in force.",
    across=Across.LEAST,
)
TENANTS = Metric(
    "consumer_tenants",
    Form.GAUGE,
    "tenants",
    "Tenants in force.",
    "A sudden drop: somebody has deployed a shorter file. With config-api, those asked for so far.",
    across=Across.LARGEST,
)
PARKED = Metric(
    "consumer_parked",
    Form.GAUGE,
    "requests",
    "Requests that wait in partitions of ours, by why.",
    "`window`: the tenant's limit. `retry`, `relay-circuit`: its relay. `*-unavailable`: that dependency is down."
    " `attachment-room`: CONSUMER_ATTACHMENTS__MEMORY is in use."
    " `not-allowed`: a tenant's relay is at no public address; see CONSUMER_NETWORK__ALLOW and `consumer check --online`.",
    label="reason",
    values=tuple(Reason),
    across=Across.SUM,
)
ATTACHMENTS = Metric(
    "consumer_attachments_total",
    Form.COUNTER,
    "files",
    "Attachments that were asked for, by what came of it.",
    "`unavailable`: their hosts fail or are slow. `no-room`: CONSUMER_ATTACHMENTS__MEMORY was in use; they come again."
    " `not-allowed`: at no public address or web port; see CONSUMER_NETWORK__ALLOW.",
    label="result",
    values=("fetched", "gone", *Refusal, "unavailable", "no-room"),
)
ATTACHMENT_SECONDS = Metric(
    "consumer_attachment_seconds",
    Form.HISTOGRAM,
    "seconds",
    "How long it took to fetch an attachment, or to find that it cannot be had.",
    "Rising: hosts of attachments are slow; their tenants' requests take room meanwhile.",
    buckets=_STAGES,
)
ATTACHMENT_MEMORY = Metric(
    "consumer_attachment_memory_octets",
    Form.GAUGE,
    "octets",
    "Memory that attachments take in this process, as it is reckoned.",
    "Near CONSUMER_ATTACHMENTS__MEMORY for long: requests are parked as `attachment-room`; more memory, or more processes.",
)
TAKEOVERS = Metric(
    "consumer_takeovers_total",
    Form.COUNTER,
    "takeovers",
    "Partitions taken over.",
    "Rising all the time: members come and go, or two processes share a CONSUMER_KAFKA__GROUP_INSTANCE_ID.",
)
RESTARTS = Metric(
    "consumer_worker_restarts_total",
    Form.COUNTER,
    "processes",
    "Worker processes that ended by themselves and were started again; 0 without `--workers`.",
    "The log has `worker ended` with number and exit code. Killed (137): memory; see CONSUMER_WORK__WORKERS.",
)
FEEDBACK = Metric(
    "consumer_feedback_total",
    Form.COUNTER,
    "events",
    "Feedback events dealt with, by what became of them.",
    "`unusable`: the log names place and rule; tokens that the vault does not know, and digests of another key, count here."
    " `no-lesson`: bounces for policy or for now, which never suppress.",
    label="feedback",
    values=tuple(Heard),
)
SUPPRESSIONS = Metric(
    "consumer_suppressions",
    Form.GAUGE,
    "recipients",
    "Recipients that the suppression lists of partitions of ours know, those below a threshold included.",
    "A steep rise: a relay or a provider of feedback calls good recipients bad; `consumer suppressions list`.",
    across=Across.SUM,
)
BOUNCING = Metric(
    "consumer_bouncing_tenants",
    Form.GAUGE,
    "tenants",
    "Tenants of partitions of ours whose bounce rate of the last 24 hours is too high.",
    "The log names the tenant. It writes to bad addresses: relays will refuse its mail, and perhaps everybody's."
    " `on_bounce_rate: hold` has a critical one's requests wait.",
    label="level",
    values=(Level.WARNING, Level.CRITICAL),
    across=Across.SUM,
)

TABLE: tuple[Metric, ...] = (
    REQUESTS,
    OUTCOMES,
    STAGES,
    LATENCY,
    IN_FLIGHT,
    LAG,
    ASSIGNED,
    TICKS,
    TICK_SECONDS,
    TICK_RECORDS,
    CONNECTIONS_OPEN,
    WAITING,
    CIRCUITS,
    CIRCUIT_OPENINGS,
    STALLED,
    LOOP_LAG,
    TENANTS_FILE_OK,
    CONFIG_API_OK,
    TENANTS,
    PARKED,
    ATTACHMENTS,
    ATTACHMENT_SECONDS,
    ATTACHMENT_MEMORY,
    TAKEOVERS,
    RESTARTS,
    FEEDBACK,
    SUPPRESSIONS,
    BOUNCING,
)

_HEAD = """# Metrics

Served at `/metrics`. Besides these: `consumer_build_info{version, python}`, always 1, and prometheus-client's
`process_*` (memory, CPU, open files). Labels come from closed sets and are there from the start, at 0.

With `--workers`, one page tells of all processes. Counters and histograms add; what several gauges come to is in the column
`of several`. What is each one's own has the label `worker` (its number, or `parent`), and so has `process_*`. What a process
had counted stays in the sums when it ends, but for its last second if it was killed.

This page is made from the code: `consumer reference metrics > docs/metrics.md`.

"""
_COLUMNS = ("metric", "type", "unit", "labels", "of several", "what it says", "what to do")
_OF_SEVERAL = _COLUMNS.index("of several")
_OF_CALLS = """
## Of `consumer ingress`

Served by that process, on `CONSUMER_HTTP__PORT` and not on the port of its calls. Besides these:
`consumer_ingress_build_info{version, python}`, always 1, and `process_*`.

"""


def reference(of_calls: Iterable[Metric]) -> str:
    """docs/metrics.md: this table, and that of the HTTP API."""
    ours = [_COLUMNS, ["---"] * len(_COLUMNS), *_rows(TABLE)]
    calls = [_COLUMNS, ["---"] * len(_COLUMNS), *_rows(of_calls)]  # of which no process has several
    alone = [[*row[:_OF_SEVERAL], *row[_OF_SEVERAL + 1 :]] for row in calls]
    return _HEAD + "".join(map(_line, ours)) + _OF_CALLS + "".join(map(_line, alone))


def _line(cells: Sequence[str]) -> str:
    return f"|{'|'.join(cells)}|\n" if set(cells) == {"---"} else f"| {' | '.join(cells)} |\n"


def _rows(metrics: Iterable[Metric]) -> Iterator[Sequence[str]]:
    for metric in metrics:
        of_several = metric.merged
        yield f"`{metric.name}`", metric.form, metric.unit, _labels(metric), of_several, metric.meaning, metric.to_do


def _labels(metric: Metric) -> str:
    named = [(metric.label, metric.values)] if metric.label else []
    return "; ".join(_label(name, values) for name, values in (*named, *([metric.second] if metric.second else [])))


def _label(name: str, values: tuple[str, ...]) -> str:
    return f"`{name}`{': ' if values else ''}{', '.join(f'`{value}`' for value in values)}"
