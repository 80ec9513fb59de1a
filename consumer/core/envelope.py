"""Three ways to wrap a request, read into one: the event.

CloudEvents 1.0 structured (all of it is the value), CloudEvents 1.0 binary (attributes are
headers that begin with `ce_`), and plain JSON with the headers `tenant`, `request_id` and
`operation`. After the Kafka protocol binding for CloudEvents 1.0.2, section 3. Values of
headers are UTF-8 as they stand: percent-encoding belongs to HTTP.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import orjson

from consumer.core import attribute
from consumer.core.attribute import REQUESTS, Kinds
from consumer.core.frozen import frozen
from consumer.core.outcome import Invalid, Subject
from consumer.core.record import Record
from consumer.core.shape import BINARY, JSON, LONGEST, PLAIN, PLAIN_HEADERS, TRACES, Shape, shape_of
from consumer.core.timestamp import parse_timestamp
from consumer.core.trace import Trace, trace

MAX_VALUE = 10 * 1024 * 1024

_STRUCTURED = "application/cloudevents+json"
_OF_PLAIN = {header: name for name, header in PLAIN.items()}
_MAGIC = 0
_MAGIC_BYTES = 5  # Confluent's wire format: the magic byte and the id of a schema
_BOM = b"\xef\xbb\xbf"
_FRAMED = bytes((_MAGIC, _BOM[0]))
"""With what a value begins that is not JSON from its first octet on."""

Headers: TypeAlias = Mapping[str, str]


@frozen
class Event:
    """An unwrapped request whose attributes are in order; `data` is JSON still to be judged."""

    subject: Subject
    type: str
    id: str
    tenant: str
    data: Any
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """What could not become a request, and what is known of it all the same."""

    subject: Subject
    outcome: Invalid


@dataclass(frozen=True, slots=True)
class _Flaw:
    """A fault in the wrapping. It never quotes."""

    error: str
    type: Literal["invalid-json", "invalid-event"] = "invalid-event"


class _Unwrapped(NamedTuple):
    """Attributes by their CloudEvents names, the data or the flaw in it, and the headers if they stood in headers."""

    attributes: Mapping[str, object]
    data: object
    headers: Mapping[str, str] | None = None

    def place(self, name: str) -> str:
        return f"header {self.headers[name]}" if self.headers else f"/{name}"


def unwrap(record: Record, kinds: Kinds = REQUESTS) -> Event | Refused:
    """The event in the record, whichever of the three ways it is wrapped. Never raises for one."""
    given, shape = _shaped(record)
    usual = None if shape is None else _usual(record, given, shape, kinds)
    return usual or header_by_header(record, kinds)


def _shaped(record: Record) -> tuple[Mapping[str, bytes], Shape | None]:
    """The headers by their names, and the shape of these; None where one comes twice, or is of two lines."""
    given = dict(record.headers)
    names = "\n".join(given)
    shape = shape_of(names) if len(names) <= LONGEST else None
    return given, shape if shape is not None and shape.number == len(given) == len(record.headers) else None


def _usual(record: Record, given: Mapping[str, bytes], shape: Shape, kinds: Kinds) -> Event | Refused | None:
    """The same as `header_by_header` comes to, where each header keeps its rule; None where one does not."""
    try:
        tenant, id_ = given[shape.tenant].decode(), given[shape.id].decode()
        type_ = kinds.types.get(kinds.assumed if shape.type is None else given[shape.type].decode())
        correlation = None if shape.correlation_id is None else given[shape.correlation_id].decode()
        if shape.source is not None and not given[shape.source].decode():
            return None
        for name in shape.texts:
            given[name].decode()
        expires = None if shape.expires is None else parse_timestamp(given[shape.expires].decode())
    except UnicodeDecodeError:
        return None
    if (
        type_ is None
        or attribute.text(id_) is not None
        or attribute.tenant(tenant) is not None
        or (correlation is not None and attribute.text(correlation) is not None)
        or (shape.content_type is not None and given[shape.content_type] not in JSON)
        or (shape.specversion is not None and given[shape.specversion] != b"1.0")
        or (shape.expires is not None and expires is None)
    ):
        return None
    parent, state = (shape.trace(given) if shape.traces else None) or (None, None)
    at = record.at
    subject = Subject(at, record.origin if shape.forwarded else at, tenant, id_, type_, correlation, parent, state)
    data = _json(record.value)
    return _refused(subject, (data,)) if isinstance(data, _Flaw) else Event(subject, type_, id_, tenant, data, expires)


def header_by_header(record: Record, kinds: Kinds = REQUESTS) -> Event | Refused:
    """The same as `unwrap`, for whatever headers there are."""
    headers, flaws = _headers(record)
    unwrapped = _unwrap(record, headers, kinds.assumed)
    if isinstance(unwrapped, _Flaw):
        return _refused(Subject(record.at, record.origin), (*flaws, unwrapped))

    known, more = _known(unwrapped, kinds)
    subject = _subject(record, headers, known, kinds)
    if isinstance(unwrapped.data, _Flaw):
        more = (*more, unwrapped.data)
    if flaws or more:
        return _refused(subject, (*flaws, *more))
    expires = parse_timestamp(known["expirytime"]) if "expirytime" in known else None
    return Event(subject, kinds.types[known["type"]], known["id"], known["tenant"], unwrapped.data, expires)


def tenant_of(record: Record) -> str:
    """Whose the record says it is, right or wrong, for a fraction of what `unwrap` costs; "" where it does not say."""
    given, shape = _shaped(record)
    if shape is None or (shape.content_type and given[shape.content_type] not in JSON):
        return _tenant_of(record)
    return given[shape.tenant][: attribute.MAX_TENANT].decode(errors="replace")


def _tenant_of(record: Record) -> str:
    headers = {name.lower(): value for name, value in record.headers}
    content_type = headers.get("content-type")
    if content_type is None or attribute.media_type(content_type.decode(errors="replace")) != _STRUCTURED:
        named = headers.get("ce_tenant", headers.get("tenant", b""))
        return named[: attribute.MAX_TENANT].decode(errors="replace")
    event = _json(record.value)
    tenant = cast("dict[str, object]", event).get("tenant") if isinstance(event, dict) else None
    return tenant[: attribute.MAX_TENANT] if isinstance(tenant, str) else ""


def _headers(record: Record) -> tuple[Headers, tuple[_Flaw, ...]]:
    """The headers that mean something to us, by their lower-case names. An attribute may come only once."""
    headers: dict[str, str] = {}
    flaws: list[_Flaw] = []
    for written, value in record.headers:
        name = written.lower()
        if name in TRACES:  # several states are one list, several parents are none (W3C Trace Context, 3.2 and 3.3.1)
            text = value.decode(errors="replace")
            headers[name] = f"{headers[name]},{text}" if name in headers else text
        elif name not in PLAIN_HEADERS and not name.startswith("ce_"):
            continue
        elif name in headers:
            flaws.append(_Flaw(f"header {_nameable(name)}: given twice"))
        else:
            try:
                headers[name] = value.decode()
            except UnicodeDecodeError:
                headers[name] = ""
                flaws.append(_Flaw(f"header {_nameable(name)}: not UTF-8"))
    return headers, tuple(dict.fromkeys(flaws)) if flaws else ()


def _nameable(header: str) -> str:
    """The name if it is one of ours: a producer's own may say anything."""
    return header if header in PLAIN_HEADERS or header.removeprefix("ce_") in attribute.RULES else "ce_*"


