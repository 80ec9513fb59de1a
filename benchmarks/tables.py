"""Tables in Markdown that can be read as they stand."""

from collections.abc import Sequence
from statistics import median


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """The first line is the head."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    told = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    told.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(told)


def spread(numbers: Sequence[float]) -> str:
    """The middle, and the least and the most where there was more than one round."""
    middle = number(median(numbers))
    return middle if len(numbers) == 1 else f"{middle} ({number(min(numbers))} to {number(max(numbers))})"


def number(one: float) -> str:
    """As many digits as are of use."""
    return f"{one:,.0f}" if abs(one) >= 20 else f"{one:.1f}" if abs(one) >= 1 or not one else f"{one:.2f}"
