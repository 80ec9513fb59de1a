"""Requests of every kind that a topic may hold, good and bad, and how each has to end."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from consumer.core.record import Headers
from tests.acceptance.stage import mail, plain

CANARY = "c4n4ry"
"""Stands wherever a person or a secret can; what a consumer says may hold it nowhere."""

BINARY: Headers = (
    ("ce_specversion", b"1.0"),
    ("ce_source", b"/tests"),
    ("ce_type", b"email.send-email.v1"),
    ("ce_tenant", b"acme"),
    ("content-type", b"application/json"),
)
STRUCTURED: Headers = (("content-type", b"application/cloudevents+json; charset=utf-8"),)
BATCH: Headers = (("content-type", b"application/cloudevents-batch+json"),)
HIDDEN = {"subject": f"about {CANARY}", "text": f"dear {CANARY}", "html": f"<p>{CANARY}</p>"}
CONNECTION = {"server": "localhost", "port": 25, "user": "me", "password": CANARY}


@dataclass(frozen=True, slots=True)
class Event:
    """A record, and how its request ends: status and type (None: accepted)."""

    kind: str
    value: bytes | None
    headers: Headers
    status: int = 400
    type: str | None = "invalid-request"


def event(kind: str, number: int) -> Event:
    """The request of that kind with that number."""
    request_id = f"{kind.replace(' ', '-')}-{number}"
    for events in (_wrapped, _fields):
        for found in events(request_id):
            if found.kind == kind:
                return found
    raise KeyError(kind)


def _wrapped(identity: str) -> Iterator[Event]:
    """What differs by its wrapping."""
    headers, named = plain("acme", identity), (*BINARY, ("ce_id", identity.encode()))
    good = json.dumps(mail(**HIDDEN)).encode()
    attributes = {name.removeprefix("ce_"): value.decode() for name, value in named if name.startswith("ce_")}
    structured = json.dumps({**attributes, "data": mail(**HIDDEN)}).encode()
    yield Event("plain", good, headers, 204, None)
    yield Event("binary", good, named, 204, None)
    yield Event("structured", structured, STRUCTURED, 204, None)
    yield Event("confluent prefix", b"\x00\x00\x00\x00\x07" + good, headers, 204, None)
    yield Event("not JSON", b'{"subject": "' + CANARY.encode(), headers, type="invalid-json")
    yield Event("not UTF-8", good.replace(b"about", b"\xff\xfe"), headers, type="invalid-json")
    yield Event("empty", b"", headers, type="invalid-json")
    yield Event("null value", None, headers, type="invalid-json")
    yield Event("deep", b'{"c4n4ry":' * 1000 + b"1" + b"}" * 1000, headers)
    yield Event("deep list", b"[" * 1000 + b"]" * 1000, headers)
    yield Event("batch", b"[" + structured + b"]", BATCH, type="invalid-event")
    strange = (*named[:2], ("ce_type", b"email.c4n4ry.v1"), *named[3:])
    yield Event("unknown type", good, strange, type="invalid-event")
    yield Event("missing ce_id", good, BINARY, type="invalid-event")
    yield Event("header twice", good, (*headers, ("Tenant", b"c4n4ry")), type="invalid-event")
    yield Event("unknown tenant", good, plain("nobody", identity), 404, "unknown-tenant")


FIELDS: dict[str, dict[str, object]] = {
    "misspelt": {"subjekt": CANARY},
    "stranger field": {CANARY: 1},
    "recipient and to": {"recipient": f"{CANARY}@example.com"},
    "no recipient": {"to": None},
    "nobody": {"to": []},
    "5,000 recipients": {"to": [f"{CANARY}-{number}@example.com" for number in range(5000)]},
    "no body": {"text": None, "html": None},
    "from alone": {"from": f"{CANARY}@example.com"},
    "port 0": {"connection": {**CONNECTION, "port": 0}},
    "port 70000": {"connection": {**CONNECTION, "port": 70000}},
    "port abc": {"connection": {**CONNECTION, "port": CANARY}},
    "CR in subject": {"subject": f"{CANARY}\rBcc: x@y.example"},
    "LF in subject": {"subject": f"{CANARY}\nBcc: x@y.example"},
    "CRLF in address": {"to": [f"{CANARY}@example.com\r\nRCPT TO:<x@y.example>"]},
    "comma in address": {"to": [f"{CANARY}@example.com,x@y.example"]},
    "quotes in address": {"to": [f'"{CANARY}@example.com,x"@y.example']},
    "comma in cc": {"cc": [f"{CANARY}@example.com,x@y.example"]},
    "LF in from": {"from": f"{CANARY}\n@example.com", "connection": CONNECTION},
    "LF in a header": {"headers": {"X-Note": f"{CANARY}\nBcc: x@y.example"}},
    "text is a number": {"text": 7},
}


TOKEN = "NS-EU-C4N4RY-1"
UNRESOLVED: dict[str, tuple[dict[str, object], str]] = {
    "attachment inside": ({"attachments": [f"https://10.0.0.1/{CANARY}?{CANARY}"]}, "attachment-not-allowed"),
    "attachment at a metadata address": (
        {"attachments": [{"url": f"http://169.254.169.254/{CANARY}", "filename": CANARY}]},
        "attachment-not-allowed",
    ),
    "attachment with a password": ({"attachments": [f"https://me:{CANARY}@10.0.0.1/"]}, "attachment-not-allowed"),
    "token for an attachment": ({"attachments": [TOKEN]}, "pii-unresolved"),
    "relay inside": ({"connection": {**CONNECTION, "server": "10.0.0.1"}}, "connection-not-allowed"),
    "token for a recipient": ({"to": [TOKEN]}, "pii-unresolved"),
    "token for a body": ({"text": TOKEN}, "pii-unresolved"),
}


def _fields(identity: str) -> Iterator[Event]:
    """What differs by its fields."""
    for kind, (fields, type_) in UNRESOLVED.items():
        yield Event(kind, json.dumps(mail(**{**HIDDEN, **fields})).encode(), plain("acme", identity), 424, type_)
    for kind, fields in FIELDS.items():
        yield Event(kind, json.dumps(mail(**{**HIDDEN, **fields})).encode(), plain("acme", identity))
    large = json.dumps(mail(**{**HIDDEN, "text": f"{CANARY} " * 112_500})).encode()
    yield Event("900 KB", large, plain("acme", identity), 204, None)
    huge = json.dumps(mail(**{**HIDDEN, "text": CANARY * 1_900_000})).encode()
    yield Event("11 MB", huge, plain("acme", identity), type="invalid-json")


GOOD = ("plain", "binary", "structured", "confluent prefix")
WRAPPED = (
    *("not JSON", "not UTF-8", "empty", "null value", "deep", "deep list"),
    *("batch", "unknown type", "missing ce_id", "header twice", "unknown tenant"),
)
HEAVY = ("5,000 recipients", "900 KB", "11 MB")
LIGHT = (*WRAPPED, *UNRESOLVED, *(kind for kind in FIELDS if kind not in HEAVY))
