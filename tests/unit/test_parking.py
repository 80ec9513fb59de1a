"""What waits: due times and queues."""

from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.parking import QUEUED, Entry, Parking, Reason
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


@dataclass
class Plain:
    """The same without heaps and indexes: everything is looked at each time."""

    entries: dict[int, Entry] = field(default_factory=dict[int, Entry])
    out: set[int] = field(default_factory=set[int])

    def waiting(self) -> list[tuple[float, Entry]]:
        """Those that are not being worked on, in the order in which they fall due."""
        found = [(_when(one), one) for one in self.entries.values() if one.offset not in self.out]
        return sorted(found, key=lambda pair: (pair[0], pair[1].offset))

    def due(self, now: float, most: int) -> list[int]:
        return [one.offset for at, one in self.waiting() if at <= now][:most]

    def queue(self, tenant: str) -> list[int]:
        return sorted(one.offset for _, one in self.waiting() if one.reason in QUEUED and one.tenant == tenant)


def _when(entry: Entry) -> float:
    return entry.deadline if entry.reason in QUEUED else min(entry.due, entry.deadline)


def compare(dice: Random) -> None:
    """One case: requests are parked, given out, put back and ended, some of them several times."""
    parking, plain, now = Parking(), Plain(), 0.0
    for _ in range(dice.randint(1, 60)):
        offset, now, most = dice.randrange(12), now + dice.choice([0.0, 1.0, 30.0]), dice.randint(1, 5)
        tenant = f"t{offset % 2}"
        match dice.choice(["park", "park", "park", "take", "end", "due", "queued"]):
            case "park":
                deadline, reason = now + dice.choice([5.0, 500.0]), dice.choice(list(Reason))
                one = entry(offset, due=now + dice.choice([0.0, 2.0, 40.0]), tenant=tenant, reason=reason)
                one = replace(one, deadline=deadline)
                parking.add(one)
                plain.entries[offset] = one
                plain.out.discard(offset)
            case "take" if offset in plain.entries:
                parking.take(offset)
                plain.out.add(offset)
            case "end":
                assert parking.remove(offset) == plain.entries.pop(offset, None)
                plain.out.discard(offset)
            case "due":
                expected = plain.due(now, most)
                assert parking.take_due(now, most) == expected
                plain.out.update(expected)
            case "queued":
                expected = plain.queue(tenant)[:most]
                assert parking.take_queued(tenant, most) == expected
                plain.out.update(expected)
            case _:
                pass  # nothing is parked there to be taken
        assert parking.numbers == Counter((one.tenant, one.reason) for one in plain.entries.values())
        assert parking.queued(tenant, before=offset) == any(first < offset for first in plain.queue(tenant)[:1])
        if waiting := plain.waiting():
            looked_at = parking.next_due()
            assert looked_at is not None
            assert looked_at <= waiting[0][0], "too early costs a look, too late somebody's time"


@pytest.mark.parametrize(
    "cases", [range(1_000), pytest.param(range(1_000, 51_000), marks=pytest.mark.slow)], ids=["1,000", "50,000"]
)
def test_what_waits_comes_out_as_if_everything_were_looked_at_each_time(cases: range) -> None:
    for seed in cases:
        compare(Random(seed))  # noqa: S311  cases that can be had again


def test_entries_that_are_put_back_again_and_again_leave_nothing_behind() -> None:
    parking = Parking()
    for due in range(10_000):
        parking.add(entry(5, due=due / 100))
        parking.add(entry(6, due=due, reason=Reason.WINDOW))
    assert [one.offset for one in parking] == [5, 6]
    assert len(parking._due) < 2_000  # noqa: SLF001
    assert parking.next_due() == 0.0
    assert parking.take_due(10_000.0, 10) == [5, 6]


def test_one_that_is_known_by_its_id_is_found_and_one_that_is_older_before_it() -> None:
    parking = Parking()
    parking.add(replace(entry(7), id="r"), held=True)
    found = [parking.find("acme", "r"), parking.find("acme", "r", 7)]
    parking.add(replace(entry(3), id="r"))
    found.append(parking.find("acme", "r", 7))
    assert [one and one.offset for one in found] == [None, 7, 3]
