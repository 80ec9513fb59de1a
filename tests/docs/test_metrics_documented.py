"""Metrics: what is in the table is what is counted and what the page says."""

from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import generate_latest

from consumer.adapters.metrics import TABLE, Metrics, reference
from consumer.core.attempt import Stage
from consumer.core.outcome import (
    Accepted,
    Cancelled,
    Declined,
    Duplicate,
    Expired,
    Invalid,
    Kind,
    Obeyed,
    Outcome,
    RateLimited,
    Rejected,
    Suppressed,
    Unknown,
    Unresolvable,
    kind_of,
)
from consumer.core.parking import Reason
from consumer.core.record import Coordinates
from consumer.core.reply import Reply

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
REFUSED = Reply(550, "no")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_the_page_of_metrics_is_the_one_that_the_code_makes() -> None:
    assert PAGE.read_text() == reference(), "run: make docs"


def test_what_is_served_is_what_the_table_has() -> None:
    families = {family.name for family in Metrics().registry.collect() if family.name.startswith("consumer_")}
    assert families == {metric.name.removesuffix("_total") for metric in TABLE} | {"consumer_build_info"}


def test_each_known_label_value_is_there_from_the_start() -> None:
    served = generate_latest(Metrics().registry).decode()
    for row in TABLE:
        for known in row.values:
            assert f'{row.label}="{known}"' in served


@pytest.mark.parametrize(
    "outcome",
    [
        (Accepted(("a",), (), "s", "250 ok", "<m>", 0.0), "accepted"),
        (Rejected(REFUSED), "rejected"),
        (Suppressed(("a",)), "suppressed"),
        (RateLimited(1.0), "rate-limited"),
        (Expired("closing", 3), "expired"),
        (Duplicate("duplicate", Coordinates(0, 1)), "duplicate"),
        (Duplicate("conflict", Coordinates(0, 1)), "conflict"),
        (Invalid("invalid-json", ()), "invalid-json"),
        (Invalid("invalid-event", ()), "invalid-event"),
        (Invalid("invalid-request", ()), "invalid-request"),
        (Invalid("unknown-tenant", ()), "unknown-tenant"),
        (Unresolvable("attachment-gone", ()), "unresolvable"),
        (Unknown("connection-lost", "<m>", 0.0), "unknown"),
        (Cancelled("", 0), "cancelled"),
        (Obeyed("cancel", "r-1"), "obeyed"),
        (Declined("not-parked", "cancel", "r-1"), "not-parked"),
    ],
    ids=lambda pair: pair[1],
)
def test_an_outcome_is_counted_under_its_ending(outcome: tuple[Outcome, str]) -> None:
    metrics = Metrics()
    assert kind_of(outcome[0]) == outcome[1]
    assert outcome[1] in get_args(Kind)
    metrics.concluded(kind_of(outcome[0]), 0.2)
    assert value(metrics, "consumer_outcomes_total", outcome=outcome[1]) == 1
    assert value(metrics, "consumer_request_to_outcome_seconds_sum", waited="no") == 0.2


def test_what_was_parked_on_its_way_has_a_time_of_its_own() -> None:
    metrics = Metrics()
    metrics.concluded("rejected", 3600.0, waited=True)
    assert value(metrics, "consumer_request_to_outcome_seconds_sum", waited="yes") == 3600.0
    assert value(metrics, "consumer_request_to_outcome_seconds_count", waited="no") == 0


def test_a_type_that_is_not_ours_makes_no_new_label() -> None:
    metrics = Metrics()
    metrics.requested("email.send-email.v1")
    metrics.requested("somebody's free text")
    metrics.requested(None)
    assert value(metrics, "consumer_requests_total", type="email.send-email.v1") == 1
    assert value(metrics, "consumer_requests_total", type="other") == 2
    assert "free text" not in generate_latest(metrics.registry).decode()


def test_the_lag_of_a_partition_goes_with_it() -> None:
    metrics = Metrics()
    metrics.lag(3, 17)
    assert value(metrics, "consumer_lag_records", partition="3") == 17
    metrics.given_back(3)
    assert value(metrics, "consumer_lag_records", partition="3") is None
    metrics.given_back(3)


def test_each_fact_moves_its_metric() -> None:
    metrics = Metrics()
    metrics.stages((Stage.BODY,), (0.5,))
    metrics.ticked(0.02, 7)
    metrics.in_flight(4)
    metrics.assigned(6)
    metrics.pool(opened=5, busy=2, idle=1, waiting=9)
    metrics.loop_lag(0.1)
    metrics.tenants_file(ok=False, tenants=12)
    metrics.parked({Reason.WINDOW: 3})
    metrics.parked({Reason.RETRY: 1})
    metrics.taken_over()
    assert value(metrics, "consumer_send_stage_seconds_sum", stage="body") == 0.5
    assert value(metrics, "consumer_ticks_total") == 1
    assert value(metrics, "consumer_tick_records_sum") == 7
    assert value(metrics, "consumer_in_flight") == 4
    assert value(metrics, "consumer_assigned_partitions") == 6
    assert value(metrics, "consumer_pool_connections", state="opening") == 2
    assert value(metrics, "consumer_pool_waiting") == 9
    assert value(metrics, "consumer_event_loop_lag_seconds_count") == 1
    assert value(metrics, "consumer_tenants_file_ok") == 0
    assert value(metrics, "consumer_tenants") == 12
    assert value(metrics, "consumer_parked", reason="window") == 0
    assert value(metrics, "consumer_parked", reason="retry") == 1
    assert value(metrics, "consumer_takeovers_total") == 1


def test_two_instances_do_not_share_anything() -> None:
    one, other = Metrics(), Metrics()
    one.taken_over()
    assert value(other, "consumer_takeovers_total") == 0
