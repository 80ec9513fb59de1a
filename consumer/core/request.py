"""A decoded, valid event."""

from dataclasses import dataclass

from consumer.core.outcome import Subject
from consumer.core.send_email import SendEmail


@dataclass(frozen=True, slots=True)
class Request:
    """A request for one mail.

    `received` and `expires` are in seconds since the epoch; `digest` is 16 bytes over the
    body's content, equal for equal content whatever the order of its fields.
    """

    subject: Subject
    id: str
    tenant: str
    email: SendEmail
    received: float
    digest: bytes
    expires: float | None = None
