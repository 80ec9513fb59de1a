"""One page of metrics for several processes: what adds, what does not, and what stays when one is gone."""

import math
from collections import Counter

import pytest
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest

from consumer.adapters.metrics import TABLE, Metrics
from consumer.adapters.metrics.merge import Merged, dumped, loaded, snapshot
from consumer.adapters.metrics.table import Across, Form
from consumer.core.attempt import Stage
from consumer.core.parking import Reason


@pytest.fixture
def one() -> Metrics:
    return Metrics()


@pytest.fixture
def other() -> Metrics:
    return Metrics()


def told(*metrics: Metrics) -> Merged:
    """As the parent of these has heard of them, from 1 on."""
    merged = Merged()
    for number, its in enumerate(metrics, 1):
        families = loaded(dumped(snapshot(its.registry)))
        assert families is not None
        merged.told(str(number), families)
    return merged


def value(merged: Merged, name: str, **labels: str) -> float | None:
    return merged.registry().get_sample_value(name, labels)


def test_counters_and_histograms_add(one: Metrics, other: Metrics) -> None:
    for metrics, seconds in ((one, 0.2), (one, 0.3), (other, 40.0)):
        metrics.concluded("rejected", seconds)
    merged = told(one, other)
    assert value(merged, "consumer_outcomes_total", outcome="rejected") == 3
    assert value(merged, "consumer_outcomes_total", outcome="accepted") == 0
    latency = "consumer_request_to_outcome_seconds"
    assert value(merged, f"{latency}_count", waited="no") == 3
    assert value(merged, f"{latency}_sum", waited="no") == 40.5
    assert value(merged, f"{latency}_bucket", waited="no", le="0.25") == 1
    assert value(merged, f"{latency}_bucket", waited="no", le="30.0") == 2
    assert value(merged, f"{latency}_bucket", waited="no", le="+Inf") == 3
    assert merged.outcomes()["rejected"] == 3


def test_what_stands_in_each_adds_where_the_table_says_so(one: Metrics, other: Metrics) -> None:
    one.parked({Reason.WINDOW: 3})
    other.parked({Reason.WINDOW: 4})
    assert value(told(one, other), "consumer_parked", reason="window") == 7


def test_a_tenants_file_that_is_broken_for_one_is_broken(one: Metrics, other: Metrics) -> None:
    one.tenants_file(ok=True, tenants=5)
    other.tenants_file(ok=False, tenants=4)
    merged = told(one, other)
    assert value(merged, "consumer_tenants_file_ok") == 0
    assert value(merged, "consumer_tenants") == 5


def test_a_partition_between_two_owners_is_behind_once(one: Metrics, other: Metrics) -> None:
    one.lag(3, 17)
    other.lag(3, 12)
    assert value(told(one, other), "consumer_lag_records", partition="3") == 17


def test_what_is_about_a_process_names_its_worker(one: Metrics, other: Metrics) -> None:
    one.in_flight(4)
    other.in_flight(6)
    merged = told(one, other)
    assert value(merged, "consumer_in_flight", worker="1") == 4
    assert value(merged, "consumer_in_flight", worker="2") == 6
    assert value(merged, "consumer_in_flight") is None
    assert value(merged, "process_cpu_seconds_total", worker="2") is not None


def test_each_metric_has_one_head_and_each_series_one_line(one: Metrics, other: Metrics) -> None:
    lines = generate_latest(told(one, other).registry()).decode().splitlines()
    heads = Counter(" ".join(line.split()[:3]) for line in lines if line.startswith("#"))
    series = Counter(line.rpartition(" ")[0] for line in lines if not line.startswith("#"))
    assert set(heads.values()) == set(series.values()) == {1}
    families = {family.name for family in one.registry.collect()}
    assert {head.split()[2].removesuffix("_total") for head in heads} == families


def test_what_a_process_has_counted_stays_when_it_ends_and_how_it_stood_goes(one: Metrics, other: Metrics) -> None:
    for metrics in (one, other):
        metrics.concluded("rejected", 0.2)
        metrics.stages((Stage.BODY,), (0.5,))
        metrics.parked({Reason.WINDOW: 2})
        metrics.in_flight(1)
    merged = told(one, other)
    for _ in range(2):  # the second time there is nothing left to keep
        merged.ended("2")
    assert value(merged, "consumer_outcomes_total", outcome="rejected") == 2
    assert value(merged, "consumer_send_stage_seconds_count", stage="body") == 2
    assert value(merged, "consumer_parked", reason="window") == 2
    assert value(merged, "consumer_in_flight", worker="2") is None
    assert value(merged, "process_cpu_seconds_total", worker="2") is None
    successor = Metrics()
    successor.concluded("rejected", 0.2)
    merged.told("2", snapshot(successor.registry))
    assert value(merged, "consumer_outcomes_total", outcome="rejected") == 3
    merged.ended("2")
    merged.ended("1")
    assert value(merged, "consumer_outcomes_total", outcome="rejected") == 3


def test_nobody_told_anything_yet_is_an_empty_page() -> None:
    assert generate_latest(Merged().registry()) == b""


def test_what_has_no_end_arrives_as_such() -> None:
    registry = CollectorRegistry()
    Gauge("endless", "x", registry=registry).set(math.inf)
    (endless,) = loaded(dumped(snapshot(registry))) or snapshot(CollectorRegistry())
    assert endless.samples[0].value == math.inf


def test_what_another_version_wrote_is_told_from_what_is_ours() -> None:
    assert [loaded(content) for content in (b"", b"[]", b'[{"name": "x"}]')] == [None, [], None]


def test_counters_and_histograms_of_the_table_add_whatever_it_says_of_gauges() -> None:
    assert {row.merged for row in TABLE if row.form is not Form.GAUGE} == {Across.SUM}


def test_what_the_table_does_not_know_is_each_ones_own() -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    merged = Merged()
    merged.told("parent", snapshot(registry))
    assert value(merged, "process_open_fds", worker="parent") is not None
