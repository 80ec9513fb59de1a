"""helm/values.schema.json: schema.yaml beside this, closed, with the consumer's own settings put in."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args, get_origin

import yaml

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


def schema() -> Schema:
    """The whole of it."""
    properties: dict[str, Schema] = yaml.safe_load(_BASE.read_text())
    for value in properties.values():
        _close(value)
    settings = [variable for variable in variables().values() if not variable.secret]
    files = [variable for variable in settings if _is_file(variable)]
    secrets = [variable for variable in variables().values() if variable.secret]
    properties["settings"] |= _grouped({variable: _kind(variable) for variable in settings}, everywhere=True)
    properties["fromSecret"] |= _grouped(dict.fromkeys([*secrets, *files], _FROM))
    properties["fromConfigMap"] |= _grouped(dict.fromkeys(files, _FROM))
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart of the email consumer",
        "type": "object",
        "additionalProperties": False,
        # What Helm itself, and charts that have this one as a part, put beside them.
        "properties": {**properties, "global": {"type": "object"}, "enabled": {"type": "boolean"}},
    }


def _close(value: Schema) -> None:
    """A misspelt name must not pass."""
    if "properties" in value:
        value["additionalProperties"] = False
        for inner in value["properties"].values():
            _close(inner)


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


def _kind(variable: Variable) -> Schema:
    annotation = variable.info.annotation
    if get_origin(annotation) is Literal:
        return {"enum": list(get_args(annotation))}
    found = _types(annotation)
    if int in found and bool not in found:
        bounds = {"minimum": _bound(variable, "ge"), "maximum": _bound(variable, "le")}
        return {"type": "integer", **{name: value for name, value in bounds.items() if value is not None}}
    if timedelta in found:
        return {"type": ["string", "number"], "pattern": r"^\d{1,10}(\.\d{1,6})?\s*(ms|s|m|h|d)?$"}
    if bool in found and found == {bool}:
        return {"type": "boolean"}
    if found & {bool, tuple, frozenset, dict, list, set}:
        return {"type": ["string", "boolean", "array", "object"]}
    return {"type": "string"}


def _bound(variable: Variable, name: str) -> int | None:
    return next((getattr(rule, name) for rule in variable.info.metadata if hasattr(rule, name)), None)


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
