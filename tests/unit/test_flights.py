"""A tenant's share of the room."""

from consumer.core.flights import Flights
from consumer.core.work import Work
from tests.builders import record


def flights(**number: int) -> Flights:
    """So many requests of each tenant in flight, since the time 0."""
    made = Flights()
    for name, offsets in number.items():
        for offset in range(offsets):
            made.take_off(Work(record(offset=offset)), name, 0.0)
    return made


def test_a_tenant_may_have_half_of_what_others_leave() -> None:
    made = flights(a=250, b=100)
    assert made.share("a", 150) == 200
    assert made.share("b", 150) == 125


def test_nobody_is_slow_before_it_was_measured() -> None:
    assert not flights(a=500).full("a", 0, 1.9)
    assert flights(a=500).full("a", 0, 2.1)


def test_a_tenant_whose_requests_end_soon_may_have_more_than_its_share() -> None:
    made, works = Flights(), [Work(record(offset=offset)) for offset in range(500)]
    for work in works:
        made.take_off(work, "a", 0.0)
    for work in works[:200]:
        made.land(work, "a", 2.1)
    assert made.number("a") == 300
    assert not made.full("a", 100, 2.2)
    assert made.full("a", 100, 20.0), "it has stopped since"


def test_the_newest_beyond_the_share_are_surplus_and_nobody_that_has_leave_to_send() -> None:
    made = flights(a=10, b=1)
    surplus = made.surplus(0, 10.0, fixed={7, 9})
    assert [work.offset for work in surplus] == [3, 4, 5, 6, 8]


def test_a_tenant_that_has_nothing_in_flight_is_forgotten() -> None:
    made, work = Flights(), Work(record())
    made.take_off(work, "a", 0.0)
    made.land(work, "a", 100.0)
    made.land(work, "a", 100.0)
    assert made.number("a") == 0
    assert not made.full("a", 0, 200.0)


def test_who_moves_is_slow_all_the_same_with_too_many_in_line() -> None:
    made, works = flights(a=10), [Work(record(offset=offset)) for offset in range(5)]
    for work in works:
        made.take_off(work, "b", 9.5)
    for work in works[:2]:
        made.land(work, "b", 9.6)
    assert made.slow("a", 0, 11.6)
    assert not made.slow("b", 0, 11.6)
    assert made.slow("b", 100, 11.6)
    assert not made.slow("c", 100, 11.6), "nothing of it is in flight"


def test_where_this_process_is_slow_itself_nobody_is_taken_for_slow() -> None:
    made = flights(a=500)
    made.patience = 10.0
    assert not made.full("a", 0, 16.0)
    assert made.full("a", 0, 24.0)
