"""One parked request: coordinates and counters, no payload."""

from enum import StrEnum

from consumer.core.frozen import frozen
from consumer.core.outcome import Subject
from consumer.core.record import Coordinates
from consumer.core.reply import Answer, Reply


class Reason(StrEnum):
    """Why a request waits. A closed set: metrics use it as a label."""

    WINDOW = "window"  # the tenant's window is full
    RETRY = "retry"  # the relay refused for now, or could not be reached
    SEND_AT = "send-at"  # not before the producer's time
    CONFIG = "config-unavailable"
    VAULT = "vault-unavailable"
    ATTACHMENT = "attachment-host-unavailable"
    ROOM = "attachment-room"  # the memory for attachments is in use
    CIRCUIT = "relay-circuit"  # the relay failed of late: it is left alone for a while
    SHARE = "tenant-share"  # the tenant has its share of the room in flight
    NOT_ALLOWED = "not-allowed"  # we do not connect to the tenant's relay: an operator may allow it
    BOUNCE_RATE = "bounce-rate"  # too much of the tenant's mail bounces, and it wants to be held then
    HOLD = "hold"  # the tenant's mode
    RESEND = "resend"  # in doubt after a takeover, asked to be sent again


QUEUED = frozenset((Reason.WINDOW, Reason.SHARE))
"""Who waits for one of these stands in the tenant's queue."""


@frozen
class Progress:
    """What earlier attempts came to. Recipients are named by their index in the request."""

    attempts: int = 0
    answers: tuple[tuple[int, Answer], ...] = ()  # final ones: accepted, refused for good, or blocked
    response: Reply | None = None  # to the body that was taken last
    sent_at: tuple[tuple[float, int], ...] = ()  # when a body was taken, for how many recipients
    last_reason: str = ""
    files: tuple[str, ...] = ()  # the SHA-256 of each attachment that an attempt had, in hexadecimal
    promoted: bool = False  # somebody said that it need not wait for its `sendAt`


FRESH = Progress()


@frozen
class Entry:
    """One parked request. `due` and `deadline` are in seconds since the epoch."""

    offset: int
    origin: Coordinates
    tenant: str
    id: str
    digest: bytes
    due: float
    deadline: float
    reason: Reason
    progress: Progress = FRESH

    def subject(self, partition: int) -> Subject:
        """What an outcome can say of it without its payload."""
        return Subject(Coordinates(partition, self.offset), self.origin, self.tenant, self.id)
