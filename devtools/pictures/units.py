"""Numbers as Grafana would write them: the units that the dashboard uses."""

from collections.abc import Callable, Mapping

_SIZES = ("B", "KiB", "MiB", "GiB")


def written(value: float, unit: str) -> str:
    """The number with its unit."""
    return _WRITERS.get(unit, _short)(value)


def _short(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value / 1000:.3g} K"
    return f"{value:.3g}"


def _seconds(value: float) -> str:
    if value == 0 or abs(value) >= 1:
        return f"{value:.3g} s"
    return f"{value * 1000:.3g} ms"


def _octets(value: float) -> str:
    place = 0
    while abs(value) >= 1024 and place < len(_SIZES) - 1:
        value, place = value / 1024, place + 1
    return f"{value:.3g} {_SIZES[place]}"


_WRITERS: Mapping[str, Callable[[float], str]] = {
    "s": _seconds,
    "bytes": _octets,
    "percentunit": lambda value: f"{value * 100:.3g} %",
    "reqps": lambda value: f"{value:.3g} req/s",
    "ops": lambda value: f"{value:.3g} /s",
}
