"""What several processes see, as one look."""

from consumer.core.overview import CircuitNow, Overview, PartitionNow, Waiting, WindowNow, WorkerNow, together
from consumer.core.parking import Reason

NOW = 1_700_000_000.0
WORKERS = (WorkerNow(1, "at work", 7, 0),)
LOOK = Overview(NOW, {"worker-1": True}, hour=({"accepted": 3},), workers=WORKERS)


def partition(number: int, *, is_open: bool = True) -> PartitionNow:
    return PartitionNow(number, open=is_open, position=1, lag=0, under_way=0, intents=0, parked=0)


def test_partitions_windows_and_circuits_of_all_are_told() -> None:
    one = Overview(NOW, {}, (partition(0),), windows=(WindowNow("acme", 1, 10, 3600.0, "messages"),))
    other = Overview(NOW, {}, (partition(1),), circuits=(CircuitNow("relay:25", "refused", NOW + 5),))
    seen = together(LOOK, (one, other))
    assert [found.number for found in seen.partitions] == [0, 1]
    assert [window.tenant for window in seen.windows] == ["acme"]
    assert [circuit.relay for circuit in seen.circuits] == ["relay:25"]


def test_what_the_looker_knows_himself_stays() -> None:
    seen = together(LOOK, (Overview(NOW - 9, {"assigned": False}, hour=({"accepted": 1},)),))
    assert (seen.now, seen.ready, seen.hour, seen.workers) == (NOW, {"worker-1": True}, ({"accepted": 3},), WORKERS)


def test_of_a_partition_that_changes_hands_the_one_that_has_it_open_is_told() -> None:
    has, had = Overview(NOW, {}, (partition(2),)), Overview(NOW, {}, (partition(2, is_open=False),))
    for views in ((has, had), (had, has)):
        assert together(LOOK, views).partitions == (partition(2),)


def test_what_waits_for_the_same_is_added_and_goes_on_with_the_first() -> None:
    one = Overview(
        NOW, {}, waiting=(Waiting("acme", Reason.WINDOW, 3, NOW + 9), Waiting("acme", Reason.RETRY, 1, None))
    )
    other = Overview(NOW, {}, waiting=(Waiting("acme", Reason.WINDOW, 4, NOW + 5),))
    assert together(LOOK, (one, other)).waiting == (
        Waiting("acme", Reason.WINDOW, 7, NOW + 5),
        Waiting("acme", Reason.RETRY, 1, None),
    )


def test_a_relay_that_several_leave_alone_is_told_once_with_the_latest_time() -> None:
    early, late = (CircuitNow("relay:25", "refused", NOW + seconds) for seconds in (5, 9))
    for circuits in ((early, late), (late, early)):
        views = (Overview(NOW, {}, circuits=(one,)) for one in circuits)
        assert together(LOOK, views).circuits == (late,)
