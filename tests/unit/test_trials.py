"""Tests and validations have small limits of their own."""

from hypothesis import given
from hypothesis import strategies as st

from consumer.core.outcome import Failed, Outcome, RateLimited, Subject, Validated
from consumer.core.record import Coordinates
from consumer.core.trials import Trials, trial_of

HOUR = 3600.0
TEST, VALIDATION = "email.send-test-email.v1", "email.validate-credentials.v1"
LIMITS = {TEST: 2, VALIDATION: 3}
PLACE = Coordinates(0, 0)


def subject(type_: str = VALIDATION, tenant: str = "acme") -> Subject:
    return Subject(PLACE, PLACE, tenant, "v-1", type_)


def tried(trials: Trials, number: int, now: float, of: Subject | None = None) -> bool:
    """Whether it was let through; it ends at once."""
    of = of or subject()
    free = trials.take(number, of, now) is None
    trials.settle(number, of, now, tried=free)
    return free


def test_no_more_than_the_limit_in_an_hour_and_then_it_is_said_when() -> None:
    trials = Trials(LIMITS)
    assert [tried(trials, number, 100.0 * number) for number in range(4)] == [True, True, True, False]
    assert trials.take(4, subject(), 1000.0) == 2600.0
    assert tried(trials, 5, HOUR)
    assert not tried(trials, 6, HOUR)


def test_tenants_and_types_have_limits_of_their_own() -> None:
    trials = Trials(LIMITS)
    assert [tried(trials, number, 0.0) for number in range(4)] == [True, True, True, False]
    assert tried(trials, 5, 0.0, subject(tenant="other"))
    assert [tried(trials, number, 0.0, subject(TEST)) for number in (6, 7, 8)] == [True, True, False]


def test_one_that_is_under_way_counts_and_one_that_was_not_carried_out_does_not() -> None:
    trials = Trials({VALIDATION: 1})
    assert trials.take(1, subject(), 0.0) is None
    assert trials.take(2, subject(), 0.0) == 1.0
    trials.settle(1, subject(), 0.0, tried=False)
    assert trials.take(2, subject(), 0.0) is None


def test_one_that_was_lost_with_its_process_counts() -> None:
    trials = Trials({VALIDATION: 1})
    trials.lost(subject(), 0.0)
    assert trials.take(1, subject(), 1.0) == 3599.0


def test_what_a_former_owner_carried_out_counts() -> None:
    trials = Trials({VALIDATION: 1})
    trials.remember("acme", VALIDATION, 10.0)
    assert trials.take(1, subject(), 20.0) == 3590.0
    trials.tidy(HOUR + 10.0)
    assert trials.take(1, subject(), HOUR + 10.0) is None


def test_what_did_not_reach_a_relay_is_no_trial() -> None:
    done: tuple[Outcome, ...] = (Validated((), login=True), Failed("auth", "refused"))
    assert [trial_of(subject(), one) for one in done] == [VALIDATION, VALIDATION]
    assert trial_of(subject(), RateLimited(1.0)) is None
    assert trial_of(subject("email.send-email.v1"), Failed("auth", "refused")) is None


@given(limit=st.integers(1, 4), gaps=st.lists(st.floats(0, 1000), max_size=60))
def test_no_hour_ever_holds_more_trials_than_the_limit(limit: int, gaps: list[float]) -> None:
    trials, now, through = Trials({VALIDATION: limit}), 0.0, list[float]()
    for number, gap in enumerate(gaps):
        now += gap
        if tried(trials, number, now):
            through.append(now)
    for start in through:
        assert sum(start <= at < start + HOUR for at in through) <= limit
