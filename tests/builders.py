"""Values with everything defaulted: a test names only what it is about."""

from typing import Any

import orjson

from consumer.core.metadata import Metadata, encode
from consumer.core.record import Coordinates, Headers, Record
from consumer.core.runs import Runs
from consumer.core.send_email import SendEmail, read_email
from consumer.core.tenant import Relay, Tenant

PLAIN_HEADERS: Headers = (("tenant", b"acme"), ("request_id", b"r-1"), ("operation", b"send-email"))


def body(**fields: object) -> dict[str, Any]:
    """A request as it stands on the wire; a field given as None is left out."""
    given = {"to": ["ann@example.com"], "subject": "Hello", "text": "World"} | fields
    return {name: value for name, value in given.items() if value is not None}


VALID = orjson.dumps(body())


def record(
    value: bytes | dict[str, Any] | None = VALID,
    *,
    headers: Headers = PLAIN_HEADERS,
    partition: int = 0,
    offset: int = 7,
    key: bytes | None = None,
    timestamp: float = 1_700_000_000.0,
) -> Record:
    """A record of a valid request; a value that is a dict is written as JSON."""
    written = orjson.dumps(value) if isinstance(value, dict) else value
    return Record(Coordinates(partition, offset), key, written, headers, timestamp)


def email(**fields: object) -> SendEmail:
    """A mail from fields as they stand on the wire: `email(cc=["bob@example.com"], **{"from": ...})`."""
    return read_email(body(**fields))


def tenant(name: str = "acme", **fields: object) -> Tenant:
    """A tenant with a relay on this machine."""
    given: dict[str, Any] = {"relay": Relay("localhost", 2525), "domain": "acme.example"} | fields
    return Tenant(name, **given)


def metadata_text(metadata: Metadata, position: int) -> str:
    """What was committed with `position` by somebody before."""
    return encode(metadata.nonce, metadata.tick, Runs(metadata.unsettled), metadata.intents, position)
