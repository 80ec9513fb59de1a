"""Requests as producers write them, and outcomes as people and programs read them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, cast, get_args

from consumer.core.attribute import SEND_EMAIL, SEND_TEST_EMAIL, VALIDATE_CREDENTIALS
from consumer.core.encode import KIND_HEADER
from consumer.core.outcome import Kind
from consumer.core.record import Headers

STRUCTURED: Headers = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
ENDINGS = frozenset((*get_args(Kind), "invalid", "declined", "blocked", "pii-unresolved", "connection-not-allowed"))
"""What an outcome's kind or type may be in this version, beside `attachment-...` and `...-failed`."""
ACCEPTED = "accepted"
VALIDATED = "validated"
_LONGEST_ID = 256


class Operation(StrEnum):
    """What can be asked for, by its short name."""

    SEND_EMAIL = "send-email"
    SEND_TEST_EMAIL = "send-test-email"
    VALIDATE_CREDENTIALS = "validate-credentials"

    @property
    def type(self) -> str:
        """The event's type."""
        return _TYPES[self]


_TYPES = {
    Operation.SEND_EMAIL: SEND_EMAIL,
    Operation.SEND_TEST_EMAIL: SEND_TEST_EMAIL,
    Operation.VALIDATE_CREDENTIALS: VALIDATE_CREDENTIALS,
}


@dataclass(frozen=True, slots=True)
class Emission:
    """A record to be written. `id` is the request id, where it is known before the record has its place."""

    key: bytes | None
    value: bytes
    headers: Headers
    id: str | None = None


@dataclass(frozen=True, slots=True)
class OutcomeEvent:
    """An outcome as it was read. `origin` is where its request lies, as partition:offset."""

    kind: str
    type: str
    tenant: str
    id: str
    origin: str
    time: str
    data: Mapping[str, Any]

    @property
    def accepted(self) -> bool:
        """Whether a relay took the mail for at least one recipient."""
        return self.kind == ACCEPTED

    @property
    def succeeded(self) -> bool:
        """Whether it ended as was hoped for: the mail is accepted, or the credentials are right."""
        return self.kind in {ACCEPTED, VALIDATED}

    def as_json(self) -> str:
        about = {"outcome": self.kind, "type": self.type, "tenant": self.tenant, "id": self.id, "origin": self.origin}
        return json.dumps({**about, "time": self.time, "data": self.data}, ensure_ascii=False)

    def as_line(self) -> str:
        status = str(self.data.get("status", ""))
        said = str(self.data.get("response") or self.data.get("message") or "")
        ending = str(self.data.get("type") or self.kind)
        cells = (self.time, f"{self.tenant:16}", f"{self.id:36}", f"{ending:15}", f"{status:3}", said)
        return printable("  ".join(cells).rstrip())


def request(
    event_id: str,
    tenant: str,
    data: Mapping[str, object],
    type_: str = SEND_EMAIL,
    *,
    source: str = "/consumer/cli",
    expires: str | None = None,
) -> Emission:
    """A CloudEvent in structured mode, keyed by tenant: so it lies in its home partition at once.

    `expires` is the time (RFC 3339) after which it is not wanted any more.
    """
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": type_,
        "tenant": tenant,
        "datacontenttype": "application/json",
        "data": data,
        **({} if expires is None else {"expirytime": expires}),
    }
    return Emission(tenant.encode(), json.dumps(event, ensure_ascii=False).encode(), STRUCTURED, event_id)


def below(emission: Emission, traceparent: str, tracestate: str | None = None) -> Emission:
    """The same record as the work of this span (W3C Trace Context, 3): in headers, whichever way it is wrapped."""
    state = () if tracestate is None else (("tracestate", tracestate.encode()),)
    return replace(emission, headers=(*emission.headers, ("traceparent", traceparent.encode()), *state))


def raw(content: bytes, *, tenant: str | None, event_id: str | None, operation: Operation | None = None) -> Emission:
    """The bytes of a file as they are: a CloudEvent where they say so, otherwise plain, with headers."""
    event = _object(content)
    if "specversion" in event:
        key = event.get("tenant")
        id_ = event.get("id")
        known = id_ if isinstance(id_, str) else None
        return Emission(key.encode() if isinstance(key, str) else None, content, STRUCTURED, known)
    named = (("tenant", tenant), ("request_id", event_id), ("operation", operation))
    headers = tuple((name, value.encode()) for name, value in named if value)
    return Emission(tenant.encode() if tenant else None, content, headers, event_id)


def repeated(emission: Emission, event_id: str) -> Emission:
    """The same request under another id, however it is wrapped."""
    event_id = event_id[:_LONGEST_ID]
    named = {name.lower(): name for name, _ in emission.headers}
    if named.get("content-type") and dict(emission.headers)[named["content-type"]].startswith(
        b"application/cloudevents"
    ):
        event = _object(emission.value) | {"id": event_id}
        return replace(emission, value=json.dumps(event, ensure_ascii=False).encode(), id=event_id)
    header = "ce_id" if any(name.startswith("ce_") for name in named) else "request_id"
    headers = tuple((name, value) for name, value in emission.headers if name.lower() != header)
    return replace(emission, headers=(*headers, (header, event_id.encode())), id=event_id)


def outcome(headers: Sequence[tuple[str, bytes | None]], value: bytes | None) -> OutcomeEvent:
    """An outcome from its record, with nothing where something is not there."""
    text = {name: (content or b"").decode(errors="replace") for name, content in headers}
    data = _object(value or b"")
    return OutcomeEvent(
        kind=text.get(KIND_HEADER, ""),
        type=text.get("ce_type", ""),
        tenant=text.get("ce_tenant", ""),
        id=text.get("ce_causationid", ""),
        origin=f"{text.get('ce_originpartition', '')}:{text.get('ce_originoffset', '')}",
        time=text.get("ce_time", ""),
        data=data,
    )


def _object(content: bytes) -> dict[str, Any]:
    try:
        found: object = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def printable(text: str) -> str:
    """A relay's words must not reach the terminal as commands."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def is_ending(name: str) -> bool:
    """Whether an outcome of this version may have it as its kind or type; others have more."""
    return name in ENDINGS or name.startswith("attachment-") or name.endswith("-failed")
