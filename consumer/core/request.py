"""Decoded, valid events, a class for each type."""

from dataclasses import dataclass

from consumer.core.outcome import Subject
from consumer.core.parked_command import ParkedCommand
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


@dataclass(frozen=True, slots=True)
class Command:
    """A command about a request of the same tenant that is parked; its own id is no request's."""

    subject: Subject
    id: str
    tenant: str
    order: ParkedCommand
    digest: bytes
    expires: float | None = None
