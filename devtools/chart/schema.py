"""helm/values.schema.json: schema.yaml beside this, closed, with the consumer's own settings and a tenant's keys put in."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args, get_origin

import yaml
from pydantic import ByteSize, SecretStr
from pydantic.fields import FieldInfo

from consumer.adapters import schemas
from consumer.settings import variables
from consumer.settings.load import Variable

Schema: TypeAlias = dict[str, Any]

_BASE = Path(__file__).parent / "schema.yaml"
_FROM = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "key"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "description": "The name of the Secret or ConfigMap."},
        "key": {"type": "string", "minLength": 1, "description": "The key in it."},
    },
}


_KINDS: tuple[tuple[set[type], Schema], ...] = (
    ({bool}, {"type": "boolean"}),
    ({int}, {"type": "integer"}),
    ({float}, {"type": "number"}),
    ({str, SecretStr, Path}, {"type": "string"}),
    ({timedelta}, {"type": ["string", "number"], "pattern": r"^\d{1,10}(\.\d{1,6})?\s*(ms|s|m|h|d)?$"}),
    ({ByteSize}, {"type": ["string", "integer"]}),
)
_ANYTHING: Schema = {"type": ["string", "number", "boolean", "array", "object"]}
_BOUNDS = {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"}


def schema() -> Schema:
    """The whole of it."""
    properties: dict[str, Schema] = yaml.safe_load(_BASE.read_text())
    for value in properties.values():
        _close(value)
    settings = [variable for variable in variables().values() if not variable.secret]
    files = [variable for variable in settings if _is_file(variable)]
    secrets = [variable for variable in variables().values() if variable.secret]
    properties["settings"] |= _grouped({one: kind_of_setting(one.info) for one in settings}, everywhere=True)
    properties["fromSecret"] |= _grouped(dict.fromkeys([*secrets, *files], _FROM))
    properties["fromConfigMap"] |= _grouped(dict.fromkeys(files, _FROM))
    tenants = _without_patterns(schemas.load("tenant.v1"))
    properties["tenants"] |= {name: tenants[name] for name in ("additionalProperties", "properties")}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart of the email consumer",
        "type": "object",
        "additionalProperties": False,
        # What Helm itself, and charts that have this one as a part, put beside them.
        "properties": {**properties, "global": {"type": "object"}, "enabled": {"type": "boolean"}},
        "definitions": tenants["definitions"],
    }


def _close(value: Schema) -> None:
    """A misspelt name must not pass."""
    if "properties" in value:
        value["additionalProperties"] = False
        for inner in value["properties"].values():
            _close(inner)


def _without_patterns(schema: Any) -> Any:  # noqa: ANN401  whatever JSON holds
    """Helm would quote what does not match, a password too, and reads patterns otherwise: the consumer judges those."""
    if isinstance(schema, dict):
        return {name: _without_patterns(value) for name, value in schema.items() if name != "pattern"}
    return [_without_patterns(value) for value in schema] if isinstance(schema, list) else schema


def _grouped(found: dict[Variable, Schema], *, everywhere: bool = False) -> Schema:
    groups: dict[str, dict[str, Schema]] = {name.group: {} for name in variables().values()} if everywhere else {}
    for variable, kind in found.items():
        groups.setdefault(variable.group, {})[variable.field] = {**kind, "description": _said(variable)}
    return {
        "additionalProperties": False,
        "properties": {
            group: {"type": "object", "additionalProperties": False, "properties": fields}
            for group, fields in groups.items()
        },
    }


def _said(variable: Variable) -> str:
    return " ".join((variable.info.description or "").split())


def _is_file(variable: Variable) -> bool:
    return Path in _types(variable.info.annotation)


def kind_of_setting(info: FieldInfo) -> Schema:
    """What may be said for it: the consumer itself judges more closely."""
    annotation = info.annotation
    if get_origin(annotation) is Literal:
        return {"enum": list(get_args(annotation))}
    found = _types(annotation)
    kind = next((kind for types, kind in _KINDS if found <= types), _ANYTHING)
    if kind["type"] not in ("integer", "number"):
        return kind
    bounds = {word: _bound(info, rule) for word, rule in _BOUNDS.items()}
    return {**kind, **{word: value for word, value in bounds.items() if value is not None}}


def _bound(info: FieldInfo, name: str) -> float | None:
    return next((getattr(rule, name) for rule in info.metadata if hasattr(rule, name)), None)


def _types(annotation: Any) -> set[Any]:  # noqa: ANN401  an annotation has no type of its own
    """The classes that an annotation names, behind Annotated, unions and what containers hold."""
    if hasattr(annotation, "__metadata__"):
        return _types(annotation.__origin__)
    origin = get_origin(annotation)
    if origin in {tuple, frozenset, dict, list, set}:
        return {origin}
    if origin is None:
        return set() if annotation is type(None) else {annotation}
    return {found for inner in get_args(annotation) for found in _types(inner)}
