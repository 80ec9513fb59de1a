"""The dashboard as a page: its panels where they lie, with what Prometheus answered to their own queries.

Drawn here and not by Grafana, which cannot be had from a package registry. Places, titles, units, colours of
thresholds and stacking are those of the file that Grafana loads.
"""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from devtools.dashboard import dashboard
from devtools.dashboard.answers import Answer, Span
from devtools.pictures.lines import COLOURS, Area, Point, drawn
from devtools.pictures.units import written
from devtools.prometheus import Series

WIDTH = 1720
_LINE, _GAP, _HEAD, _LEGEND = 36, 8, 30, 210
_HUES = {"green": "#299c46", "yellow": "#e0b400", "red": "#d44a3a"}
_STYLE = """
body { margin: 0; background: #111217; color: #ccccdc; font: 13px system-ui, sans-serif; }
div, h3 { position: absolute; box-sizing: border-box; overflow: hidden; margin: 0; }
h3 { font-size: 15px; font-weight: 600; padding: 8px 4px; }
.panel { background: #181b1f; border: 1px solid #2c3036; border-radius: 3px; }
.panel b { position: absolute; left: 10px; top: 7px; font-weight: 500; }
.stat { color: #fff; font-size: 26px; text-align: center; padding-top: 56px; font-weight: 600; }
.stat b { font-size: 13px; }
.none { color: #7b8087; text-align: center; padding-top: 40px; }
table { position: absolute; top: 32px; right: 8px; width: 200px; border-collapse: collapse; font-size: 11px; }
.wide table { left: 10px; width: auto; font-size: 13px; }
td, th { padding: 2px 6px; text-align: right; font-weight: 400; white-space: nowrap; }
th { color: #8ab8ff; } td:first-child, th:first-child { text-align: left; max-width: 100px; overflow: hidden; }
svg { position: absolute; left: 4px; top: 30px; } .grid { stroke: #2c3036; }
text { fill: #8e9297; font-size: 11px; } .end { text-anchor: end; } .middle { text-anchor: middle; }
"""


def height(down_to: str) -> int:
    """Of the part of the page that lies above that heading, in points."""
    (heading,) = [panel for panel in dashboard()["panels"] if (panel["type"], panel["title"]) == ("row", down_to)]
    return heading["gridPos"]["y"] * _LINE + _GAP


def page(answers: Sequence[Answer], span: Span) -> str:
    """The page, as one file without anything from elsewhere."""
    rows = (panel for panel in dashboard()["panels"] if panel["type"] == "row")
    headings = "".join(f'<h3 style="{_place(row)}">{escape(row["title"])}</h3>' for row in rows)
    panels = "".join(_panel(answer, span) for answer in answers)
    return (
        f'<!doctype html><meta charset="utf-8"><title>Email consumer</title><style>{_STYLE}</style>{headings}{panels}'
    )


def _panel(answer: Answer, span: Span) -> str:
    panel = answer.panel
    title = f"<b>{escape(panel['title'])}</b>"
    if panel["type"] == "stat":
        value = _last(answer.shown[0][1]) if answer.shown else 0.0
        colour = f"background: {_colour(panel, value)}"
        return _box(panel, "panel stat", title + escape(written(value, _unit(panel))), colour)
    if panel["type"] == "table":
        return _box(panel, "panel wide", title + _rows(answer.shown))
    if not any(_points(series) for _, series in answer.shown):
        return _box(panel, "panel none", f"{title}No data")
    return _box(panel, "panel", title + _lines(answer, span) + _legend(answer))


def _lines(answer: Answer, span: Span) -> str:
    panel = answer.panel
    _, _, width, tall = _measures(panel)
    size = width - _LEGEND - 8, tall - _HEAD - 6
    area = Area(*size, span.start, span.end, span.step, lambda value: written(value, _unit(panel)))
    custom = panel["fieldConfig"]["defaults"]["custom"]
    bounds = [(step["value"], _HUES[step["color"]]) for step in _steps(panel) if step["value"] is not None]
    stacked = custom["stacking"]["mode"] == "normal"
    return drawn(area, [_points(series) for _, series in answer.shown], stacked=stacked, bounds=bounds)


def _legend(answer: Answer) -> str:
    unit = _unit(answer.panel)
    return f"<table><tr><th>Name<th>Last<th>Max</tr>{''.join(_entries(answer, unit))}</table>"


def _entries(answer: Answer, unit: str) -> Iterator[str]:
    for number, (name, series) in enumerate(answer.shown):
        values = [value for _, value in _points(series)]
        if values:
            mark = f'<span style="color: {COLOURS[number % len(COLOURS)]}">&#9644;</span> {escape(name)}'
            yield f"<tr><td>{mark}<td>{escape(written(values[-1], unit))}<td>{escape(written(max(values), unit))}</tr>"


def _rows(shown: Sequence[tuple[str, Series]]) -> str:
    told = [(labels["alertname"], labels["severity"]) for _, one in shown if "alertname" in (labels := one["metric"])]
    lines = [f"<tr><td>{escape(alert)}<td>{escape(severity)}</tr>" for alert, severity in told]
    return f"<table>{''.join(lines) or '<tr><td>none'}</table>"


def _points(series: Series) -> list[Point]:
    return [(float(at), float(value)) for at, value in series["values"] if value not in {"NaN", "+Inf"}]


def _last(series: Series) -> float:
    points = _points(series)
    return points[-1][1] if points else 0.0


def _unit(panel: dict[str, Any]) -> str:
    return panel["fieldConfig"]["defaults"]["unit"]


def _steps(panel: dict[str, Any]) -> list[dict[str, Any]]:
    return panel["fieldConfig"]["defaults"]["thresholds"]["steps"]


def _colour(panel: dict[str, Any], value: float) -> str:
    reached = [step for step in _steps(panel) if step["value"] is None or value >= step["value"]]
    return _HUES[reached[-1]["color"]]


def _measures(panel: dict[str, Any]) -> tuple[float, float, float, float]:
    """Left, top, width and height."""
    at, column = panel["gridPos"], (WIDTH - _GAP) / 24
    return at["x"] * column + _GAP, at["y"] * _LINE + _GAP, at["w"] * column - _GAP, at["h"] * _LINE - _GAP


def _place(panel: dict[str, Any]) -> str:
    left, top, width, tall = _measures(panel)
    return f"left: {left:.0f}px; top: {top:.0f}px; width: {width:.0f}px; height: {tall:.0f}px"


def _box(panel: dict[str, Any], kind: str, inner: str, more: str = "") -> str:
    return f'<div class="{kind}" style="{_place(panel)}; {more}">{inner}</div>'