def _unwrap(record: Record, headers: Headers, assumed: str) -> _Unwrapped | _Flaw:
    if "content-type" in headers:
        content_type = attribute.media_type(headers["content-type"])
        if content_type == _STRUCTURED:
            return _structured(record)
        if content_type.startswith("application/cloudevents-batch"):
            return _Flaw("header content-type: batches are not taken, send one event a record")
        if content_type.startswith("application/cloudevents"):
            return _Flaw("header content-type: of the event formats only application/cloudevents+json is read")
    if headers.keys() <= PLAIN_HEADERS or not any(name.startswith("ce_") for name in headers):
        return _plain(record, headers, assumed)
    return _binary(record, headers)


def _structured(record: Record) -> _Unwrapped | _Flaw:
    event = _json(record.value)
    if isinstance(event, _Flaw):
        return event
    if not isinstance(event, dict):
        return _Flaw("/: expected an object")
    members = cast("dict[str, object]", event)
    attributes = {name: members[name] for name in attribute.RULES if members.get(name) is not None}
    return _Unwrapped(attributes, _data(members))


def _data(members: Mapping[str, object]) -> object:
    """`data`, or the JSON within `data_base64` (the JSON event format 1.0.2, 3.1)."""
    if ("data" in members) == ("data_base64" in members):
        return _Flaw("/data: expected either data or data_base64")
    if "data" in members:
        return members["data"]
    encoded = members["data_base64"]
    try:
        return _json(base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b"")
    except (binascii.Error, ValueError):
        return _Flaw("/data_base64: not base64")


