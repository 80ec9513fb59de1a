"""A panel as Grafana wants it, with the help that the table of metrics gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from consumer.adapters.metrics.table import Metric

OURS = 'namespace=~"$namespace", job=~"$job"'
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
RED, YELLOW, GREEN = "red", "yellow", "green"

Query: TypeAlias = tuple[str, str]
"""PromQL, and what its series are called. `@` stands for the labels that the variables choose."""

Steps: TypeAlias = Sequence[tuple[float | None, str]]
"""From which value on which colour."""


@dataclass(frozen=True, slots=True)
class Panel:
    """`about` are the metrics that its help text speaks of."""

    title: str
    queries: tuple[Query, ...]
    about: tuple[Metric, ...] = ()
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 8
    stacked: bool = False
    steps: Steps = ()
    more: str = ""

    def rendered(self, number: int, x: int, y: int) -> dict[str, Any]:
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": "\n\n".join(
                [*([self.more] if self.more else []), *(_help(metric) for metric in self.about)]
            ),
            "datasource": SOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "targets": [_target(letter, query) for letter, query in zip("ABCDEF", self.queries, strict=False)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": _OPTIONS[self.kind],
        }

    def _defaults(self) -> dict[str, Any]:
        steps = [{"value": value, "color": colour} for value, colour in self.steps or ((None, GREEN),)]
        drawn: dict[str, Any] = {"unit": self.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
        if self.kind == "timeseries":
            mode = "dashed" if self.steps else "off"
            stacking = {"mode": "normal" if self.stacked else "none", "group": "A"}
            drawn["custom"] = {
                "fillOpacity": 30 if self.stacked else 8,
                "showPoints": "never",
                "spanNulls": False,
                "stacking": stacking,
                "thresholdsStyle": {"mode": mode},
            }
        return drawn


_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {"showLegend": True, "displayMode": "table", "placement": "right", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background",
        "graphMode": "area",
        "textMode": "auto",
        "justifyMode": "auto",
        "orientation": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    },
    "table": {"showHeader": True, "frameIndex": 0},
}


def _target(letter: str, query: Query) -> dict[str, Any]:
    expression, legend = query
    instant = "ALERTS" in expression
    return {
        "refId": letter,
        "datasource": SOURCE,
        "expr": expression.replace("@", OURS),
        "legendFormat": legend or "__auto",
        "instant": instant,
        "range": not instant,
        "format": "table" if instant else "time_series",
    }


def _help(metric: Metric) -> str:
    return f"**{metric.name}**: {metric.meaning}\n\nWhat to do: {metric.to_do}"
