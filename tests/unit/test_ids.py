"""Which request ids are used up."""

from consumer.core.ids import Ids, Seen, Use, fingerprint
from consumer.core.outcome import Duplicate
from consumer.core.record import Coordinates

HERE, THERE = Coordinates(0, 5), Coordinates(3, 9)
MARK = fingerprint("acme", "r-1")


def test_the_same_id_and_content_from_another_record_is_a_duplicate() -> None:
    ids = Ids(60)
    assert ids.open(MARK, HERE, b"content", offset=5) is None
    assert ids.open(MARK, THERE, b"content", offset=5) == Duplicate("duplicate", HERE)


def test_the_same_id_with_other_content_is_a_conflict() -> None:
    ids = Ids(60)
    assert ids.open(MARK, HERE, b"content", offset=5) is None
    assert ids.open(MARK, THERE, b"other", offset=5) == Duplicate("conflict", HERE)


def test_the_same_record_seen_again_goes_on_while_open_and_is_skipped_once_ended() -> None:
    ids = Ids(60)
    assert ids.open(MARK, HERE, b"", offset=5) is None
    assert ids.open(MARK, HERE, b"", offset=5) is None
    ids.end(MARK, HERE, b"", use=Use.USED, at=0)
    assert ids.open(MARK, HERE, b"", offset=5) is Seen.BEFORE


def test_a_second_copy_of_a_record_that_was_forwarded_twice_is_skipped() -> None:
    ids = Ids(60)
    assert ids.open(MARK, HERE, b"", offset=5) is None
    assert ids.open(MARK, HERE, b"", offset=9) is Seen.BEFORE
    assert ids.open(MARK, HERE, b"", offset=5) is None


def parked(offset: int) -> tuple[Coordinates, bytes]:
    """Origin and digest of the only one that is parked."""
    assert offset == 5
    return HERE, b"content"


def test_the_id_of_a_parked_request_is_in_use_as_if_it_were_in_flight() -> None:
    ids = Ids(60, parked)
    assert ids.open(MARK, HERE, b"content", offset=5) is None
    assert (ids.park(MARK, 5), ids.park(MARK, 5), ids.parked(MARK)) == (True, True, 5)
    assert ids.is_open(MARK)
    assert ids.open(MARK, THERE, b"content", offset=7) == Duplicate("duplicate", HERE)
    assert ids.open(MARK, THERE, b"other", offset=7) == Duplicate("conflict", HERE)
    assert ids.open(MARK, HERE, b"content", offset=5) is None
    assert ids.open(MARK, HERE, b"content", offset=9) is Seen.BEFORE
    ids.end(MARK, THERE, b"content", use=Use.USED, at=0)
    assert ids.parked(MARK) == 5
    ids.end(MARK, HERE, b"content", use=Use.USED, at=0)
    assert (ids.parked(MARK), ids.is_open(MARK)) == (None, False)


def test_a_parked_request_that_has_not_got_its_id_is_not_known_by_it() -> None:
    ids = Ids(60, parked)
    assert not ids.park(MARK, 5)
    assert ids.open(MARK, THERE, b"", offset=7) is None
    assert (ids.park(MARK, 5), ids.parked(MARK)) == (False, None)
    ids.unpark(MARK, HERE, b"content", offset=5)
    assert ids.open(MARK, HERE, b"", offset=5) == Duplicate("duplicate", THERE)


def test_an_id_is_in_use_until_its_request_has_ended_though_it_waits_no_more() -> None:
    ids = Ids(60, parked)
    ids.open(MARK, HERE, b"content", offset=5)
    ids.park(MARK, 5)
    ids.unpark(MARK, HERE, b"content", offset=5)
    assert (ids.parked(MARK), ids.is_open(MARK)) == (None, True)
    assert ids.open(MARK, THERE, b"content", offset=7) == Duplicate("duplicate", HERE)


def test_an_id_whose_request_failed_may_come_again() -> None:
    ids = Ids(60)
    assert ids.open(MARK, HERE, b"", offset=5) is None
    ids.end(MARK, HERE, b"", use=Use.FREE, at=0)
    assert ids.open(MARK, THERE, b"", offset=5) is None


def test_the_end_of_a_duplicate_frees_nothing() -> None:
    ids = Ids(60)
    assert ids.open(MARK, HERE, b"", offset=5) is None
    ids.end(MARK, THERE, b"", use=Use.FREE, at=0)
    assert ids.open(MARK, Coordinates(1, 1), b"", offset=5) == Duplicate("duplicate", HERE)


def test_an_id_is_forgotten_after_its_time_and_not_while_it_is_open() -> None:
    ids = Ids(60)
    ids.open(MARK, HERE, b"", offset=5)
    ids.end(MARK, HERE, b"", use=Use.USED, at=100)
    ids.expire(159)
    assert len(ids) == 1
    ids.expire(160)
    assert len(ids) == 0
    ids.open(MARK, HERE, b"", offset=5)
    ids.expire(1_000)
    assert len(ids) == 1


def test_what_ended_says_where_the_first_was_and_whether_it_was_the_same() -> None:
    ids = Ids(60)
    far = Coordinates(10**15, 10**15)  # a forged header may say so
    ids.end(MARK, far, b"content", use=Use.USED, at=0)
    assert ids.open(MARK, far, b"content", offset=5) is Seen.BEFORE
    assert ids.open(MARK, THERE, b"content", offset=5) == Duplicate("duplicate", far)
    assert ids.open(MARK, THERE, b"other", offset=5) == Duplicate("conflict", far)
    assert ids.open(MARK, Coordinates(10**15, 1), b"content", offset=5) == Duplicate("duplicate", far)


def test_the_end_of_another_request_takes_no_id_that_is_used_up_and_any_that_is_free() -> None:
    ids = Ids(60)
    ids.end(MARK, HERE, b"", use=Use.USED, at=0)
    ids.end(MARK, THERE, b"", use=Use.USED, at=1)
    assert ids.open(MARK, HERE, b"", offset=5) is Seen.BEFORE
    other = fingerprint("acme", "r-2")
    ids.end(other, HERE, b"", use=Use.FREE, at=0)
    ids.end(other, THERE, b"", use=Use.USED, at=1)
    assert ids.open(other, THERE, b"", offset=5) is Seen.BEFORE


def test_an_id_that_was_used_again_is_remembered_from_then_on() -> None:
    ids = Ids(60)
    ids.end(MARK, HERE, b"", use=Use.FREE, at=0)
    assert ids.open(MARK, THERE, b"", offset=5) is None
    ids.expire(100)
    assert ids.is_open(MARK)
    ids.end(MARK, THERE, b"", use=Use.USED, at=100)
    ids.expire(159)
    assert len(ids) == 1
    ids.expire(160)
    assert len(ids) == 0


def test_the_same_id_of_another_tenant_is_another_id() -> None:
    assert fingerprint("a", "bc") != fingerprint("ab", "c")
