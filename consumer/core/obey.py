"""What a command about a parked request comes to, decided in one step.

No command exceeds a limit or overtakes in a queue, and none touches what is being worked on.
"""

from consumer.core.ending import Concluded, Skipped
from consumer.core.ids import Seen, Use, fingerprint
from consumer.core.outcome import Declined, Duplicate, Obeyed, Why
from consumer.core.parking import Entry, Reason
from consumer.core.partition import Partition
from consumer.core.request import Command


def obey(command: Command, state: Partition, now: float) -> Concluded | Skipped | Entry:
    """How the command ends; or the entry that it cancels, which is out from now on."""
    used = state.ids.open(_mark(command), command.subject.origin, command.digest, offset=command.subject.at.offset)
    if isinstance(used, Seen):
        return Skipped()
    if isinstance(used, Duplicate):
        return Concluded(command.subject, used)
    found = _find(command, state, now)
    if isinstance(found, Entry) and command.order.command == "cancel":
        state.parking.take(found.offset)
        return found
    return answer(command, _promote(command, found, state, now) if isinstance(found, Entry) else found, state, now)


def answer(command: Command, outcome: Obeyed | Declined, state: Partition, now: float) -> Concluded:
    """The command has ended. Its id may come again, the same record may not."""
    state.ids.end(_mark(command), command.subject.origin, command.digest, use=Use.FREE, at=now)
    return Concluded(command.subject, outcome, command.digest)


def done(command: Command) -> Obeyed:
    return Obeyed(command.order.command, command.order.id)


def declined(command: Command, why: Why) -> Declined:
    return Declined(why, command.order.command, command.order.id)


def _find(command: Command, state: Partition, now: float) -> Entry | Declined:
    if command.expires is not None and now >= command.expires:
        return declined(command, "expired")
    mark = fingerprint(command.tenant, command.order.id)
    entry = state.parking.find(command.tenant, command.order.id, state.ids.parked(mark))
    if entry is None:
        sending = state.ids.is_open(mark)
        return declined(command, "in-flight" if sending else "not-parked")
    return declined(command, "in-flight") if state.parking.is_out(entry.offset) else entry


def _promote(command: Command, entry: Entry, state: Partition, now: float) -> Obeyed | Declined:
    match entry.reason:
        case Reason.WINDOW:
            return declined(command, "window-full")
        case Reason.SHARE:
            return declined(command, "queued")
        case Reason.RESEND:  # until it is due, the sender that was lost may be at it
            return declined(command, "in-flight")
        case (
            Reason.RETRY
            | Reason.CIRCUIT
            | Reason.SEND_AT
            | Reason.CONFIG
            | Reason.VAULT
            | Reason.ATTACHMENT
            | Reason.ROOM
            | Reason.NOT_ALLOWED
            | Reason.BOUNCE_RATE
            | Reason.HOLD
        ):
            state.promote(entry, now)
            return done(command)


def _mark(command: Command) -> int:
    return fingerprint(command.tenant, command.id, command=True)
