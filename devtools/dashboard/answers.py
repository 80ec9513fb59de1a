"""The dashboard as Grafana asks for it: its variables put in, each panel answered by a Prometheus."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from devtools.dashboard import dashboard
from devtools.prometheus import Prometheus, Series

_EVERYTHING = ".*"
_IN_NAME = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when a picture is, how fine, and over how long a rate is taken; in seconds."""

    start: float
    end: float
    step: float
    rate: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A panel, as it stands in the file, and what it shows: names and their series."""

    panel: dict[str, Any]
    shown: tuple[tuple[str, Series], ...]


def answers(source: Prometheus, span: Span) -> Iterator[Answer]:
    """Each panel but the headings, from above."""
    for panel in dashboard()["panels"]:
        if panel["type"] != "row":
            yield Answer(panel, tuple(_shown(source, panel, span)))


def filled(expression: str, rate: int) -> str:
    """With everything chosen, as it is when the dashboard is opened."""
    for variable in ("$namespace", "$job"):
        expression = expression.replace(variable, _EVERYTHING)
    return expression.replace("$__rate_interval", f"{rate}s")


def _shown(source: Prometheus, panel: dict[str, Any], span: Span) -> Iterator[tuple[str, Series]]:
    for target in panel["targets"]:
        expression = filled(target["expr"], span.rate)
        found = (
            source.now(expression) if target["instant"] else source.over(expression, span.start, span.end, span.step)
        )
        yield from ((_name(target["legendFormat"], one["metric"]), one) for one in found)


def _name(pattern: str, labels: dict[str, str]) -> str:
    if pattern == "__auto":
        return ", ".join(f"{key}={value}" for key, value in labels.items() if key != "__name__")
    return _IN_NAME.sub(lambda found: labels.get(found[1], ""), pattern).strip()
