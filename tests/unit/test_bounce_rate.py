"""How much of a tenant's mail bounces."""

import pytest

from consumer.core.bounce_rate import BounceRates, Level, next_hour

HOUR = 3600.0
NOW = 1_700_000_000.0


def rates(sent: int, bounced: int) -> BounceRates:
    made = BounceRates(least=1_000, warning=0.05, critical=0.10)
    made.sent("acme", sent, NOW)
    made.bounced("acme", NOW, times=bounced)
    return made


@pytest.mark.parametrize(
    ("sent", "bounced", "level"),
    [
        (1_000, 0, Level.FINE),
        (1_000, 49, Level.FINE),
        (1_000, 50, Level.WARNING),
        (1_000, 99, Level.WARNING),
        (1_000, 100, Level.CRITICAL),
        (999, 999, Level.FINE),
    ],
)
def test_a_rate_says_something_of_enough_mail_only(sent: int, bounced: int, level: Level) -> None:
    assert rates(sent, bounced).level("acme", NOW) is level


def test_it_is_that_of_the_last_day() -> None:
    made = rates(1_000, 100)
    assert made.level("acme", NOW + 22 * HOUR) is Level.CRITICAL
    assert made.level("acme", NOW + 24 * HOUR) is Level.FINE
    made.tidy(NOW + 24 * HOUR)
    assert made.levels(NOW) == {}


def test_only_tenants_that_are_not_fine_are_named() -> None:
    made = rates(1_000, 50)
    made.sent("other", 5_000, NOW)
    made.bounced("other", NOW)
    assert made.levels(NOW) == {"acme": Level.WARNING}
    assert made.level("nobody", NOW) is Level.FINE


def test_the_next_hour_is_later() -> None:
    assert next_hour(NOW) == 1_700_002_800.0
    assert next_hour(1_700_002_800.0) == 1_700_006_400.0
