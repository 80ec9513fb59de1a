"""A plot with axes, as an SVG that can be read on a light page and on a dark one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import TypeAlias

_WIDTH, _HEIGHT = 760, 430
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 24, 84, 58
_STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #57606a; }
  .title { font-size: 16px; font-weight: 600; fill: #1f2328; } .key { fill: #1f2328; }
  .card { fill: #ffffff; stroke: #d8dee4; } .grid { stroke: #e6e9ed; } .axis { stroke: #8c959f; }
  .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round; }
  .s0 { stroke: #0b66d8; } .s1 { stroke: #d1600a; } .s2 { stroke: #1a8a5a; } .s3 { stroke: #8c959f; }
  .dashed { stroke-dasharray: 3 6; stroke-width: 2; } .point { fill: #ffffff; stroke-width: 2.5; }
  @media (prefers-color-scheme: dark) {
    text { fill: #9aa4b0; } .title, .key { fill: #e6edf3; }
    .card, .point { fill: #0d1117; } .card { stroke: #30363d; } .grid { stroke: #21262d; } .axis { stroke: #6e7681; }
    .s0 { stroke: #58a6ff; } .s1 { stroke: #f0883e; } .s2 { stroke: #3fb983; } .s3 { stroke: #6e7681; }
  }
"""


@dataclass(frozen=True, slots=True)
class Series:
    """One line. A dashed one is for comparison and has no points of its own."""

    name: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """What is on it; `log`: equal steps are equal factors, and nothing on it is 0."""

    name: str
    log: bool = False


Scale: TypeAlias = Callable[[float], float]


def plot(title: str, across: Axis, up: Axis, series: Sequence[Series]) -> str:
    """The document. At most four lines can be told apart."""
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points]
    x_ticks, y_ticks = ticks(xs, across), ticks(ys, up)
    x_at = _scale(x_ticks, across, _LEFT, _WIDTH - _RIGHT)
    y_at = _scale(y_ticks, up, _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{_HEIGHT - 1}" rx="8"/>',
        _text(24, 32, title, "title"),
        *_grid(x_ticks, y_ticks, x_at, y_at),
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 16, across.name, anchor="middle"),
        f'<g transform="translate(22 {(_TOP + _HEIGHT - _BOTTOM) / 2}) rotate(-90)">',
        _text(0, 0, up.name, anchor="middle"),
        "</g>",
        *_key(series),
        *(_line(number, one, x_at, y_at) for number, one in enumerate(series)),
        "</svg>\n",
    ]
    return "\n".join(parts)


def ticks(values: Iterable[float], axis: Axis) -> list[float]:
    """Round numbers that reach from below the least to above the most; from 0 on an axis of equal steps."""
    values = list(values)
    least, most = min(values), max(values)
    if axis.log:
        powers = range(floor(log10(least)) - 1, ceil(log10(most)) + 2)  # a logarithm may be rounded past its power
        round_ = [float(f"{n}e{power}") for power in powers for n in (1, 2, 5)]
        below = max(one for one in round_ if one <= least)
        return [one for one in round_ if below <= one <= min(one for one in round_ if one >= most)]
    step = _step((most or 1.0) / 6)
    return [number * step for number in range(ceil(most / step) + 1)]


def _step(least: float) -> float:
    power = floor(log10(least))
    return next(size for n in ("1", "2", "2.5", "5", "10") if (size := float(f"{n}e{power}")) >= least)


def _scale(between: Sequence[float], axis: Axis, low: float, high: float) -> Scale:
    def at(value: float) -> float:
        return log10(value) if axis.log else value

    first, last = at(between[0]), at(between[-1])
    return lambda value: round(low + (at(value) - first) / ((last - first) or 1) * (high - low), 1)


def _grid(x_ticks: Sequence[float], y_ticks: Sequence[float], x_at: Scale, y_at: Scale) -> Iterable[str]:
    left, right, top, bottom = _LEFT, _WIDTH - _RIGHT, _TOP, _HEIGHT - _BOTTOM
    for y in y_ticks:
        yield f'<line class="grid" x1="{left}" x2="{right}" y1="{y_at(y)}" y2="{y_at(y)}"/>'
        yield _text(left - 10, y_at(y) + 4.5, f"{y:,.10g}", anchor="end")
    for x in x_ticks:
        yield f'<line class="axis" x1="{x_at(x)}" x2="{x_at(x)}" y1="{bottom}" y2="{bottom + 5}"/>'
        yield _text(x_at(x), bottom + 22, f"{x:,.10g}", anchor="middle")
    yield f'<path class="axis" fill="none" d="M{left} {top}V{bottom}H{right}"/>'


def _key(series: Sequence[Series]) -> Iterable[str]:
    x = 24.0
    for number, one in enumerate(series):
        yield f'<path class="{_look(number, one)}" d="M{x:.0f} 58h22"/>'
        yield _text(x + 30, 62.5, one.name, "key")
        x += 46 + 6.6 * len(one.name)


def _line(number: int, one: Series, x_at: Scale, y_at: Scale) -> str:
    points = [(x_at(x), y_at(y)) for x, y in sorted(one.points)]
    way = f'<path class="{_look(number, one)}" d="M{" L".join(f"{x} {y}" for x, y in points)}"/>'
    if one.dashed:
        return way
    return way + "".join(f'<circle class="point s{number}" cx="{x}" cy="{y}" r="4"/>' for x, y in points)


def _look(number: int, one: Series) -> str:
    return f"line s{number} dashed" if one.dashed else f"line s{number}"


def _text(x: float, y: float, text: str, look: str = "", *, anchor: str = "start") -> str:
    of = f' class="{look}"' if look else ""
    return f'<text{of} x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
