"""Taking over what somebody else has left, or refusing to."""

import pytest

from consumer.core.metadata import Metadata
from consumer.core.outcome import Accepted, Expired
from consumer.core.parking import Entry, Reason
from consumer.core.record import Coordinates
from consumer.ports import BrokenError
from tests.builders import metadata_text
from tests.flow.process import Process, Setup, running


async def _ends(setup: Setup, because: str) -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        async with running(setup) as process:
            await _end_of(process)
    errors = [error for error in _leaves(caught.value) if isinstance(error, BrokenError)]
    assert because in str(errors[0])


async def _end_of(process: Process) -> None:
    await process.task


def _leaves(group: BaseException) -> list[BaseException]:
    if isinstance(group, BaseExceptionGroup):
        return [leaf for error in group.exceptions for leaf in _leaves(error)]
    return [group]


async def test_records_that_an_operator_has_read_again_are_skipped() -> None:
    setup = Setup()
    for number in range(3):
        setup.request(f"r-{number}")
    async with running(setup):
        await setup.outcomes(3)
    setup.kafka.committed[0] = (0, metadata_text(Metadata("other"), 0))
    setup.request("new")
    async with running(setup):
        outcomes = await setup.outcomes(4)
    assert [one.subject.id for one in outcomes] == ["r-0", "r-1", "r-2", "new"]
    assert len(setup.outbox.bodies) == 4


async def test_offsets_that_were_deleted_are_no_start_at_the_beginning() -> None:
    setup = Setup()
    setup.request()
    async with running(setup):
        await setup.outcomes(1)
    del setup.kafka.committed[0]
    await _ends(setup, "the group has no offset")


async def test_an_offset_behind_the_end_of_the_topic_is_refused() -> None:
    setup = Setup()
    setup.kafka.committed[0] = (7, metadata_text(Metadata("other"), 7))
    await _ends(setup, "is outside the topic")


async def test_metadata_of_another_client_is_refused() -> None:
    setup = Setup()
    setup.request()
    setup.kafka.committed[0] = (1, "consumer-3 at 10:41")
    await _ends(setup, "is not ours")


async def test_a_parked_entry_whose_request_has_its_outcome_is_ignored() -> None:
    setup = Setup()
    place = setup.request()
    async with running(setup):
        await setup.outcomes(1)
    left = Entry(place.offset, place, "acme", "r-1", b"", 0.0, setup.clock.now() + 60, Reason.RETRY)
    setup.kafka.parked[0][place.offset] = left
    setup.request("r-2")
    async with running(setup):
        outcomes = await setup.outcomes(2)
    assert [one.subject.id for one in outcomes] == ["r-1", "r-2"]
    assert len(setup.outbox.bodies) == 2


async def test_a_parked_entry_that_points_to_nothing_is_expired() -> None:
    setup = Setup()
    gone = Coordinates(0, 999)
    setup.kafka.parked[0][999] = Entry(999, gone, "acme", "r-1", b"", 0.0, setup.clock.now(), Reason.RETRY)
    setup.kafka.committed[0] = (0, metadata_text(Metadata("other"), 0))
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Expired)
    assert concluded.subject.id == "r-1"
    assert setup.kafka.parked[0] == {}


async def test_the_id_of_a_parked_entry_that_points_to_nothing_may_come_again() -> None:
    # It stayed in use until the next takeover: its request was not there to tell which one it is.
    setup = Setup()
    gone = Coordinates(0, 999)
    setup.kafka.parked[0][999] = Entry(999, gone, "acme", "r-1", b"", 0.0, setup.clock.now(), Reason.RETRY)
    setup.kafka.committed[0] = (0, metadata_text(Metadata("other"), 0))
    async with running(setup):
        await setup.outcomes(1)
        setup.request("r-1")
        *_, again = await setup.outcomes(2)
    assert isinstance(again.outcome, Accepted)


@pytest.mark.parametrize("left", [Metadata("other", intents=(0,)), Metadata("other", unsettled=(0,))])
async def test_an_offset_commit_older_than_its_outcomes_makes_no_second_outcome(left: Metadata) -> None:
    """Five second outcomes in one run with a frozen broker would fit this; what it was is not proved."""
    setup = Setup()
    setup.request()
    async with running(setup):
        await setup.outcomes(1)
    setup.kafka.committed[0] = (1, metadata_text(left, 1))
    setup.request("r-2")
    async with running(setup):
        outcomes = await setup.outcomes(2)
    assert [one.subject.id for one in outcomes] == ["r-1", "r-2"]
    assert len(setup.outbox.bodies) == 2


async def test_an_offset_commit_older_than_a_parked_entry_starts_no_second_attempt() -> None:
    setup = Setup()
    place = setup.request()
    entry = Entry(place.offset, place, "acme", "r-1", b"", 0.0, setup.clock.now() + 60, Reason.RETRY)
    setup.kafka.parked[0][place.offset] = entry
    setup.kafka.committed[0] = (1, metadata_text(Metadata("other", unsettled=(0,)), 1))
    setup.request("r-2")
    async with running(setup):
        outcomes = await setup.outcomes(2)
    assert sorted(one.subject.id or "" for one in outcomes) == ["r-1", "r-2"]
    assert len(setup.outbox.bodies) == 2


async def test_who_waits_for_a_slot_that_a_former_owner_had_in_use_is_looked_at_once_it_is_free() -> None:
    """70 requests of two tenants waited on beside free slots: their due time was that of their deadline."""
    setup = Setup()
    place = setup.request()
    deadline = setup.clock.now() + 3_600
    entry = Entry(place.offset, place, "acme", "r-1", b"", deadline, deadline, Reason.WINDOW)
    setup.kafka.parked[0][place.offset] = entry
    setup.kafka.committed[0] = (1, metadata_text(Metadata("other"), 1))
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert concluded.subject.id == "r-1"
    assert len(setup.outbox.bodies) == 1