def _binary(record: Record, headers: Headers) -> _Unwrapped:
    attributes = {name: headers[header] for name, header in BINARY.items() if header in headers}
    return _Unwrapped(attributes, _json(record.value), BINARY)


def _plain(record: Record, headers: Headers, assumed: str) -> _Unwrapped:
    data = _json(record.value)
    if "tenant" not in headers and isinstance(data, dict) and "specversion" in data:
        data = _Flaw("header content-type: for a structured CloudEvent say application/cloudevents+json")
    attributes: dict[str, object] = {"specversion": "1.0", "source": "plain", "type": assumed}
    for header, text in headers.items():
        if (name := _OF_PLAIN.get(header)) is not None:
            attributes[name] = text
    if "id" not in attributes:
        attributes["id"] = str(record.origin)
    return _Unwrapped(attributes, data, PLAIN)


def _json(value: bytes | None) -> object:
    """The value parsed, or a flaw. The last of equal keys counts, as with most parsers."""
    if not value:
        return _Flaw("value: null" if value is None else "value: empty", "invalid-json")
    if len(value) > MAX_VALUE:
        return _Flaw(f"value: larger than {MAX_VALUE} bytes", "invalid-json")
    if value[0] in _FRAMED:
        value = (value[_MAGIC_BYTES:] if value[0] == _MAGIC else value).removeprefix(_BOM)
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        if "UTF-8" in error.msg:
            return _Flaw("value: not UTF-8", "invalid-json")
        return _Flaw(f"value: not JSON, line {error.lineno}, column {error.colno}", "invalid-json")


def _known(unwrapped: _Unwrapped, kinds: Kinds) -> tuple[dict[str, str], tuple[_Flaw, ...]]:
    """The attributes that keep their rule, as text, and the flaws of the others."""
    given, rules = unwrapped.attributes, kinds.rules
    known: dict[str, str] = {
        name: value for name, value in given.items() if isinstance(value, str) and rules[name](value) is None
    }
    if len(known) == len(given) and known.keys() >= attribute.REQUIRED:
        return known, ()
    known = {}
    flaws: list[_Flaw] = []
    for name, rule in rules.items():
        value = unwrapped.attributes.get(name)
        if value is None and name in attribute.REQUIRED:
            flaws.append(_Flaw(f"{unwrapped.place(name)}: missing"))
        elif value is not None and (name not in attribute.TRACE or isinstance(value, str)):
            error = rule(value) if isinstance(value, str) else "not a string"
            if error is None:
                known[name] = cast("str", value)
            else:
                flaws.append(_Flaw(f"{unwrapped.place(name)}: {error}"))
    return known, tuple(flaws)


def _subject(record: Record, headers: Headers, known: Mapping[str, str], kinds: Kinds) -> Subject:
    get = known.get
    parent, state = _trace(known) or _trace(headers) or (None, None)  # the event's own before its transport's
    type_ = kinds.types.get(get("type", ""))
    return Subject(record.at, record.origin, get("tenant"), get("id"), type_, get("correlationid"), parent, state)


def _trace(given: Mapping[str, str]) -> Trace | None:
    return trace(given.get("traceparent"), given.get("tracestate"))


def _refused(subject: Subject, flaws: tuple[_Flaw, ...]) -> Refused:
    """All flaws; those of the event say more than that its data was not JSON."""
    of_event = any(flaw.type == "invalid-event" for flaw in flaws)
    errors = tuple(flaw.error for flaw in flaws)
    return Refused(subject, Invalid("invalid-event" if of_event else "invalid-json", errors))
