"""When a relay is left alone, and how much it is given."""

import pytest

from consumer.core.attempt import Answered, Attempt, InDoubt, NotSent, Stage
from consumer.core.circuit import (
    CALM,
    FAILURES,
    GROWTH,
    SETTLING,
    Cause,
    Circuit,
    Pauses,
    Width,
    asks_for_less,
    breaks_off,
    cause_of,
    locks_out,
)
from consumer.core.reply import Reply

OK = Reply(250, "ok", "2.1.5")
PAUSES = Pauses(first=1, longest=4, refused_first=60, refused_longest=100)


def test_a_circuit_is_closed_until_something_fails() -> None:
    circuit = Circuit(PAUSES)
    assert not circuit.open(0.0)
    circuit.trip(Cause.UNREACHABLE, "dns", 10.0)
    assert circuit.open(10.9)
    assert not circuit.open(11.0)


def test_each_failed_probe_doubles_the_pause_up_to_the_longest() -> None:
    circuit = Circuit(PAUSES)
    pauses: list[float] = []
    for _ in range(4):
        circuit.trip(Cause.UNREACHABLE, "dns", 0.0)
        pauses.append(circuit.until)
    assert pauses == [1, 2, 4, 4]


def test_bad_credentials_wait_for_longer_than_a_relay_that_is_away() -> None:
    circuit = Circuit(PAUSES)
    circuit.trip(Cause.UNREACHABLE, "dns", 0.0)
    circuit.trip(Cause.CREDENTIALS, "auth 535", 0.0)
    assert circuit.until == 60
    circuit.trip(Cause.CREDENTIALS, "auth 535", 0.0)
    assert circuit.until == 100


@pytest.mark.parametrize(
    ("cause", "logged_in", "mended"),
    [
        (Cause.UNREACHABLE, False, True),
        (Cause.TOKEN, True, True),
        (Cause.CREDENTIALS, True, True),
        (Cause.CREDENTIALS, False, False),  # the relay said so at MAIL: that it takes a connection shows nothing
        (Cause.FAILING, True, False),
        (Cause.THROTTLED, True, False),
    ],
)
def test_a_connection_closes_a_circuit_only_where_the_way_there_had_failed(
    cause: Cause, *, logged_in: bool, mended: bool
) -> None:
    circuit = Circuit(PAUSES)
    circuit.trip(cause, "", 0.0)
    assert circuit.reached(logged_in=logged_in) is mended


def test_a_mail_that_went_well_closes_it_once_it_is_half_open() -> None:
    circuit = Circuit(PAUSES)
    circuit.trip(Cause.FAILING, "timeout", 0.0)
    assert not circuit.served(0.5)  # of a conversation that began before
    assert circuit.served(1.0)
    assert circuit.cause is None


def test_conversations_have_to_break_off_in_a_row() -> None:
    circuit = Circuit(PAUSES)
    assert not any(circuit.failed() for _ in range(FAILURES - 1))
    circuit.served(0.0)
    assert not any(circuit.failed() for _ in range(FAILURES - 1))
    assert circuit.failed()


def test_one_failure_is_enough_while_half_open() -> None:
    circuit = Circuit(PAUSES)
    circuit.trip(Cause.FAILING, "timeout", 0.0)
    assert circuit.failed()


def test_what_is_known_of_a_relay_is_kept_as_long_again_as_it_was_left_alone() -> None:
    circuit = Circuit(PAUSES)
    assert not circuit.remembered(0.0)
    circuit.trip(Cause.UNREACHABLE, "dns", 0.0)
    assert circuit.remembered(1.9)
    assert not circuit.remembered(2.0)


def test_a_width_halves_down_to_one_connection_and_then_can_not() -> None:
    width = Width(10)
    sizes: list[int] = []
    now = 0.0
    while width.halve(now):
        sizes.append(width.size)
        now += SETTLING
    assert sizes == [5, 2, 1]


def test_refusals_of_one_moment_count_as_one() -> None:
    width = Width(10)
    assert all(width.halve(0.5) for _ in range(10))
    assert width.size == 5


