"""How many mails have leave to send while they wait for a connection."""

import pytest

from consumer.adapters.smtp.ahead import Ahead
from consumer.adapters.smtp.options import PoolLimits

MEASURE = 0.25
"""Seconds, exact in binary, and no shorter than what is measured."""
LIMITS = PoolLimits(ahead=10, most_ahead=1_000, grant=0.1)


def served(ahead: Ahead, mails: int, now: float, *, starved: bool) -> float:
    """So many mails within one measure; answers when it ended."""
    before, now = now, now + MEASURE
    for number in range(mails):
        if starved:
            ahead.starved()
        ahead.served(now if number == mails - 1 else before)
    return now


def test_at_first_there_are_few() -> None:
    assert Ahead(LIMITS, 0.0).number == 10


def test_as_many_as_a_relay_takes_while_a_grant_is_under_way() -> None:
    ahead = Ahead(LIMITS, 0.0)
    served(ahead, 500, 0.0, starved=False)  # 2,000 a second
    assert ahead.number == 200


def test_twice_as_many_where_connections_wait_and_a_relay_takes_more_each_time() -> None:
    ahead, now, numbers = Ahead(LIMITS, 0.0), 0.0, list[int]()
    for mails in (25, 50, 100, 200, 400):
        now = served(ahead, mails, now, starved=True)
        numbers.append(ahead.number)
    assert numbers == [20, 40, 80, 160, 320]


def test_half_as_many_again_where_connections_wait_and_a_relay_takes_no_more() -> None:
    ahead, now = Ahead(LIMITS, 0.0), 0.0
    for _ in range(20):
        now = served(ahead, 500, now, starved=True)
    assert ahead.number == 300


def test_no_more_than_the_relay_takes_once_no_connection_waits() -> None:
    ahead, now = Ahead(LIMITS, 0.0), 0.0
    for starved in [True] * 3 + [False] * 100:
        now = served(ahead, 500, now, starved=starved)
    assert ahead.number == 200


def test_a_moment_without_mails_is_not_taken_for_a_slow_relay() -> None:
    ahead, now = Ahead(LIMITS, 0.0), 0.0
    for _ in range(40):
        now = served(ahead, 500, now, starved=False)
    served(ahead, 1, now, starved=False)
    assert ahead.number == 200


def test_a_single_connection_that_waits_is_no_reason() -> None:
    ahead = Ahead(LIMITS, 0.0)
    ahead.starved()
    served(ahead, 500, 0.0, starved=False)
    assert ahead.number == 200


def test_a_grant_that_takes_longer_has_more_ahead() -> None:
    ahead = Ahead(LIMITS, 0.0)
    for _ in range(200):
        ahead.granted(0.5)
    served(ahead, 125, 0.0, starved=False)  # 500 a second
    assert ahead.number == pytest.approx(250, abs=1)


@pytest.mark.parametrize(("mails", "number"), [(1, 10), (100_000, 1_000)])
def test_bounds_hold(mails: int, number: int) -> None:
    ahead = Ahead(LIMITS, 0.0)
    served(ahead, mails, 0.0, starved=True)
    assert ahead.number == number
