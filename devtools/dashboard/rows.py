"""What the dashboard shows: from what users notice to what causes it."""

from consumer.adapters.metrics import calls, table
from consumer.adapters.metrics.table import Form, Metric
from devtools.dashboard.panel import GREEN, RED, YELLOW, Panel, Steps


def _number(title: str, query: str, about: Metric, unit: str = "short", steps: Steps = (), more: str = "") -> Panel:
    return Panel(title, ((query, ""),), (about,), unit, "stat", 3, 4, steps=steps, more=more)


def _quantile(which: str, metric: Metric, by: str = "") -> str:
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({which}, sum by ({labels}) (rate({metric.name}_bucket{{@}}[$__rate_interval])))"


def _mean(metric: Metric) -> str:
    total, count = (f"sum(rate({metric.name}_{part}{{@}}[$__rate_interval]))" for part in ("sum", "count"))
    return f"{total} / {count}"


def unplaced(metric: Metric) -> Panel:
    """A panel for a metric that nobody has given a place yet."""
    by, legend = (f"by ({metric.label}) ", f"{{{{{metric.label}}}}}") if metric.label else ("", "")
    queries = {
        Form.COUNTER: f"sum {by}(rate({metric.name}{{@}}[$__rate_interval]))",
        Form.GAUGE: f"sum {by}({metric.name}{{@}})",
        Form.HISTOGRAM: _quantile("0.99", metric, metric.label or ""),
    }
    title = metric.name.removeprefix("consumer_").removesuffix("_total").replace("_", " ").capitalize()
    return Panel(title, ((queries[metric.form], legend),), (metric,), "s" if metric.unit == "seconds" else "short")


