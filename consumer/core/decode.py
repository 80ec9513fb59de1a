"""A record of the request topic becomes a request or a command, or the outcome that says why not.

Errors name the place and the rule, never the content: what a producer wrote, and that
includes the names of its fields, may be personal data.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, TypeAlias

import orjson
from pydantic import ValidationError

from consumer.core.address import parse_recipient
from consumer.core.attribute import PARKED_COMMAND, SEND_EMAIL, SEND_TEST_EMAIL, VALIDATE_CREDENTIALS
from consumer.core.envelope import Event, Refused, unwrap
from consumer.core.ids import fingerprint
from consumer.core.judge import MAX_ERRORS, Judge
from consumer.core.outcome import Invalid
from consumer.core.parked_command import ParkedCommand
from consumer.core.record import Record
from consumer.core.request import Command, Request, Validation
from consumer.core.send_email import SendEmail, read_email
from consumer.core.send_test_email import SendTestEmail, mail_of
from consumer.core.validate_credentials import ValidateCredentials

__all__ = ["Decoder", "Refused"]

MAX_RECIPIENTS = 1000
_UNDELIVERABLE = "expected a domain and a length that a relay can take"

Asked: TypeAlias = Request | Validation | Command
"""What can be asked for: a class for each type of event."""


class Decoder:
    """Judges requests by the published schema of their type, and reads them into types."""

    def __init__(self, schemas: Mapping[str, dict[str, Any]]) -> None:
        self._forms = {name: (Judge(schemas[name]), read) for name, read in _READERS.items()}

    def decode(self, record: Record) -> Asked | Refused:
        """What the record asks for. Never raises for one."""
        event = unwrap(record)
        if isinstance(event, Refused):
            return event

        judge, read = self._forms[event.type]
        errors = judge.errors(event.data)
        if errors:
            return _refused(event, errors)
        try:
            return read(record, event)
        except ValidationError:  # only if schema and model differ, and tests prove that they do not
            return _refused(event, ("/: expected another form",))


def _send_email(record: Record, event: Event) -> Request | Refused:
    email = read_email(event.data)
    errors = _beyond_schema(email)
    if errors:
        return _refused(event, errors)
    subject, tenant, id_ = event.subject, event.tenant, event.id
    mark = fingerprint(tenant, id_)
    return Request(subject, id_, tenant, email, record.timestamp, _digest(event.data), mark, event.expires)


def _send_test_email(record: Record, event: Event) -> Request | Refused:
    test = SendTestEmail.model_validate(event.data)
    addresses = (("email", test.email), ("from_address", test.from_address))
    errors = tuple(f"/{name}: {_UNDELIVERABLE}" for name, address in addresses if address and not _deliverable(address))
    if errors:
        return _refused(event, errors)
    email = mail_of(test, tenant=event.tenant, request_id=event.id, asked_at=record.timestamp)
    subject, tenant, id_ = event.subject, event.tenant, event.id
    mark = fingerprint(tenant, id_)
    return Request(subject, id_, tenant, email, record.timestamp, _digest(event.data), mark, event.expires, test)


def _validate_credentials(record: Record, event: Event) -> Validation:
    access = ValidateCredentials.model_validate(event.data)
    subject, tenant, id_ = event.subject, event.tenant, event.id
    mark = fingerprint(tenant, id_)
    return Validation(subject, id_, tenant, access, record.timestamp, _digest(event.data), mark, event.expires)


def _parked_command(_: Record, event: Event) -> Command:
    order = ParkedCommand.model_validate(event.data)
    return Command(event.subject, event.id, event.tenant, order, _digest(event.data), event.expires)


_READERS: Mapping[str, Callable[[Record, Event], Asked | Refused]] = {
    SEND_EMAIL: _send_email,
    SEND_TEST_EMAIL: _send_test_email,
    VALIDATE_CREDENTIALS: _validate_credentials,
    PARKED_COMMAND: _parked_command,
}


def _digest(data: object) -> bytes:
    return blake2b(orjson.dumps(data, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def _beyond_schema(email: SendEmail) -> tuple[str, ...]:
    """What the language of schemas cannot say."""
    if len(email.to) + len(email.cc) + len(email.bcc) > MAX_RECIPIENTS:
        return (f"/: expected at most {MAX_RECIPIENTS} recipients in to, cc and bcc",)
    addresses = " ".join((*email.to, *email.cc, *email.bcc, *email.reply_to, email.sender or ""))
    if _plain(addresses):
        return ()
    fields = (("to", email.to), ("cc", email.cc), ("bcc", email.bcc), ("replyTo", email.reply_to))
    errors = [
        f"/{name}/{index}: {_UNDELIVERABLE}"
        for name, addresses in fields
        for index, address in enumerate(addresses)
        if not _deliverable(address)
    ]
    if email.sender is not None and not _deliverable(email.sender):
        errors.append(f"/from: {_UNDELIVERABLE}")
    return tuple(errors[:MAX_ERRORS])


def _plain(addresses: str) -> bool:
    """Whether the schema has said all about these."""
    return addresses.isascii() and "xn--" not in addresses.lower()


def _deliverable(address: str) -> bool:
    return _plain(address) or parse_recipient(address) is not None


def _refused(event: Event, errors: tuple[str, ...]) -> Refused:
    return Refused(event.subject, Invalid("invalid-request", errors))
