"""Figures as tables for people, and as the section of docs/performance.md that a run writes anew."""

import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks import events, goals, plots
from benchmarks.book import Book, Part, Row
from benchmarks.systems import OURS, PLAIN
from benchmarks.tables import markdown, spread

_BEGIN = "<!-- from here: written by `make bench` -->"
_END = "<!-- to here -->"
_LIBRARIES = ("aiokafka", "aiosmtplib", "jsonschema-rs", "orjson", "pydantic", "uvloop")
_BASES = (PLAIN.name, "10 tenants", "6 partitions", OURS.name)
"""What the other rows of a table are compared with: the first of these that is in it."""

_COLUMNS = {
    "rate": "mails/s",
    "cpu_us": "CPU us a mail",
    "peak_mb": "peak MB",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "most_ms": "most ms",
    "resident_mb": "MB afterwards",
    "ready_s": "seconds to be ready",
    "read_s": "seconds to read them",
    "remember_s": "seconds to remember them",
}
_COMPARED = ("rate", "cpu_us")


def text(book: Book) -> str:
    """The goals, then a table for each course, part by part."""
    parts = ["**Goals**", goals.table(book)] if book else []
    for name, part in book.items():
        parts += [f"### {name}", part.taken, *part.skipped, *plots.links(name, book), *_tables(part)]
    return "\n\n".join(parts) + "\n"


def write(section: str, document: Path) -> None:
    """Put the section in the place of the last one."""
    before, _, rest = document.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError(f"{document.name}: the marks of the section that `make bench` writes are missing")
    document.write_text(f"{before}{_BEGIN}\n\n{section}\n{_END}{after}")


def taken(loads: Sequence[float], relays: Sequence[str]) -> str:
    """When, of what code, on what machine, and what else went on there."""
    libraries = ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES)
    relay = f" Relay: {'; '.join(relays)}." if relays else ""
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC at {_commit()}, {os.cpu_count()} cores ({platform.machine()}), load "
        f"{min(loads):.1f} to {max(loads):.1f}; {platform.system()}, Python {platform.python_version()}, {libraries}. "
        f"One Kafka broker runs on the same cores.{relay} An event is {events.size():,} bytes of JSON."
    )


def table(rows: Sequence[Row]) -> str:
    """In the order of the rows; what can be compared has a column that does."""
    base = next((row for name in _BASES for row in rows if row.name == name and len(rows) > 1), None)
    figures = list(rows[0].figures)
    head = [""]
    for figure in figures:
        head += [_COLUMNS[figure], f"of {base.name}"] if base and figure in _COMPARED else [_COLUMNS[figure]]
    return markdown([head, *(_cells(row, figures, base) for row in rows)])


def _tables(part: Part) -> Iterator[str]:
    for course in dict.fromkeys(row.course for row in part.rows):
        yield f"**{course}**"
        yield table([row for row in part.rows if row.course == course])


def _cells(row: Row, figures: Sequence[str], base: Row | None) -> list[str]:
    cells = [row.name]
    for figure in figures:
        cells.append(spread(row.figures[figure]))
        if base and figure in _COMPARED:
            cells.append(f"{row.middle(figure) / base.middle(figure):.2f}")
    return cells


def _commit() -> str:
    asked = subprocess.run(("git", "describe", "--always", "--dirty"), capture_output=True, text=True, check=False)
    return f"`{asked.stdout.strip()}`" if asked.returncode == 0 else "an unknown commit"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
