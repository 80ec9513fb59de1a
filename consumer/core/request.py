"""Decoded, valid events, a class for each type."""

from dataclasses import dataclass

from consumer.core.frozen import frozen
from consumer.core.outcome import Subject
from consumer.core.parked_command import ParkedCommand
from consumer.core.send_email import SendEmail
from consumer.core.send_test_email import SendTestEmail
from consumer.core.validate_credentials import ValidateCredentials


@frozen
class Request:
    """A request for one mail. Of a test mail, `test` is what was asked for, and `email` what is to be sent.

    `received` and `expires` are in seconds since the epoch; `digest` is 16 bytes over the
    body's content, equal for equal content whatever the order of its fields; `mark` stands
    for tenant and id (`ids.fingerprint`).
    """

    subject: Subject
    id: str
    tenant: str
    email: SendEmail
    received: float
    digest: bytes
    mark: int
    expires: float | None = None
    test: SendTestEmail | None = None


@dataclass(frozen=True, slots=True)
class Validation:
    """A request to try credentials out. Its fields are those of `Request`."""

    subject: Subject
    id: str
    tenant: str
    access: ValidateCredentials
    received: float
    digest: bytes
    mark: int
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
