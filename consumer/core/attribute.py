"""The attributes of an event: which there are, and the rule of each.

A rule answers what is wrong, without quoting, or None.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from consumer.core.timestamp import parse_timestamp

SEND_EMAIL = "email.send-email.v1"
PARKED_COMMAND = "email.parked-command.v1"
SEND_TEST_EMAIL = "email.send-test-email.v1"
VALIDATE_CREDENTIALS = "email.validate-credentials.v1"
TRACE = ("traceparent", "tracestate")
"""CloudEvents' extension for distributed tracing."""
TRIALS = frozenset((SEND_TEST_EMAIL, VALIDATE_CREDENTIALS))
"""What tries credentials out: answered at once, and limited on its own."""
TYPES: Mapping[str, str] = {
    SEND_EMAIL: SEND_EMAIL,
    "send-email": SEND_EMAIL,
    SEND_TEST_EMAIL: SEND_TEST_EMAIL,
    "send-test-email": SEND_TEST_EMAIL,
    VALIDATE_CREDENTIALS: VALIDATE_CREDENTIALS,
    "validate-credentials": VALIDATE_CREDENTIALS,
    PARKED_COMMAND: PARKED_COMMAND,
    "parked-command": PARKED_COMMAND,
}
"""What can be asked for, by full name and by the short one of the `operation` header."""

Rule: TypeAlias = Callable[[str], str | None]

MAX_TEXT = 256
MAX_TENANT = 128

_JSON = re.compile(r"application/json|text/json|[^/]+/[^/]+\+json")  # CloudEvents 1.0.2 JSON format, 3.1.1


def media_type(content_type: str) -> str:
    """Type and subtype of a content type, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def _version(value: str) -> str | None:
    return None if value == "1.0" else "only 1.0 is read"


def text(value: str) -> str | None:
    """What is wrong with a text that people are to read."""
    if not value:
        return "empty"
    if len(value) > MAX_TEXT:
        return f"longer than {MAX_TEXT} characters"
    return None if value.isprintable() else "expected printable characters"


def _given(value: str) -> str | None:
    return None if value else "empty"


def tenant(value: str) -> str | None:
    """What is wrong with the name of a tenant."""
    if len(value) > MAX_TENANT:
        return f"longer than {MAX_TENANT} characters"
    return "expected no blanks" if " " in value else text(value)


def _type_of(types: Mapping[str, str]) -> Rule:
    expected = f"unknown, expected {' or '.join(dict.fromkeys(types.values()))}"
    return lambda value: None if value in types else expected


def _time(value: str) -> str | None:
    return None if parse_timestamp(value) is not None else "expected a time after RFC 3339 with its offset"


def _json_type(value: str) -> str | None:
    return None if _JSON.fullmatch(media_type(value)) else "expected JSON"


def _any(_: str) -> str | None:
    return None  # a trace that is none is ignored, not refused: see core/trace.py


RULES: Mapping[str, Rule] = {
    "specversion": _version,
    "id": text,
    "source": _given,
    "type": _type_of(TYPES),
    "tenant": tenant,
    "correlationid": text,
    "expirytime": _time,
    "datacontenttype": _json_type,
    **dict.fromkeys(TRACE, _any),
}
REQUIRED = frozenset(("specversion", "id", "source", "type", "tenant"))


@dataclass(frozen=True, slots=True)
class Kinds:
    """The types of event that a topic takes, by full and short name; `assumed` is that of a plain one that says none."""

    types: Mapping[str, str]
    assumed: str
    rules: Mapping[str, Rule]


def kinds(types: Mapping[str, str], *, assumed: str) -> Kinds:
    return Kinds(types, assumed, {**RULES, "type": _type_of(types)})


REQUESTS = kinds(TYPES, assumed=SEND_EMAIL)
