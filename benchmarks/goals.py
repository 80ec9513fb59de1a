"""What is to be reached, and what was."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from benchmarks.book import Book, Row, find
from benchmarks.systems import OURS, PLAIN, TWO
from benchmarks.tables import markdown, number


class Bound(Enum):
    """On which side of its number a goal is reached."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True)
class Goal:
    """`reached` gives the figure of a book, or None where it was not measured."""

    what: str
    elsewhere: str
    bound: Bound
    number: float
    reached: Callable[[Book], float | None]

    def met(self, figure: float) -> bool:
        return figure <= self.number if self.bound is Bound.AT_MOST else figure >= self.number


def table(book: Book) -> str:
    """Each goal, what others reach on this machine's like, and what was reached here."""
    return markdown([("what", "best elsewhere", "goal", "reached", ""), *(_row(goal, book) for goal in GOALS)])


def _row(goal: Goal, book: Book) -> tuple[str, ...]:
    figure = goal.reached(book)
    verdict = "" if figure is None else "yes" if goal.met(figure) else "no"
    told = "not measured" if figure is None else _short(figure)
    return goal.what, goal.elsewhere, f"{goal.bound.value} {_short(goal.number)}", told, verdict


def _short(figure: float) -> str:
    return number(figure).removesuffix(".0")


def _figure(part: str, figure: str, name: str = OURS.name, **given: float) -> Callable[[Book], float | None]:
    def reached(book: Book) -> float | None:
        row = find(book, part, name, **given)
        return None if row is None else row.middle(figure)

    return reached


def _ratio(part: str, figure: str, name: str, to: str, **given: float) -> Callable[[Book], float | None]:
    def reached(book: Book) -> float | None:
        one, other = find(book, part, name, **given), find(book, part, to, **given)
        return None if one is None or other is None else one.middle(figure) / other.middle(figure)

    return reached


def _restored(book: Book) -> float | None:
    row = find(book, "takeover", "100,000 outcomes")
    return None if row is None else row.middle("read_s") + row.middle("remember_s")


def _over_tenants(book: Book) -> float | None:
    """By how many percent the one farthest from the middle row differs from it."""
    rows = [row for row in book["growth"].rows if "tenant" in row.name] if "growth" in book else []
    middle = next((row for row in rows if row.given["tenants"] == 10), None)
    return None if middle is None else max(_differs(row, middle) for row in rows)


def _differs(row: Row, from_: Row) -> float:
    return abs(row.middle("rate") / from_.middle("rate") - 1) * 100


GOALS = (
    Goal("CPU us a mail, fast relay", "Go 190, Node 520, Python 1,400", Bound.AT_MOST, 110, _figure("fast", "cpu_us")),
    Goal(
        "mails/s, fast relay, times the plain consumer",
        "Go 8.9, Node 3",
        Bound.AT_LEAST,
        9,
        _ratio("fast", "rate", OURS.name, PLAIN.name),
    ),
    Goal(
        "mails/s at 20 ms, 20 connections",
        "Node 437, smtp-source 232, Go 185",
        Bound.AT_LEAST,
        880,
        _figure("far", "rate", connections=20),
    ),
    Goal(
        "mails/s at 20 ms, 100 connections",
        "Node 1,358, smtp-source 1,150, Go 902",
        Bound.AT_LEAST,
        4000,
        _figure("far", "rate", connections=100),
    ),
    Goal("the same, STARTTLS, 20", "", Bound.AT_LEAST, 850, _figure("starttls", "rate", connections=20)),
    Goal("the same, STARTTLS, 100", "", Bound.AT_LEAST, 3500, _figure("starttls", "rate", connections=100)),
    Goal("CPU us a mail, against a real Postfix", "", Bound.AT_MOST, 200, _figure("postfix", "cpu_us")),
    Goal(
        "peak MB, 20,000 requests in the topic",
        "Go 54, Python 58",
        Bound.AT_MOST,
        120,
        _figure("memory", "peak_mb", mails=20_000),
    ),
    Goal("peak MB, 1,000,000 parked", "", Bound.AT_MOST, 400, _figure("memory", "peak_mb", "1,000,000 parked")),
    Goal("request to outcome, idle, p50 ms", "", Bound.AT_MOST, 120, _figure("latency", "p50_ms", "idle")),
    Goal("request to outcome, idle, p99 ms", "", Bound.AT_MOST, 250, _figure("latency", "p99_ms", "idle")),
    Goal("seconds to take over 100,000 outcomes", "", Bound.AT_MOST, 2, _restored),
    Goal("mails/s over 1 to 10,000 tenants, % off the middle", "", Bound.AT_MOST, 15, _over_tenants),
    Goal(
        "mails/s, two workers, times one",
        "",
        Bound.AT_LEAST,
        1.7,
        _ratio("workers", "rate", TWO.name, OURS.name, round_trip_ms=0),
    ),
)
