"""The plots, made from what was measured."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.book import Book, Row
from benchmarks.svg import Axis, Series, plot
from benchmarks.systems import OURS, PLAIN, SOURCE

_WAYS = ("fast", "far", "trips")
_CONNECTIONS = 20


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot, and the part of the report that it stands in."""

    part: str
    file: str
    title: str
    across: Axis
    up: Axis
    series: Callable[[Book], list[Series]]


def draw(book: Book, folder: Path) -> None:
    """Write those whose figures are there."""
    for picture in PICTURES:
        if series := picture.series(book):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / picture.file).write_text(plot(picture.title, picture.across, picture.up, series))


def links(part: str, book: Book) -> list[str]:
    """Those of that part, as the report shows them."""
    return [f"![{one.title}](plots/{one.file})" for one in PICTURES if one.part == part and one.series(book)]


def _by_round_trip(book: Book) -> list[Series]:
    rows = [
        row for part in _WAYS if part in book for row in book[part].rows if row.given["connections"] == _CONNECTIONS
    ]
    found = [
        Series(name, _points((row for row in rows if row.name == name), "round_trip_ms", "rate"))
        for name in (OURS.name, PLAIN.name, SOURCE.name)
    ]
    trips = sorted({row.given["round_trip_ms"] for row in rows} - {0})
    bound = Series("one round trip a mail", [(trip, _CONNECTIONS * 1000 / trip) for trip in trips], dashed=True)
    return [one for one in (*found, bound) if len(one.points) > 1] if len(trips) > 1 else []


def _by_load(book: Book) -> list[Series]:
    rows = book["latency"].rows if "latency" in book else ()
    return _lines(rows, "offered", {"p50_ms": "half of them within", "p99_ms": "99 % within"})


def _by_parked(book: Book) -> list[Series]:
    rows = [row for row in book["memory"].rows if "parked" in row.given] if "memory" in book else []
    return _lines(rows, "parked", {"peak_mb": "at the peak, while they are restored", "resident_mb": "afterwards"})


def _lines(rows: Iterable[Row], x: str, names: Mapping[str, str]) -> list[Series]:
    rows = [row for row in rows if x in row.given]
    return [Series(name, _points(rows, x, y)) for y, name in names.items()] if len(rows) > 1 else []


def _points(rows: Iterable[Row], x: str, y: str) -> list[tuple[float, float]]:
    return [(row.given[x], row.middle(y)) for row in rows]


PICTURES = (
    Picture(
        "trips",
        "round-trip.svg",
        f"Mails a second by the relay's round trip, {_CONNECTIONS} connections",
        Axis("round trip to the relay, ms"),
        Axis("mails a second", log=True),
        _by_round_trip,
    ),
    Picture(
        "latency",
        "latency.svg",
        "From request to outcome by load",
        Axis("requests a second"),
        Axis("milliseconds", log=True),
        _by_load,
    ),
    Picture(
        "memory",
        "parked.svg",
        "Memory of a process by parked requests",
        Axis("parked requests"),
        Axis("MB"),
        _by_parked,
    ),
)
