"""A record of the request topic becomes a request, or the outcome that says why not.

Errors name the place and the rule, never the content: what a producer wrote, and that
includes the names of its fields, may be personal data.
"""

import hashlib
from difflib import get_close_matches
from itertools import islice
from typing import Any, cast

import jsonschema_rs
import orjson
from pydantic import ValidationError

from consumer.core.address import parse_recipient
from consumer.core.envelope import Event, Refused, unwrap
from consumer.core.outcome import Invalid
from consumer.core.record import Record
from consumer.core.request import Request
from consumer.core.send_email import SendEmail

__all__ = ["Decoder", "Refused"]

MAX_RECIPIENTS = 1000
MAX_ERRORS = 10
MAX_ERROR = 200
_MAX_GUESS = 64
_MAX_SEEN = 4 * MAX_ERRORS
_WORDS = {
    "maxItems": "at most {} items",
    "maxProperties": "at most {} fields",
    "maxLength": "at most {} characters",
    "minLength": "at least {} characters",
    "maximum": "at most {}",
    "minimum": "at least {}",
    "enum": "one of {}",
    "type": "type {}",
}
_SAYS_IT_ALL = frozenset(("pattern", "format", "not", "anyOf", "propertyNames"))


class Decoder:
    """Judges requests by the published schema, and reads them into types."""

    def __init__(self, send_email: dict[str, Any]) -> None:
        self._schema = send_email
        self._validator = jsonschema_rs.validator_for(send_email, validate_formats=True)
        self._names = _names(send_email)

    def decode(self, record: Record) -> Request | Refused:
        """The request in the record. Never raises for one."""
        event = unwrap(record)
        if isinstance(event, Refused):
            return event

        errors = self._errors(event.data)
        if errors:
            return _refused(event, errors)
        try:
            email = SendEmail.model_validate(event.data)
        except ValidationError:  # only if schema and model differ, and tests prove that they do not
            return _refused(event, ("/: expected another form",))
        errors = _beyond_schema(email)
        if errors:
            return _refused(event, errors)
        return _request(record, event, email)

    def _errors(self, data: object) -> tuple[str, ...]:
        """What breaks the schema; the same place and rule are told once."""
        try:
            if self._validator.is_valid(data):
                return ()
            found = islice(self._validator.iter_errors(data), _MAX_SEEN)
            told = dict.fromkeys(self._error(error)[:MAX_ERROR] for error in found)
        except ValueError:  # jsonschema_rs walks no deeper than 255
            return ("/: nested too deep",)
        return tuple(told)[:MAX_ERRORS]

    def _error(self, error: jsonschema_rs.ValidationError) -> str:
        place = "/" + "/".join(self._step(step) for step in error.instance_path)
        keyword, value, description, properties = _rule(self._schema, error.schema_path)
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
            return f"{place}: unknown field{_guess(error.kind.unexpected, properties)}"
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
            return f"{place}: `{error.kind.property}` is missing"
        if keyword in _SAYS_IT_ALL or "propertyNames" in error.schema_path:
            return f"{place}: expected {description}"
        return f"{place}: expected {_WORDS.get(keyword, keyword).format(orjson.dumps(value).decode())}"

    def _step(self, step: str | int) -> str:
        return str(step) if isinstance(step, int) or step in self._names else "*"


def _names(schema: object) -> frozenset[str]:
    """Every field that the schema names."""
    if isinstance(schema, list):
        return frozenset[str]().union(*map(_names, cast("list[object]", schema)))
    if not isinstance(schema, dict):
        return frozenset()
    node = cast("dict[str, object]", schema)
    properties = cast("dict[str, object]", node.get("properties", {}))
    return frozenset(properties).union(*map(_names, node.values()))


def _rule(schema: object, path: list[str | int]) -> tuple[str, object, str, list[str]]:
    """The rule at a path of the schema: keyword, value, the nearest description, the fields beside it."""
    node, description, beside = schema, "", list[str]()
    for step in path:
        if isinstance(node, list):
            node = cast("list[object]", node)[int(step)]
            continue
        parent = cast("dict[str, object]", node)
        said = parent.get("description")
        description = said if isinstance(said, str) else description
        beside = list(cast("dict[str, object]", parent.get("properties", {})))
        node = parent[str(step)]
    return str(path[-1]), node, description, beside


def _guess(unexpected: list[str], known: list[str]) -> str:
    """What a misspelt field was probably meant to be, in our words."""
    for name in unexpected:
        close = get_close_matches(name[:_MAX_GUESS], known, n=1)
        if close:
            return f" (did you mean `{close[0]}`?)"
    return ""


def _beyond_schema(email: SendEmail) -> tuple[str, ...]:
    """What the language of schemas cannot say."""
    if len(email.to) + len(email.cc) + len(email.bcc) > MAX_RECIPIENTS:
        return (f"/: expected at most {MAX_RECIPIENTS} recipients in to, cc and bcc",)
    fields = (("to", email.to), ("cc", email.cc), ("bcc", email.bcc), ("replyTo", email.reply_to))
    errors = [
        f"/{name}/{index}: expected a domain and a length that a relay can take"
        for name, addresses in fields
        for index, address in enumerate(addresses)
        if not _deliverable(address)
    ]
    if email.sender is not None and not _deliverable(email.sender):
        errors.append("/from: expected a domain and a length that a relay can take")
    return tuple(errors[:MAX_ERRORS])


def _deliverable(address: str) -> bool:
    if address.isascii() and "xn--" not in address.lower():
        return True  # then the schema has said it all
    return parse_recipient(address) is not None


def _request(record: Record, event: Event, email: SendEmail) -> Request:
    canonical = orjson.dumps(event.data, option=orjson.OPT_SORT_KEYS)
    digest = hashlib.blake2b(canonical, digest_size=16).digest()
    return Request(event.subject, event.id, event.tenant, email, record.timestamp, digest, event.expires)


def _refused(event: Event, errors: tuple[str, ...]) -> Refused:
    return Refused(event.subject, Invalid("invalid-request", errors))
