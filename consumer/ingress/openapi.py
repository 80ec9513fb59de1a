"""The HTTP API as an OpenAPI 3.1 document, made from the schemas of the events."""

from typing import Any, cast

from consumer.adapters import schemas
from consumer.core.attribute import MAX_TENANT, MAX_TEXT, TYPES

ID_HEADERS = ("Request-ID", "X-Request-ID", "request_id")
"""The first seed's `Request ID`, in the ways that headers can spell it."""

_SEED = ("send-email", "send-test-email", "validate-credentials")
PATHS = {f"/{name}": f"email.{name}.v1" for name in _SEED if f"email.{name}.v1" in TYPES}
"""Where a call goes, and the type of event that it becomes."""

_SUMMARY = {
    "/send-email": "Sends an email",
    "/send-test-email": "Sends a test email",
    "/validate-credentials": "Validates credentials",
}
_ANSWERS = {
    "200": "It is done.",
    "202": "It is taken; its outcome comes later, to the topic of outcomes.",
    "400": "The request is not what it should be; `message` names place and rule.",
    "404": "The tenant is unknown.",
    "408": "It expired, or its body did not come in time.",
    "409": "The request id is used up.",
    "410": "It was cancelled.",
    "413": "It, or what it refers to, is too large.",
    "415": "The body is not JSON.",
    "422": "The relay refused it for good.",
    "424": "It refers to what cannot be had.",
    "429": "Limited or blocked; with a limit, `Retry-After` says how long.",
    "502": "The relay cannot be used as it is said; `type` names how far it came.",
    "503": "Kafka cannot be reached, or there are too many calls; call again with the same request id.",
    "504": "The relay may or may not have it, and nobody can find out.",
}

Node = dict[str, Any]


def document() -> Node:
    """The whole document."""
    components = {"Answer": _ANSWER, "Credentials": _CREDENTIALS, "Taken": _TAKEN}
    for type_ in PATHS.values():
        components |= _components(type_)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Email Service",
            "version": "1.0",
            "description": "Each call becomes an event; its answer is that event's outcome.",
        },
        "paths": {path: {"post": _operation(path, type_)} for path, type_ in PATHS.items()},
        "components": {"schemas": components},
    }


def _operation(path: str, type_: str) -> Node:
    return {
        "operationId": path.strip("/"),
        "summary": _SUMMARY[path],
        "parameters": [
            _header("Tenant", "On whose behalf.", MAX_TENANT, required=True),
            _header("Request-ID", "Unique for each request; otherwise a new one.", MAX_TEXT, required=False),
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{type_}"}}},
        },
        "responses": {status: _response(path, status, text) for status, text in _ANSWERS.items()},
    }


def _header(name: str, description: str, longest: int, *, required: bool) -> Node:
    rule = {"type": "string", "minLength": 1, "maxLength": longest, "pattern": r"^[!-~]+$"}
    return {"name": name, "in": "header", "required": required, "description": description, "schema": rule}


def _response(path: str, status: str, text: str) -> Node:
    name = "Taken" if status == "202" else "Answer"
    if status == "200" and path == "/validate-credentials":
        name = "Credentials"
    return {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}},
    }


def _components(type_: str) -> Node:
    """The schema of an event, its definitions beside it."""
    schema = schemas.load(type_.removeprefix("email."))
    definitions = schema.get("definitions", {})
    own = {key: value for key, value in schema.items() if key not in {"$schema", "$id", "definitions"}}
    found = {type_: own} | {f"{type_}.{name}": value for name, value in definitions.items()}
    return cast("Node", _moved(found, type_))


def _moved(value: object, type_: str) -> object:
    if isinstance(value, list):
        return [_moved(item, type_) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    node = cast("dict[str, object]", value)
    if isinstance(node.get("$ref"), str):
        return {"$ref": f"#/components/schemas/{type_}.{str(node['$ref']).removeprefix('#/definitions/')}"}
    return {key: _moved(inner, type_) for key, inner in node.items()}


_ANSWER: Node = {
    "type": "object",
    "required": ["message"],
    "properties": {"message": {"type": "string"}, "type": {"type": "string"}},
}
_CREDENTIALS: Node = {
    "type": "object",
    "required": ["success", "message"],
    "properties": {"success": {"type": "boolean"}, "message": {"type": "string"}},
}
_TAKEN: Node = {
    "type": "object",
    "required": ["message", "requestId"],
    "properties": {"message": {"type": "string"}, "requestId": {"type": "string"}},
}
