"""Windows against an exact sliding log."""

from hypothesis import given
from hypothesis import strategies as st

from consumer.core.tenant import HOUR, Limit
from consumer.core.window import Full, Windows

seconds = st.floats(0, 40, allow_nan=False)


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
