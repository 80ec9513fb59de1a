"""What a command comes to, decided in one step."""

import pytest

from consumer.core.conclude import cancel
from consumer.core.ending import Concluded, Skipped
from consumer.core.ids import fingerprint
from consumer.core.obey import answer, done, obey
from consumer.core.outcome import Accepted, Cancelled, Declined, Duplicate, Obeyed, Refusal, Subject, Unknown, Why
from consumer.core.parked_command import ParkedCommand, Verb
from consumer.core.parking import Entry, Progress, Reason
from consumer.core.partition import Keeping, Partition
from consumer.core.record import Coordinates
from consumer.core.reply import Reply
from consumer.core.request import Command, Request
from tests.builders import email, tenant

NOW = 1_700_000_000.0
OK, GONE = Reply(250, "OK"), Reply(550, "no")


def partition(reason: Reason = Reason.RETRY) -> Partition:
    """With r-1 of acme parked for that reason at offset 3."""
    state = Partition(0, 10, "n", Keeping())
    state.restore(Entry(3, Coordinates(0, 3), "acme", "r-1", b"", NOW + 60, NOW + 600, reason))
    state.cut()
    return state


def command(verb: Verb, id_: str = "r-1", *, offset: int = 12, own: str = "c-1") -> Command:
    at = Coordinates(0, offset)
    return Command(Subject(at, at, "acme", own), own, "acme", ParkedCommand(command=verb, id=id_), b"")


def outcome_of(verb: Verb, state: Partition) -> object:
    ended = obey(command(verb), state, NOW)
    assert isinstance(ended, Concluded)
    return ended.outcome


@pytest.mark.parametrize("reason", list(Reason))
def test_whatever_it_waits_for_a_cancelled_request_is_taken_out(reason: Reason) -> None:
    state = partition(reason)
    found = obey(command("cancel"), state, NOW)
    assert isinstance(found, Entry)
    assert state.parking.is_out(3)
    assert not state.waiting


@pytest.mark.parametrize(
    "reason",
    [
        *(Reason.RETRY, Reason.SEND_AT, Reason.CONFIG, Reason.VAULT, Reason.ATTACHMENT),
        *(Reason.ROOM, Reason.NOT_ALLOWED, Reason.HOLD),
    ],
    ids=lambda reason: reason.value,
)
def test_a_promoted_request_is_due_now_and_that_is_written_down(reason: Reason) -> None:
    state = partition(reason)
    assert outcome_of("promote", state) == Obeyed("promote", "r-1")
    (written,) = state.cut().parked
    assert isinstance(written, Entry)
    assert (written.due, written.progress.promoted) == (NOW, True)
    assert state.parking.take_due(NOW, 10) == [3]


@pytest.mark.parametrize(
    ("reason", "why"),
    [(Reason.WINDOW, "window-full"), (Reason.SHARE, "queued"), (Reason.RESEND, "in-flight")],
)
def test_what_no_command_may_hurry_is_left_as_it_is(reason: Reason, why: Why) -> None:
    state = partition(reason)
    assert outcome_of("promote", state) == Declined(why, "promote", "r-1")
    assert not state.waiting


def test_two_commands_with_one_id_are_each_obeyed_unless_the_first_is_not_done_yet() -> None:
    state = partition()
    first = command("cancel")
    obey(first, state, NOW)
    second = obey(command("cancel", offset=13), state, NOW)
    assert isinstance(second, Concluded)
    assert second.outcome == Duplicate("duplicate", Coordinates(0, 12))
    answer(first, done(first), state, NOW)
    third = obey(command("promote", "r-2", offset=14), state, NOW)
    assert isinstance(third, Concluded)
    assert third.outcome == Declined("not-parked", "promote", "r-2")


def test_a_command_that_is_read_again_is_skipped() -> None:
    state = partition()
    obey(command("promote"), state, NOW)
    assert isinstance(obey(command("promote"), state, NOW), Skipped)


def test_of_two_that_share_a_name_the_older_is_found_whichever_has_the_id() -> None:
    state = partition()
    state.restore(Entry(1, Coordinates(0, 1), "acme", "r-1", b"", NOW + 60, NOW + 600, Reason.CONFIG))
    first = obey(command("cancel"), state, NOW)
    assert isinstance(first, Entry)
    state.parking.remove(first.offset)
    second = obey(command("cancel", own="c-2"), state, NOW)
    assert isinstance(second, Entry)
    assert (first.offset, second.offset) == (1, 3)


def request() -> Request:
    at = Coordinates(0, 3)
    return Request(
        Subject(at, at),
        "r-1",
        "acme",
        email(to=["ann@example.com", "bob@example.com"]),
        NOW,
        b"",
        fingerprint("acme", "r-1"),
    )


def test_what_nobody_got_is_cancelled_with_what_was_refused() -> None:
    progress = Progress(2, ((1, GONE),), last_reason="rcpt 450")
    assert cancel(request(), None, progress) == Cancelled("rcpt 450", 2, (Refusal("bob@example.com", GONE),))


def test_what_somebody_got_is_accepted_and_needs_its_tenant() -> None:
    progress = Progress(1, ((0, OK),), OK, ((NOW, 1),))
    accepted = cancel(request(), tenant(), progress)
    assert isinstance(accepted, Accepted)
    assert accepted.accepted == ("ann@example.com",)
    assert cancel(request(), None, progress) is None


def test_what_is_in_doubt_stays_so() -> None:
    unknown = cancel(request(), None, Progress(1, sent_at=((NOW, 2),), last_reason="in doubt"))
    assert unknown == Unknown("in doubt", None, NOW)


def test_what_is_in_doubt_for_some_says_so_beside_those_who_got_it() -> None:
    progress = Progress(2, ((0, OK),), OK, ((NOW, 1), (NOW + 1, 1)), "in doubt")
    accepted = cancel(request(), tenant(), progress)
    assert isinstance(accepted, Accepted)
    assert [str(one.reply) for one in accepted.rejected] == [
        "450 nobody knows whether it was accepted before the request ended"
    ]
