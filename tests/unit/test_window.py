"""Windows against an exact sliding log."""

from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.tenant import HOUR, Limit
from consumer.core.window import Full, Windows

seconds = st.floats(0, 40, allow_nan=False)
UNITS: tuple[Literal["messages", "recipients"], ...] = ("messages", "recipients")


@dataclass
class Exact:
    """The same by the definition: all sends there ever were, counted anew each time."""

    sends: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    taken: dict[int, int] = field(default_factory=dict[int, int])

    def take(self, key: int, recipients: int, limits: list[Limit], now: float) -> Full | None:
        if key in self.taken:
            return None
        full = [until for limit in limits if (until := self._until(limit, recipients, now)) is not None]
        if not full:
            self.taken[key] = recipients
            return None
        return Full(None if max(full) == inf else max(full))

    def _until(self, limit: Limit, recipients: int, now: float) -> float | None:
        """When it has room; infinity where that is not known; None where it has."""
        units = [(at, 1 if limit.unit == "messages" else number) for at, number in self.sends if now < at + limit.per]
        waiting = len(self.taken) if limit.unit == "messages" else sum(self.taken.values())
        wanted = 1 if limit.unit == "messages" else recipients
        if sum(number for _, number in units) + waiting + wanted <= limit.count:
            return None
        left = [at + limit.per for at, _ in sorted(units)]
        for at in left:
            later = sum(number for sent, number in units if sent + limit.per > at)
            if later + waiting + wanted <= limit.count:
                return at
        return inf


def compare(dice: Random) -> None:
    """One case: some limits, and as many sends, replies and returns as fit into a few windows."""
    kinds = [Limit(dice.randint(1, 6), dice.choice([1.0, 7.5, 60.0]), dice.choice(UNITS)) for _ in range(3)]
    limits, windows, exact, now = kinds[: dice.randint(1, 3)], Windows(HOUR), Exact(), 1_000.0
    for key in range(dice.randint(1, 25)):
        now += dice.choice([0.0, 0.25, 1.0, dice.uniform(0, 20)])
        recipients = dice.randint(1, 3)
        said = windows.take(key, recipients, limits, now)
        assert said == exact.take(key, recipients, limits, now)
        for open_ in [one for one in exact.taken if dice.random() < 0.5]:
            reply = now + dice.choice([0.0, 0.5])
            if dice.random() < 0.2:
                windows.give_back(open_)
                del exact.taken[open_]
            else:
                windows.sent(open_, 1, reply)
                exact.sends.append((reply, exact.taken.pop(open_)))


@pytest.mark.parametrize(
    "cases", [range(2_000), pytest.param(range(2_000, 102_000), marks=pytest.mark.slow)], ids=["2,000", "100,000"]
)
def test_windows_say_what_an_exact_log_says(cases: range) -> None:
    for seed in cases:
        compare(Random(seed))  # noqa: S311  cases that can be had again


@given(
    count=st.integers(1, 5),
    per=st.floats(1, 60),
    steps=st.lists(st.tuples(seconds, seconds, st.sampled_from(["accepted", "not sent"])), max_size=60),
)
def test_no_window_ever_holds_more_than_the_limit(
    count: int, per: float, steps: list[tuple[float, float, str]]
) -> None:
    limit, windows, now, sent = Limit(count, per), Windows(HOUR), 1_000.0, list[float]()
    for key, (gap, until_reply, end) in enumerate(steps):
        now += gap
        if windows.take(key, 1, [limit], now) is not None:
            continue
        now += until_reply
        if end == "accepted":
            windows.sent(key, 1, now)
            sent.append(now)
        else:
            windows.give_back(key)
    for start in sent:
        assert sum(start <= at < start + per for at in sent) <= count


@given(count=st.integers(1, 4), per=st.floats(1, 60), gaps=st.lists(seconds, min_size=1, max_size=40))
def test_a_slot_is_free_exactly_when_it_was_said_to_be(count: int, per: float, gaps: list[float]) -> None:
    limit, windows, now = Limit(count, per), Windows(HOUR), 1_000.0
    for key, gap in enumerate(gaps):
        now += gap
        full = windows.take(key, 1, [limit], now)
        if full is not None:
            assert full.until is not None
            assert now < full.until <= now + per
            now = full.until
            assert windows.take(key, 1, [limit], now) is None
        windows.sent(key, 1, now)


def test_the_eleventh_of_an_hour_waits_until_the_first_is_an_hour_old() -> None:
    windows, limit = Windows(HOUR), Limit(10, HOUR)
    for key in range(10):
        assert windows.take(key, 1, [limit], 100.0 + key) is None
        windows.sent(key, 1, 100.0 + key)
    assert windows.take(10, 1, [limit], 200.0) == Full(100.0 + HOUR)
    assert windows.take(10, 1, [limit], 100.0 + HOUR) is None


def test_counted_from_the_grant_a_window_would_exceed_its_limit_so_it_counts_from_the_reply() -> None:
    windows, limit = Windows(HOUR), Limit(1, HOUR)
    assert windows.take(1, 1, [limit], 0.0) is None
    assert windows.take(2, 1, [limit], 10.0) == Full(None)
    windows.sent(1, 1, 600.0)
    assert windows.take(2, 1, [limit], HOUR + 10.0) == Full(HOUR + 600.0)


def test_a_mail_that_was_not_sent_gives_its_slot_back_once() -> None:
    windows, limit = Windows(HOUR), Limit(1, HOUR)
    assert windows.take(1, 1, [limit], 0.0) is None
    windows.give_back(1)
    windows.give_back(1)
    assert windows.take(2, 1, [limit], 0.0) is None
    assert windows.take(3, 1, [limit], 0.0) == Full(None)


def test_a_send_is_charged_once_however_often_it_asks() -> None:
    windows, limit = Windows(HOUR), Limit(2, HOUR)
    assert windows.take(1, 1, [limit], 0.0) is None
    assert windows.take(1, 1, [limit], 1.0) is None
    assert windows.free([limit], 1.0) == 1


def test_a_limit_of_recipients_counts_recipients() -> None:
    windows, limit = Windows(HOUR), Limit(5, HOUR, "recipients")
    assert windows.take(1, 3, [limit], 0.0) is None
    windows.sent(1, 3, 0.0)
    assert windows.take(2, 3, [limit], 1.0) == Full(HOUR)
    assert windows.take(3, 2, [limit], 1.0) is None


def test_a_limit_that_is_new_counts_what_was_sent_before_it() -> None:
    windows = Windows(HOUR)
    windows.sent(None, 1, 0.0)
    assert windows.take(1, 1, [Limit(1, 60.0)], 30.0) == Full(60.0)


def test_replies_out_of_order_keep_the_log_in_order() -> None:
    windows, limit = Windows(HOUR), Limit(2, HOUR)
    windows.sent(None, 1, 50.0)
    windows.sent(None, 1, 10.0)
    assert windows.take(1, 1, [limit], 60.0) == Full(10.0 + HOUR)
