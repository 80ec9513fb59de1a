"""Series over time, in SVG."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
_Slice: TypeAlias = tuple[float, float, float]
"""When, and from which value to which."""

COLOURS = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#37872d", "#fade2a", "#c4162a")
_LEFT, _BELOW, _ABOVE, _RIGHT = 64, 18, 6, 4


@dataclass(frozen=True, slots=True)
class Area:
    """Where lines are drawn: how large, from when to when, how fine, and how the values are written at its side."""

    width: float
    height: float
    start: float
    end: float
    step: float
    write: Callable[[float], str]


def drawn(
    area: Area, series: Sequence[Sequence[Point]], *, stacked: bool, bounds: Sequence[tuple[float, str]] = ()
) -> str:
    """The series, each in its colour, with lines at the bounds that are in sight."""
    layers = list(_layers(series)) if stacked else [[(at, 0.0, value) for at, value in one] for one in series]
    top = _round_up(max((high for layer in layers for _, _, high in layer), default=0.0))
    scale = _Scale(area, top)
    pieces = [*_grid(scale), *(_layer(scale, layer, number, filled=stacked) for number, layer in enumerate(layers))]
    pieces += [_bound(scale, value, colour) for value, colour in bounds if value <= top]
    return f'<svg width="{area.width:.0f}" height="{area.height:.0f}">{"".join(pieces)}</svg>'


@dataclass(frozen=True, slots=True)
class _Scale:
    area: Area
    top: float

    def x(self, at: float) -> float:
        part = (at - self.area.start) / (self.area.end - self.area.start)
        return _LEFT + part * (self.area.width - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return self.area.height - _BELOW - value / self.top * (self.area.height - _BELOW - _ABOVE)


def _layers(series: Sequence[Sequence[Point]]) -> Iterator[list[_Slice]]:
    """Each on top of the ones before."""
    below: dict[float, float] = {}
    for one in series:
        yield [(at, below.get(at, 0.0), below.get(at, 0.0) + value) for at, value in one]
        for at, value in one:
            below[at] = below.get(at, 0.0) + value


def _layer(scale: _Scale, layer: Sequence[_Slice], number: int, *, filled: bool) -> str:
    colour = COLOURS[number % len(COLOURS)]
    return "".join(_run(scale, run, colour, filled=filled) for run in _runs(layer, scale.area.step))


def _runs(layer: Sequence[_Slice], step: float) -> Iterator[list[_Slice]]:
    """The parts without a gap: nobody knows what was in between, so no line is drawn there."""
    run: list[_Slice] = []
    for one in layer:
        if run and one[0] - run[-1][0] > 1.5 * step:
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _run(scale: _Scale, run: Sequence[_Slice], colour: str, *, filled: bool) -> str:
    upper = [f"{scale.x(at):.1f},{scale.y(high):.1f}" for at, _, high in run]
    lower = [f"{scale.x(at):.1f},{scale.y(low):.1f}" for at, low, _ in reversed(run)]
    area = f'<polygon points="{" ".join([*upper, *lower])}" fill="{colour}" opacity="{0.3 if filled else 0.08}"/>'
    return f'{area}<polyline points="{" ".join(upper)}" fill="none" stroke="{colour}" stroke-width="1.4"/>'


def _grid(scale: _Scale) -> Iterator[str]:
    area = scale.area
    for step in range(5):
        value = scale.top * step / 4
        y = scale.y(value)
        yield f'<line x1="{_LEFT}" x2="{area.width - _RIGHT:.0f}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="end">{escape(area.write(value))}</text>'
    for step in range(1, 4):
        at = area.start + (area.end - area.start) * step / 4
        said = time.strftime("%H:%M", time.gmtime(at))
        yield f'<text x="{scale.x(at):.1f}" y="{area.height - 3:.0f}" class="middle">{said}</text>'


def _bound(scale: _Scale, value: float, colour: str) -> str:
    y = f"{scale.y(value):.1f}"
    left, right = _LEFT, scale.area.width - _RIGHT
    return f'<line x1="{left}" x2="{right:.0f}" y1="{y}" y2="{y}" stroke="{colour}" stroke-dasharray="6 4"/>'


def _round_up(value: float) -> float:
    """The next number that people count by; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 4, 6, 8, 10) if power * step >= value * 0.999)
