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


def test_once_connections_have_waited_there_are_fewer_only_by_and_by() -> None:
    ahead, now, numbers = Ahead(LIMITS, 0.0), 0.0, list[int]()
    for starved in [True] * 20 + [False] * 3:
        now = served(ahead, 500, now, starved=starved)
        numbers.append(ahead.number)
    assert numbers[-4:] == [300, 296, 292, 288]


def test_where_as_many_connections_waited_as_mails_were_ahead_a_grant_is_long_enough_a_measure() -> None:
    ahead = Ahead(LIMITS, 0.0)
    for now in (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.09):
        ahead.starved()
        assert not ahead.served(now)
    ahead.starved()
    assert ahead.served(0.1)
    assert ahead.number == 22  # 11 in 0.1 s, twice as many
    for now in (0.1, 0.11, 0.12, 0.21):
        ahead.starved()
        assert not ahead.served(now), "they were fewer than those ahead"


@pytest.mark.parametrize(("mails", "number"), [(20, 20), (10, 16), (3, 10)])
def test_while_connections_wait_it_doubles_but_stays_below_four_times_what_is_taken(mails: int, number: int) -> None:
    ahead = Ahead(LIMITS, 0.0)
    served(ahead, mails, 0.0, starved=True)  # 80, 40, 12 a second: 8, 4, 1 while a grant is under way
    assert ahead.number == number
