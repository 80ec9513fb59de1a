"""Data judged by a published schema, in our words.

Errors name the place and the rule, never the content: what a producer wrote, and that
includes the names of its fields, may be personal data.
"""

from difflib import get_close_matches
from itertools import islice
from typing import Any, cast

import jsonschema_rs
import orjson

MAX_ERRORS = 10
MAX_ERROR = 200
MAX_VALUES = 6_000
"""More than any sound request has. The errors of 200,000 wrong addresses took the loop eight seconds to find."""

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


class Judge:
    """One schema."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._validator = jsonschema_rs.validator_for(schema, validate_formats=True)
        self._names = _names(schema)

    def errors(self, data: object) -> tuple[str, ...]:
        """What breaks the schema; the same place and rule are told once."""
        try:
            if self._validator.is_valid(data):
                return ()
            if _many(data):
                return (f"/: more than {MAX_VALUES} values",)
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


def _many(data: object) -> bool:
    """Whether it holds more than `MAX_VALUES` values, at whatever depth."""
    rest, seen = [data], 0
    while rest:
        node = rest.pop()
        if isinstance(node, dict):
            inner = list(cast("dict[str, object]", node).values())
        elif isinstance(node, list):
            inner = cast("list[object]", node)
        else:
            continue
        seen += len(inner)
        if seen > MAX_VALUES:
            return True
        rest += inner
    return False


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
    for name in unexpected[:_MAX_SEEN]:
        close = get_close_matches(name[:_MAX_GUESS], known, n=1)
        if close:
            return f" (did you mean `{close[0]}`?)"
    return ""