_EACH = "{{instance}} {{worker}}"  # the second only with --workers
_FIRING = Panel(
    "Firing alerts",
    (('count by (alertname, severity) (ALERTS{alertname=~"EmailConsumer.*", alertstate="firing"}) or vector(0)', ""),),
    kind="table",
    width=24,
    height=5,
    more="Each has a page in docs/runbooks/.",
)

ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Now",
        (
            _number("Requests", f"sum(rate({table.REQUESTS.name}{{@}}[$__rate_interval]))", table.REQUESTS, "reqps"),
            _number(
                "Late (1 h)",
                "max(job:consumer_not_prompt:ratio_rate1h{@})",
                table.LATENCY,
                "percentunit",
                ((None, GREEN), (0.01, YELLOW), (0.06, RED)),
                "Requests that need not wait and had no outcome within 10 s. The objective is 1 % in 30 days.",
            ),
            _number(
                "Standing still (1 h)",
                "max(job:consumer_standing_still:ratio1h{@})",
                table.STALLED,
                "percentunit",
                ((None, GREEN), (0.001, YELLOW), (0.006, RED)),
                "The part of the time in which a partition made no progress. The objective is 0.1 % in 30 days.",
            ),
            _number("Lag", f"sum({table.LAG.name}{{@}})", table.LAG),
            _number("Parked", f"sum({table.PARKED.name}{{@}})", table.PARKED),
            _number(
                "Unknown (24 h)",
                f'sum(increase({table.OUTCOMES.name}{{@, outcome="unknown"}}[24h]))',
                table.OUTCOMES,
                steps=((None, GREEN), (1, YELLOW)),
            ),
            _number(
                "Expired (24 h)",
                f'sum(increase({table.OUTCOMES.name}{{@, outcome="expired"}}[24h]))',
                table.OUTCOMES,
                steps=((None, GREEN), (1, YELLOW)),
            ),
            _number(
                "Partitions",
                f"sum({table.ASSIGNED.name}{{@}})",
                table.ASSIGNED,
                steps=((None, RED), (1, GREEN)),
                more="All of them, as many as the request topic has: otherwise some are nobody's.",
            ),
            _FIRING,
        ),
    ),
    (
        "What users notice",
        (
            Panel(
                "Outcomes a second",
                ((f"sum by (outcome) (rate({table.OUTCOMES.name}{{@}}[$__rate_interval])) > 0", "{{outcome}}"),),
                (table.OUTCOMES,),
                "ops",
                stacked=True,
            ),
            Panel(
                "Request to outcome, without waiting",
                tuple(
                    (_quantile(q, table.LATENCY).replace("@", '@, waited="no"'), f"p{q[2:]:0<2}")
                    for q in ("0.5", "0.99")
                ),
                (table.LATENCY,),
                "s",
                steps=((None, GREEN), (10, RED)),
            ),
            Panel(
                "Request to outcome, parked on the way",
                tuple(
                    (_quantile(q, table.LATENCY).replace("@", '@, waited="yes"'), f"p{q[2:]:0<2}")
                    for q in ("0.5", "0.99")
                ),
                (table.LATENCY,),
                "s",
            ),
        ),
    ),
    (
        "What waits",
        (
            Panel(
                "Lag by partition", ((f"sum by (partition) ({table.LAG.name}{{@}})", "{{partition}}"),), (table.LAG,)
            ),
            Panel(
                "Parked by reason",
                ((f"sum by (reason) ({table.PARKED.name}{{@}}) > 0", "{{reason}}"),),
                (table.PARKED,),
                stacked=True,
            ),
            Panel("In flight", ((f"{table.IN_FLIGHT.name}{{@}}", _EACH),), (table.IN_FLIGHT,), stacked=True),
        ),
    ),
    (
        "Suppression",
        (
            Panel(
                "Feedback",
                ((f"sum by (feedback) (rate({table.FEEDBACK.name}{{@}}[$__rate_interval]))", "{{feedback}}"),),
                (table.FEEDBACK,),
                stacked=True,
            ),
            Panel(
                "Suppressed",
                ((f"{table.SUPPRESSIONS.name}{{@}}", "{{instance}}"),),
                (table.SUPPRESSIONS,),
                stacked=True,
            ),
            Panel(
                "Tenants that bounce",
                ((f"sum by (level) ({table.BOUNCING.name}{{@}})", "{{level}}"),),
                (table.BOUNCING,),
            ),
        ),
    ),
    (
        "Relays",
        (
            Panel(
                "Stages of a conversation (p99)",
                ((_quantile("0.99", table.STAGES, "stage"), "{{stage}}"),),
                (table.STAGES,),
                "s",
            ),
            Panel(
                "Connections",
                ((f"sum by (state) ({table.CONNECTIONS_OPEN.name}{{@}})", "{{state}}"),),
                (table.CONNECTIONS_OPEN,),
                stacked=True,
            ),
            Panel(
                "Attachments",
                (
                    (f"sum by (result) (rate({table.ATTACHMENTS.name}{{@}}[$__rate_interval]))", "{{result}}"),
                    (
                        (
                            "histogram_quantile(0.9, sum by (le) "
                            f"(rate({table.ATTACHMENT_SECONDS.name}_bucket{{@}}[$__rate_interval])))"
                        ),
                        "seconds, 90 of 100 below",
                    ),
                ),
                (table.ATTACHMENTS, table.ATTACHMENT_SECONDS),
            ),
            Panel(
                "Memory for attachments",
                ((f"{table.ATTACHMENT_MEMORY.name}{{@}}", _EACH),),
                (table.ATTACHMENT_MEMORY,),
            ),
            Panel(
                "Mails that wait for a connection", ((f"{table.WAITING.name}{{@}}", "{{instance}}"),), (table.WAITING,)
            ),
            Panel(
                "Relays left alone, and how often that began in 5 minutes",
                (
                    (f"sum by (cause) ({table.CIRCUITS.name}{{@}}) > 0", "{{cause}}"),
                    (f"sum by (cause) (increase({table.CIRCUIT_OPENINGS.name}{{@}}[5m])) > 0", "{{cause}} began"),
                ),
                (table.CIRCUITS, table.CIRCUIT_OPENINGS),
            ),
        ),
    ),
    (
        "Kafka",
        (
            Panel(
                "Transactions a second",
                ((f"sum by (instance) (rate({table.TICKS.name}{{@}}[$__rate_interval]))", "{{instance}}"),),
                (table.TICKS,),
                "ops",
            ),
            Panel(
                "How long a transaction takes, and what it writes",
                (
                    (_quantile("0.99", table.TICK_SECONDS), "p99, seconds"),
                    (_mean(table.TICK_RECORDS), "records each"),
                ),
                (table.TICK_SECONDS, table.TICK_RECORDS),
            ),
            Panel(
                "Takeovers in 5 minutes",
                ((f"sum by (instance) (increase({table.TAKEOVERS.name}{{@}}[5m]))", "{{instance}}"),),
                (table.TAKEOVERS,),
            ),
        ),
    ),
    (
        "Processes",
        (
            Panel(
                "Standing still for",
                ((f"{table.STALLED.name}{{@}}", _EACH),),
                (table.STALLED,),
                "s",
                steps=((None, GREEN), (30, RED)),
            ),
            Panel(
                "Event loop late by (p99)",
                ((_quantile("0.99", table.LOOP_LAG, "instance"), "{{instance}}"),),
                (table.LOOP_LAG,),
                "s",
                steps=((None, GREEN), (1, YELLOW), (5, RED)),
            ),
            Panel(
                "Workers started again in 5 minutes",
                ((f"sum by (instance) (increase({table.RESTARTS.name}{{@}}[5m]))", "{{instance}}"),),
                (table.RESTARTS,),
            ),
            Panel(
                "CPU",
                (("rate(process_cpu_seconds_total{@}[$__rate_interval])", _EACH),),
                more="Cores. One process uses one at most: more work wants more processes, at most one a partition.",
            ),
            Panel(
                "Memory",
                (("process_resident_memory_bytes{@}", _EACH),),
                unit="bytes",
                more="What is parked takes memory in the process that owns its partition.",
            ),
            Panel(
                "Open files",
                (("process_open_fds{@} / process_max_fds{@}", _EACH),),
                unit="percentunit",
                steps=((None, GREEN), (0.8, RED)),
                more="At 1 no connection can be opened any more.",
            ),
            Panel(
                "Tenants in force, and their source",
                (
                    (f"{table.TENANTS.name}{{@}}", "{{instance}}"),
                    (f"min({table.TENANTS_FILE_OK.name}{{@}})", "file is well"),
                    (f"min({table.CONFIG_API_OK.name}{{@}})", "config-api is well"),
                ),
                (table.TENANTS, table.TENANTS_FILE_OK, table.CONFIG_API_OK),
            ),
        ),
    ),
    (
        "HTTP API",
        (
            Panel(
                "Answers a second",
                ((f"sum by (status) (rate({calls.ANSWERS.name}{{@}}[$__rate_interval])) > 0", "{{status}}"),),
                (calls.ANSWERS,),
                "ops",
                stacked=True,
            ),
            Panel(
                "Call to answer (p99)",
                ((_quantile("0.99", calls.ANSWER_SECONDS, "operation"), "{{operation}}"),),
                (calls.ANSWER_SECONDS,),
                "s",
            ),
            Panel(
                "Calls in flight, room, and what Kafka did not confirm in 5 minutes",
                (
                    (f"sum({calls.CALLS_IN_FLIGHT.name}{{@}})", "in flight"),
                    (f"sum({calls.ROOM.name}{{@}})", "room"),
                    (f"sum by (why) (increase({calls.PUBLISH_ERRORS.name}{{@}}[5m])) > 0", "{{why}}"),
                ),
                (calls.CALLS_IN_FLIGHT, calls.ROOM, calls.PUBLISH_ERRORS),
            ),
        ),
    ),
)
