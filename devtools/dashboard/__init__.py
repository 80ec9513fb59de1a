"""The Grafana dashboard, made of the table of metrics.

`python -m devtools.dashboard` writes monitoring/dashboards/consumer.json.

A panel's help text says what its metrics mean and what to do about them, in the table's own words. The rows go from what
users notice to what causes it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from consumer.adapters.metrics import TABLE
from devtools.dashboard.panel import OURS, SOURCE, Panel
from devtools.dashboard.rows import ROWS, unplaced

PATH = Path(__file__).parents[2] / "monitoring" / "dashboards" / "consumer.json"
_WIDTH = 24
_BUILDS = "consumer_build_info|consumer_ingress_build_info"  # the HTTP API is often a job of its own


def dashboard() -> dict[str, Any]:
    """What Grafana loads."""
    return {
        "uid": "email-consumer",
        "title": "Email consumer",
        "description": "Requests in, mails and outcomes out. Made by `python -m devtools.dashboard`.",
        "tags": ["email", "kafka"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [_datasource(), _variable("namespace"), _variable("job", ', namespace=~"$namespace"')]},
        "annotations": {"list": [_starts()]},
        "panels": list(_panels()),
    }


def _panels() -> Iterator[dict[str, Any]]:
    number, y = 0, 0
    for title, panels in (*ROWS, *_rest()):
        number += 1
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": _line(y)}
        y, x, tallest = y + 1, 0, 0
        for panel in panels:
            if x + panel.width > _WIDTH:
                x, y, tallest = 0, y + tallest, 0
            number += 1
            yield panel.rendered(number, x, y)
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest


def _rest() -> Iterator[tuple[str, tuple[Panel, ...]]]:
    """A last row, of metrics that are in the table and in no other panel: none is forgotten."""
    asked = "\n".join(query for _, panels in ROWS for panel in panels for query, _ in panel.queries)
    panels = tuple(unplaced(metric) for metric in TABLE if metric.name not in asked)
    if panels:
        yield "More", panels


def _line(y: int) -> dict[str, int]:
    return {"h": 1, "w": _WIDTH, "x": 0, "y": y}


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _variable(name: str, among: str = "") -> dict[str, Any]:
    asked = f'label_values({{__name__=~"{_BUILDS}"{among}}}, {name})'
    return {
        "name": name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": asked, "refId": name},
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "refresh": 2,
        "sort": 1,
        "current": {"text": "All", "value": "$__all"},
    }


def _starts() -> dict[str, Any]:
    """A line where a process began."""
    return {
        "name": "starts",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "blue",
        "expr": f"changes(process_start_time_seconds{{{OURS}}}[1m]) > 0",
        "titleFormat": "start of {{instance}}",
    }


def text() -> str:
    """The file's content."""
    return json.dumps(dashboard(), indent=2) + "\n"
