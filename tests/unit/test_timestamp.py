"""Times as they are told to people and readers."""

import pytest

from consumer.core.timestamp import format_timestamp, parse_timestamp


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_795_258_800.1234, "2026-11-21T11:00:00.123Z"),
        (9.2e15, "9999-12-31T23:59:59.000Z"),
        (-9.2e15, "0001-01-01T00:00:00.000Z"),
    ],
)
def test_a_time_is_told_in_utc_whatever_it_is(seconds: float, text: str) -> None:
    assert format_timestamp(seconds) == text


def test_the_latest_time_that_a_producer_can_ask_for_can_be_told() -> None:
    seconds = parse_timestamp("9999-12-31T23:59:59.999999999-23:59")
    assert seconds is not None
    assert format_timestamp(seconds) == "9999-12-31T23:59:59.000Z"
