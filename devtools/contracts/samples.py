"""Examples of events: made by walking the schemas, with a sample for each field, or by the service's own encoder."""

from collections.abc import Iterator
from typing import Any

import orjson

from consumer.adapters import schemas
from consumer.core.attribute import PARKED_COMMAND, SEND_EMAIL, SEND_TEST_EMAIL, TYPES, VALIDATE_CREDENTIALS
from consumer.core.encode import kind, outcome_event
from consumer.core.outcome import (
    Accepted,
    Cancelled,
    Declined,
    Duplicate,
    Expired,
    Failed,
    Invalid,
    Obeyed,
    Outcome,
    RateLimited,
    Refusal,
    Rejected,
    Subject,
    Suppressed,
    Timed,
    Unknown,
    Unresolvable,
    Validated,
)
from consumer.core.record import Coordinates
from consumer.core.reply import Reply

Event = dict[str, Any]

_AT = 1_790_000_000.0
_HOME = Coordinates(3, 1042)
_ID, _TENANT = "order-4711", "acme"
_GONE = Reply(550, "there is no such mailbox", "5.1.1")
_MESSAGE_ID = "<9c1c9f4b7a3e4d0c8a52b1d5e6f70812@acme.example>"

SAMPLES: dict[str, object] = {
    "to": ["ann@example.com", "bob@example.com"],
    "cc": ["carol@example.com"],
    "bcc": ["NS-EU-4F7-9KQ2"],
    "recipient": "ann@example.com",
    "from": "news@shop.example",
    "replyTo": ["help@shop.example"],
    "subject": "Your order 4711",
    "text": "Thank you. It is on its way.",
    "message": "Thank you. It is on its way.",
    "html": "<p>Thank you. It is <b>on its way</b>.</p>",
    "attachments": ["https://files.shop.example/4711.pdf"],
    "headers": {"X-Order": "4711"},
    "connection": {
        "server": "smtp.shop.example",
        "port": 587,
        "user": "mailer",
        "password": "from-your-vault",
        "scheme": "smtp",
    },
    "hLimit": 100,
    "onUnknown": "report",
    "sendAt": "2027-01-01T08:00:00Z",
    "priority": "high",
    "unsubscribe": "https://shop.example/unsubscribe/4711",
    "command": "cancel",
    "id": _ID,
    "email": "ann@example.com",
    "smtp_host": "smtp.shop.example",
    "smtp_port": "587",
    "smtp_user": "mailer",
    "smtp_pass": "from-your-vault",
    "smtp_scheme": "smtp",
    "from_name": "The shop",
    "from_address": "news@shop.example",
    "microsoft_auth": {"tenant_id": "contoso.example", "client_id": "1b2c", "client_secret": "from-your-vault"},
}
"""A sample for each field of a request. Whoever adds a field adds its sample here."""

_OTHER_NAME = {"recipient": "to", "message": "text"}
_LEAST = {SEND_EMAIL: ("to", "subject", "text")}


def requests() -> dict[str, dict[str, Event]]:
    """Data by type and by what it shows."""
    return {type_: dict(_shown(type_)) for type_ in dict.fromkeys(TYPES.values())}


def _shown(type_: str) -> Iterator[tuple[str, Event]]:
    schema = schemas.load(type_.removeprefix("email."))
    fields = list(schema["properties"])
    missing = [name for name in fields if name not in SAMPLES]
    if missing:
        raise LookupError(f"{type_}: no sample for {', '.join(missing)} (devtools/contracts/samples.py)")
    least = _LEAST.get(type_) or schema.get("required") or fields[:1]
    yield "the least", {name: SAMPLES[name] for name in fields if name in least}
    if type_ == SEND_EMAIL:
        short = ("recipient", "subject", "message", "attachments")
        yield "the short names", {name: SAMPLES[name] for name in fields if name in short}
    yield "everything", {name: SAMPLES[name] for name in fields if _OTHER_NAME.get(name) not in fields}


def structured(type_: str, data: Event) -> Event:
    """The CloudEvent in structured mode."""
    return {
        "specversion": "1.0",
        "id": _ID,
        "source": "/shop/orders",
        "type": type_,
        "tenant": _TENANT,
        "datacontenttype": "application/json",
        "data": data,
    }


def endings() -> tuple[Outcome, ...]:
    """One of each ending, in the order of the schema's words."""
    refused = (Refusal("bob@example.com", _GONE),)
    return (
        Accepted(("ann@example.com",), refused, "news@shop.example", "250 2.0.0 queued", _MESSAGE_ID, _AT),
        Rejected(_GONE, refused, _MESSAGE_ID),
        Suppressed(("ann@example.com",)),
        RateLimited(1800.0),
        Expired("connect timeout", 7),
        Duplicate("duplicate", Coordinates(3, 1007)),
        Duplicate("conflict", Coordinates(3, 1007)),
        Invalid("invalid-json", ("value: not JSON, line 1, column 12",)),
        Invalid("invalid-event", ("/tenant: missing",)),
        Invalid("invalid-request", ("/: unknown field (did you mean `subject`?)",)),
        Invalid("unknown-tenant", ("tenant: not configured",)),
        Unresolvable("pii-unresolved", ("/to/0: the token is not known",)),
        Unknown("in doubt", _MESSAGE_ID, _AT),
        Cancelled("connect timeout", 2),
        Failed("connect", "timeout"),
        Validated((Timed("dns", 0.004), Timed("tcp", 0.021), Timed("greeting", 0.03)), login=False),
        Failed(
            "auth", "refused", Reply(535, "authentication failed", "5.7.8"), (Timed("dns", 0.004), Timed("tcp", 0.021))
        ),
        Obeyed("cancel", _ID),
        Declined("not-parked", "cancel", _ID),
    )


def outcome(ending: Outcome) -> tuple[dict[str, str], Event]:
    """Headers and body, as the service itself writes them."""
    subject = Subject(_HOME, _HOME, _TENANT, _ID, _asked(ending))
    headers, body = outcome_event(subject, ending, source="/email-consumer/email.requests", now=_AT)
    return {name: value.decode() for name, value in headers}, orjson.loads(body)


def _asked(ending: Outcome) -> str:
    """The type of request that ends like that; the first that does."""
    match ending:
        case Obeyed() | Declined():
            return PARKED_COMMAND
        case Failed(stages=()):
            return SEND_TEST_EMAIL
        case Failed() | Validated():
            return VALIDATE_CREDENTIALS
        case _:
            return SEND_EMAIL


def name_of(ending: Outcome) -> str:
    """Its `type`; where it has none, its kind."""
    _, body = outcome(ending)
    return str(body.get("type") or kind(ending))
