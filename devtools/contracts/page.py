# ruff: noqa: E501  it is a page
"""`docs/events.md`: each event with its fields and with examples to copy."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from consumer.adapters import schemas
from consumer.core import attribute
from consumer.core.about import outcome_type
from consumer.core.attribute import SEND_EMAIL
from devtools.contracts import samples

_HEAD = """\
# Events

Made from `schemas/` by `make contracts`: do not edit. Each example is held against its schema in a test, so what stands here
can be copied. `consumer validate FILE` holds your own events against the same schemas, `consumer render FILE` shows the mail.
[asyncapi.yaml](../schemas/asyncapi.yaml) says the same to tools; [first-event.md](first-event.md) has five languages.

## How a request is wrapped

Requests go to `email.requests`, in any of three ways. Key them by tenant: so they are at home at once. Any other key will do.

| attribute | rule | plain JSON: header |
|---|---|---|
"""
_OUTCOMES = """\
One for each request in `email.outcomes`, a CloudEvent in binary mode. Read them `read_committed`. They are open: ignore fields,
and values of `type`, that you do not know. `ce_causationid` is the request id; `ce_originpartition` and `ce_originoffset` are
where the producer's record lies.

To test a reader, ask for mails to `accepted@simulator.invalid`, `rejected@...`, `blocked@...` or `unknown@...`: each ends as it
says, and nothing is sent. The tenant (`simulator: true`) or the operator (`CONSUMER_SMTP__SIMULATOR`) has to allow it.

"""
_ATTRIBUTES = {
    "specversion": "`1.0`",
    "id": "the request id: unique for each request of a tenant; used up once a mail went out or may have",
    "source": "who asks, a URI reference",
    "type": "what is asked for; see below",
    "tenant": "on whose behalf; up to 128 characters without blanks",
    "correlationid": "echoed in the outcome",
    "expirytime": "no later than this (RFC 3339)",
    "datacontenttype": "JSON, if it is given",
    "traceparent": "goes on in the outcome (W3C Trace Context); one that is none is ignored",
    "tracestate": "goes on beside `traceparent`, in at most 512 characters; one that is none is ignored",
}
_PLAIN = {"id": "request_id", "type": "operation", "datacontenttype": "content-type"}
_NOT_PLAIN = {"specversion", "source"}


def page() -> str:
    """The whole page."""
    return "".join(_parts()).rstrip() + "\n"


def _parts() -> Iterator[str]:
    yield _HEAD
    for name in attribute.RULES:
        needed = "required: " if name in attribute.REQUIRED else ""
        plain = "" if name in _NOT_PLAIN else f"`{_PLAIN.get(name, name)}`"
        yield f"| `{name}` | {needed}{_ATTRIBUTES[name]} | {plain} |\n"
    yield from _wrappings()
    for type_, shown in samples.requests().items():
        yield from _request(type_, shown)
    yield from _outcomes()


def _wrappings() -> Iterator[str]:
    data = samples.requests()[SEND_EMAIL]["the least"]
    event = samples.structured(SEND_EMAIL, data)
    yield "\n**Structured CloudEvent** (`content-type: application/cloudevents+json`), the whole value:\n\n"
    yield _block(event)
    yield "\n**Binary CloudEvent**: attributes are headers, the value is the data.\n\n"
    binary = {f"ce_{name}": event[name] for name in ("specversion", "id", "source", "type", "tenant")}
    yield _kcat(binary, data)
    yield "\n**Plain JSON**: `tenant` is all it needs. Without `request_id` the id is `partition:offset` of the record.\n\n"
    yield _kcat({"tenant": event["tenant"], "request_id": event["id"]}, data)


def _request(type_: str, shown: dict[str, samples.Event]) -> Iterator[str]:
    schema = schemas.load(type_.removeprefix("email."))
    yield f"\n## {type_}\n\n{_sentence(schema['description'])} [Schema](../schemas/{type_.removeprefix('email.')}.json).\n\n"
    yield "| field | what it is |\n|---|---|\n"
    for name, field in schema["properties"].items():
        needed = "required: " if name in schema.get("required", ()) else ""
        yield f"| `{name}` | {needed}{_told(schema, field)} |\n"
    rules = [rule["description"] for rule in schema.get("allOf", ()) if "description" in rule]
    if rules:
        yield "\nBesides: " + "; ".join(rules) + ".\n"
    for name, data in shown.items():
        yield f"\n{name.capitalize()}:\n\n{_block(data)}"


def _outcomes() -> Iterator[str]:
    yield "\n## Outcomes\n\n"
    yield _OUTCOMES
    headers, _ = samples.outcome(samples.endings()[0])
    yield "Headers of the first example below:\n\n```\n"
    yield "".join(f"{name}: {value}\n" for name, value in headers.items())
    yield "```\n"
    for type_ in dict.fromkeys(outcome_type(one) for one in samples.requests()):
        file = type_.removeprefix("email.")
        schema = schemas.load(file)
        yield f"\n### {type_}\n\n[Schema](../schemas/{file}.json).\n\n| field | what it is |\n|---|---|\n"
        for name, field in schema["properties"].items():
            needed = "always there: " if name in schema.get("required", ()) else ""
            yield f"| `{name}` | {needed}{_told(schema, field)} |\n"
        for ending in samples.endings():
            told, body = samples.outcome(ending)
            if told["ce_type"] == type_:
                yield f"\n`{samples.name_of(ending)}`, {body['status']}:\n\n{_block(body)}"


def _told(schema: dict[str, Any], field: dict[str, Any]) -> str:
    """What the schema says of it, for people."""
    name = field.get("$ref", "").rpartition("/")[2]
    found = schema["definitions"][name] if name else field
    said = found.get("description", "")
    if "enum" in found:
        words = ", ".join(f"`{word}`" if word else "empty" for word in found["enum"])
        return f"{said}: {words}" if said else words
    if found.get("type") == "array":
        inner = _told(schema, found["items"]) if "items" in found else ""
        most = f", at most {found['maxItems']}" if "maxItems" in found else ""
        return said or f"a list{most}: {inner}"
    if not said and found.get("type") == "object":
        inside = ", ".join(f"`{key}`" for key in found.get("properties", ())) or "names and values"
        said = f"an object: {inside}"
    bounds = [f"{word} {found[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in found]
    return " ".join([said or str(found.get("type", "")), *bounds]).replace("|", "\\|").strip()


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _block(value: object) -> str:
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```\n"


def _kcat(headers: dict[str, str], data: object) -> str:
    flags = " ".join(f"-H {name}={value}" for name, value in headers.items())
    written = shlex.quote(json.dumps(data, ensure_ascii=False))
    return f"```\necho {written} |\n  kcat -P -b $CONSUMER_KAFKA__BOOTSTRAP_SERVERS -t email.requests -k acme {flags}\n```\n"
