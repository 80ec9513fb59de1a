"""What is counted and told of feedback and of tenants that bounce."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from consumer.adapters import logs
from consumer.adapters.metrics import Metrics
from consumer.adapters.metrics.observer import Telemetry
from consumer.core.bounce_rate import Level
from consumer.core.feedback import Heard
from consumer.core.record import Coordinates


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, sys.excepthook
    out = io.StringIO()
    logs.configure("info", "json", stream=out)
    yield out
    root.handlers[:], sys.excepthook = handlers, hook
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(said: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.getvalue().splitlines()]


def test_a_tenant_that_bounces_is_counted_all_the_time_and_named_when_that_changes(said: io.StringIO) -> None:
    metrics = Metrics()
    telemetry = Telemetry(metrics, logs.concluded)
    for levels in ({"acme": Level.WARNING}, {"acme": Level.WARNING}, {"acme": Level.CRITICAL}):
        telemetry.bouncing(levels)
    sample = metrics.registry.get_sample_value
    assert sample("consumer_bouncing_tenants", {"level": "critical"}) == 1
    assert sample("consumer_bouncing_tenants", {"level": "warning"}) == 0
    telemetry.bouncing({})
    assert sample("consumer_bouncing_tenants", {"level": "critical"}) == 0
    told = [(line["level"], line["tenant"], line["state"]) for line in lines(said)]
    assert told == [("warning", "acme", "warning"), ("warning", "acme", "critical"), ("info", "acme", "fine")]


def test_feedback_that_cannot_be_used_is_told_by_place_and_rule(said: io.StringIO) -> None:
    metrics = Metrics()
    telemetry = Telemetry(metrics, logs.concluded)
    telemetry.heard(Coordinates(2, 7), Heard.COMPLAINT)
    telemetry.heard(Coordinates(2, 8), Heard.UNUSABLE, ("/kind: `kind` is missing",))
    sample = metrics.registry.get_sample_value
    assert sample("consumer_feedback_total", {"feedback": "complaint"}) == 1
    assert sample("consumer_feedback_total", {"feedback": "unusable"}) == 1
    (line,) = lines(said)
    assert (line["partition"], line["offset"], line["errors"]) == (2, 8, ["/kind: `kind` is missing"])
