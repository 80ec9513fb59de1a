"""Figures as a table for people, and as the section of docs/performance.md that a full run writes anew."""

import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import TypeAlias

from benchmarks import events, sink
from benchmarks.bench import Course, Figures
from benchmarks.systems import PLAIN

Results: TypeAlias = Mapping[tuple[Course, str], Sequence[Figures]]
"""What each system did in each course, once per round."""

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"

_BEGIN = "<!-- from here: written by `make bench` -->"
_END = "<!-- to here -->"
_LIBRARIES = ("aiokafka", "aiosmtplib", "jsonschema-rs", "orjson", "pydantic", "uvloop")
_HEAD = ("system", "mails/s", "times the plain one", "CPU us a mail", "of the plain one", "peak MB")


def text(results: Results, skipped: Iterable[str]) -> str:
    """The machine, and a table for each course."""
    parts = [_machine(), *skipped]
    for course in dict.fromkeys(course for course, _ in results):
        parts.append(f"**{course.name}, {course.mails} mails**")
        parts.append(_table({name: figures for (of, name), figures in results.items() if of == course}))
    return "\n\n".join(parts) + "\n"


def write(section: str, document: Path = DOCUMENT) -> None:
    """Put the section in the place of the last one."""
    before, _, rest = document.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError(f"{document.name}: the marks of the section that `make bench` writes are missing")
    document.write_text(f"{before}{_BEGIN}\n\n{section}\n{_END}{after}")


def cpu(figures: Sequence[Figures]) -> float:
    """CPU seconds a mail, of the round in the middle."""
    return median(one.cpu for one in figures)


def _machine() -> str:
    libraries = ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), "
        f"{platform.system()}, Python {platform.python_version()}, {libraries}. One Kafka broker and the relay run on the "
        f"same cores; the relay is {sink.name()}. An event is {events.size():,} bytes of JSON."
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _table(rows: Mapping[str, Sequence[Figures]]) -> str:
    plain = rows.get(PLAIN.name)
    lines = [_HEAD, *(_row(name, figures, plain) for name, figures in rows.items())]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    told = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    told.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(told)


def _row(name: str, figures: Sequence[Figures], plain: Sequence[Figures] | None) -> tuple[str, ...]:
    rates, cpus, peaks = (
        [one.rate for one in figures],
        [one.cpu * 1e6 for one in figures],
        [one.peak for one in figures],
    )
    return (
        name,
        _spread(rates),
        _times(median(rates), plain, lambda one: one.rate),
        _spread(cpus),
        _times(median(cpus), plain, lambda one: one.cpu * 1e6),
        f"{median(peaks):.0f}",
    )


def _times(figure: float, plain: Sequence[Figures] | None, of: Callable[[Figures], float]) -> str:
    return "" if plain is None else f"{figure / median(of(one) for one in plain):.2f}"


def _spread(numbers: Sequence[float]) -> str:
    """The middle, and the least and the most where there was more than one round."""
    middle = f"{median(numbers):,.0f}"
    return middle if len(numbers) == 1 else f"{middle} ({min(numbers):,.0f} to {max(numbers):,.0f})"
