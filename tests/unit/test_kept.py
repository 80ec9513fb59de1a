"""Records that are kept while their requests wait."""

from consumer.core.record import Coordinates
from consumer.stream.kept import Kept
from tests.builders import record


def test_what_was_put_is_taken_once() -> None:
    kept, one = Kept(), record(offset=5)
    kept.put(one)
    assert kept.take(Coordinates(0, 5)) is one
    assert kept.take(Coordinates(0, 5)) is None


def test_the_oldest_go_first_when_there_are_too_many_bytes() -> None:
    kept = Kept(most=40_000)
    for offset in range(100):
        kept.put(record(b"x" * 500, offset=offset))
    held = [offset for offset in range(100) if kept.take(Coordinates(0, offset)) is not None]
    assert held == list(range(60, 100))


def test_what_is_large_is_read_again() -> None:
    kept = Kept(most=1_000_000)
    kept.put(record(b"x" * 100_000, offset=1))
    assert kept.take(Coordinates(0, 1)) is None
