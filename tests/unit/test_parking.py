"""What waits: due times and queues."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from consumer.core.parking import Entry, Parking, Reason
from consumer.core.record import Coordinates


def entry(offset: int, *, due: float = 100.0, tenant: str = "acme", reason: Reason = Reason.RETRY) -> Entry:
    return Entry(offset, Coordinates(0, offset), tenant, f"r-{offset}", b"", due, 1_000.0, reason)


@given(dues=st.lists(st.integers(0, 100), max_size=50), now=st.integers(0, 100))
def test_what_is_due_comes_out_once_and_what_is_not_stays(dues: list[int], now: int) -> None:
    parking = Parking()
    for offset, due in enumerate(dues):
        parking.add(entry(offset, due=due))
    assert sorted(parking.take_due(now, 1_000)) == [offset for offset, due in enumerate(dues) if due <= now]
    assert parking.take_due(now, 1_000) == []
    later = [due for due in dues if due > now]
    assert parking.next_due() == min(later, default=None)


def test_what_is_parked_is_found_by_tenant_and_id_the_oldest_first() -> None:
    parking = Parking()
    for offset in (7, 3):
        parking.add(replace(entry(offset), id="r"))
    parking.add(replace(entry(1, tenant="other"), id="r"))
    found = [parking.find("acme", "r")]
    parking.remove(3)
    found.append(parking.find("acme", "r"))
    parking.remove(7)
    assert [one and one.offset for one in (*found, parking.find("acme", "r"))] == [3, 7, None]
    assert parking.remove(7) is None


def test_what_is_taken_is_out_until_it_is_put_back() -> None:
    parking = Parking()
    parking.add(entry(3, due=10.0))
    parking.take(3)
    assert parking.is_out(3)
    assert (parking.next_due(), parking.take_due(20.0, 10)) == (None, [])
    parking.add(entry(3, due=10.0))
    assert not parking.is_out(3)
    assert parking.take_due(20.0, 10) == [3]


def test_a_queue_is_given_out_in_order_of_home_offset() -> None:
    parking = Parking()
    for offset in (7, 3, 5):
        parking.add(entry(offset, reason=Reason.WINDOW))
    assert parking.take_queued("acme", 2) == [3, 5]
    assert parking.take_queued("acme", 2) == [7]
    assert parking.take_queued("acme", 2) == []


def test_who_is_put_back_stands_where_it_stood() -> None:
    parking = Parking()
    for offset in (3, 5, 7):
        parking.add(entry(offset, reason=Reason.WINDOW))
    assert parking.take_queued("acme", 1) == [3]
    parking.add(entry(3, reason=Reason.WINDOW, due=200.0))
    assert parking.take_queued("acme", 3) == [3, 5, 7]


def test_whoever_came_later_stands_behind_the_queue_and_whoever_came_earlier_does_not() -> None:
    parking = Parking()
    parking.add(entry(5, reason=Reason.WINDOW))
    assert parking.queued("acme", before=9)
    assert not parking.queued("acme", before=4)
    assert not parking.queued("other", before=9)


def test_who_waits_for_a_slot_is_due_at_its_deadline_too() -> None:
    parking = Parking()
    parking.add(entry(5, reason=Reason.WINDOW, due=2_000.0))
    assert parking.take_due(999.0, 10) == []
    assert parking.take_due(1_000.0, 10) == [5]


def test_what_ended_is_not_given_out_any_more() -> None:
    parking = Parking()
    parking.add(entry(5))
    parking.add(entry(6, reason=Reason.WINDOW))
    assert parking.remove(5) is not None
    assert parking.remove(6) is not None
    assert parking.take_due(5_000.0, 10) == []
    assert parking.take_queued("acme", 10) == []
    assert parking.next_due() is None


def test_a_queue_is_looked_at_when_its_next_slot_is_free() -> None:
    parking = Parking()
    parking.add(entry(5, reason=Reason.WINDOW, due=300.0))
    parking.wake("acme", 200.0)
    assert parking.next_due() == 200.0
    assert parking.awake(199.0) == []
    assert parking.awake(200.0) == ["acme"]
