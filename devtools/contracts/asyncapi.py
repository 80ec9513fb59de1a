"""`schemas/asyncapi.yaml`: topics, events and who does what with them, for tools that read AsyncAPI 3.1."""

from typing import Any

import yaml

from consumer.adapters import schemas
from consumer.core.about import outcome_type
from consumer.settings import Settings
from devtools.contracts import samples

Node = dict[str, Any]

_TEXT = {"type": "string", "minLength": 1}


def document() -> str:
    """The whole file."""
    head = "# Made from the schemas and the settings by `make contracts`: do not edit.\n"
    return head + yaml.safe_dump(_document(), sort_keys=False, allow_unicode=True, width=120)


def _document() -> Node:
    topics = Settings().topics
    asked = list(samples.requests())
    answers = [outcome_type(type_) for type_ in asked]
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "consumer",
            "version": "1",
            "description": "Email requests in, exactly one outcome each out. Topic names are those of the default settings.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "requests": _channel(topics.requests, "Requests; keyed by tenant, they are at home at once.", asked),
            "outcomes": _channel(topics.outcomes, "One outcome for each request; read it read_committed.", answers),
        },
        "operations": {
            "takeRequests": {
                "action": "receive",
                "channel": {"$ref": "#/channels/requests"},
                "summary": "The consumer takes requests.",
                "reply": {"channel": {"$ref": "#/channels/outcomes"}},
            },
            "publishOutcomes": {
                "action": "send",
                "channel": {"$ref": "#/channels/outcomes"},
                "summary": "The consumer publishes how each request ended.",
            },
        },
        "components": {
            "messages": {
                **{type_: _request(type_, shown) for type_, shown in samples.requests().items()},
                **{type_: _outcome(type_) for type_ in answers},
            }
        },
    }


def _channel(address: str, description: str, types: list[str]) -> Node:
    return {
        "address": address,
        "description": description,
        "messages": {type_: {"$ref": f"#/components/messages/{type_}"} for type_ in types},
        "bindings": {"kafka": {"topic": address, "bindingVersion": "0.5.0"}},
    }


def _request(type_: str, shown: dict[str, Node]) -> Node:
    required = ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_tenant"]
    more = ["ce_expirytime", "ce_correlationid", "ce_traceparent", "ce_tracestate"]
    examples = [
        {"name": name.replace(" ", "-"), "summary": name, "headers": _binary(type_), "payload": data}
        for name, data in shown.items()
    ]
    return _message(type_, _headers(type_, required, more), examples)


def _outcome(type_: str) -> Node:
    required = ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_originpartition", "ce_originoffset"]
    more = ["ce_tenant", "ce_causationid", "ce_correlationid", "ce_traceparent", "ce_tracestate"]
    told = ((ending, *samples.outcome(ending)) for ending in samples.endings())
    examples = [
        {"name": samples.name_of(ending), "headers": headers, "payload": body}
        for ending, headers, body in told
        if headers["ce_type"] == type_
    ]
    return _message(type_, _headers(type_, required, more), examples)


def _message(type_: str, headers: Node, examples: list[Node]) -> Node:
    file = f"{type_.removeprefix('email.')}"
    return {
        "name": type_,
        "title": type_,
        "summary": schemas.load(file)["description"],
        "description": "A CloudEvent 1.0 in binary mode: attributes are headers. Requests may also be in structured mode.",
        "contentType": "application/json",
        "headers": headers,
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-07",
            "schema": {"$ref": f"./{file}.json"},
        },
        "bindings": {"kafka": {"key": {**_TEXT, "description": "the tenant"}, "bindingVersion": "0.5.0"}},
        **({"examples": examples} if examples else {}),
    }


def _headers(type_: str, required: list[str], more: list[str]) -> Node:
    fixed = {"ce_specversion": "1.0", "ce_type": type_}
    properties = {name: {"const": fixed[name]} if name in fixed else _TEXT.copy() for name in (*required, *more)}
    return {"type": "object", "required": required, "properties": properties}


def _binary(type_: str) -> dict[str, str]:
    event = samples.structured(type_, {})
    return {f"ce_{name}": event[name] for name in ("specversion", "id", "source", "type", "tenant")}