def test_success_widens_by_one_connection_at_a_time_up_to_where_it_was() -> None:
    width = Width(3)
    width.at_most(1, 0.0)
    grown = [number for number in range(1, 1_000) if width.narrow and width.grow(SETTLING + CALM)]
    assert grown == [GROWTH, 3 * GROWTH]  # ten mails over one connection, then twenty over two
    assert width.size == 3


def test_nothing_grows_shortly_after_a_refusal() -> None:
    width = Width(3)
    width.at_most(1, 0.0)
    assert not any(width.grow(CALM) for _ in range(1_000))
    assert width.grow(SETTLING + CALM)


def test_a_width_forgets_in_time() -> None:
    width = Width(4)
    width.halve(0.0)
    assert width.remembered(300.0)
    assert not width.remembered(700.0)


@pytest.mark.parametrize(
    ("failure", "cause"),
    [
        (NotSent(Stage.CONNECT, "dns"), Cause.UNREACHABLE),
        (NotSent(Stage.GREETING, "refused", Reply(554, "no")), Cause.UNREACHABLE),
        (NotSent(Stage.GREETING, "closing", Reply(421, "busy")), Cause.THROTTLED),
        (NotSent(Stage.AUTH, "refused", Reply(432, "", "4.3.2")), Cause.THROTTLED),
        (NotSent(Stage.AUTH, "refused", Reply(454, "", "4.7.0")), Cause.THROTTLED),
        (NotSent(Stage.AUTH, "refused", Reply(535, "", "5.7.8")), Cause.CREDENTIALS),
        (NotSent(Stage.AUTH, "refused", Reply(550, "", "5.7.30")), Cause.CREDENTIALS),
        (NotSent(Stage.AUTH, "auth-not-offered"), Cause.UNREACHABLE),
        (NotSent(Stage.AUTH, "token-unavailable"), Cause.TOKEN),
        (NotSent(Stage.AUTH, "token-refused AADSTS7000215"), Cause.CREDENTIALS),
    ],
    ids=str,
)
def test_each_failure_to_connect_has_a_cause(failure: NotSent, cause: Cause) -> None:
    assert cause_of(failure) is cause


@pytest.mark.parametrize(
    ("attempt", "less"),
    [
        (NotSent(Stage.MAIL, "closing", Reply(421, "")), True),
        (NotSent(Stage.MAIL, "refused", Reply(451, "")), True),
        (NotSent(Stage.RCPT, "closing", Reply(421, "")), True),
        (NotSent(Stage.MAIL, "refused", Reply(550, "")), False),
        (NotSent(Stage.MAIL, "timeout"), False),
        (Answered((OK,), Reply(452, "", "4.3.1"), 0.0), True),
        (Answered((OK,), Reply(554, ""), 0.0), False),
        (Answered((OK,), Reply(250, ""), 0.0), False),
        (Answered((Reply(450, "", "4.2.1"),), None, 0.0), False),
        (Answered((Reply(452, "", "4.2.2"), OK), OK, 0.0), False),
        (Answered((Reply(451, "", "4.7.500"), OK), OK, 0.0), True),
        (InDoubt("timeout"), False),
    ],
    ids=str,
)
def test_a_relay_asks_for_less_by_what_it_says_of_us_and_not_of_a_recipient(attempt: Attempt, *, less: bool) -> None:
    assert (asks_for_less(attempt) is not None) is less


def test_only_what_the_relay_did_not_end_breaks_off() -> None:
    assert breaks_off(InDoubt("timeout"))
    assert breaks_off(NotSent(Stage.MAIL, "connection-lost"))
    assert not breaks_off(NotSent(Stage.MAIL, "refused", Reply(550, "")))
    assert not breaks_off(Answered((OK,), OK, 0.0))


def test_a_relay_that_asks_for_a_login_locks_out_wherever_it_does() -> None:
    assert locks_out(NotSent(Stage.MAIL, "refused", Reply(530, "", "5.7.0")))
    assert locks_out(NotSent(Stage.MAIL, "refused", Reply(530, "", "5.7.57")))
    assert not locks_out(NotSent(Stage.MAIL, "refused", Reply(550, "", "5.7.1")))
