"""The gate in front of published schemas: what was right for others before stays right.

Requests are closed, and a producer who wrote a valid one goes on (backward). Outcomes are open, and a reader who
could read all of them goes on (forward). Either way one schema must take whatever the other takes; where that
cannot be seen for certain, the answer is no, and the change is a new version (`...v2`).
"""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SCHEMAS = ROOT / "schemas"
HISTORY = SCHEMAS / "history"

_UPPER = ("maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum")
_LOWER = ("minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum")
_WHOLE = ("pattern", "format", "not", "anyOf", "allOf", "oneOf", "const", "propertyNames")

Schema = dict[str, Any]


def main() -> None:
    if sys.argv[1:] == ["--accept"]:
        _accept()
    faults = [f"schemas/{name}: {fault}" for name in sorted(_names()) for fault in compare(name)]
    if faults:
        sys.exit("\n".join([*faults, "Make it a new version. Before a first release only: make schemas-accept"]))
    print(f"{len(_names())} schemas go on from what schemas/history has")


def compare(name: str) -> Iterator[str]:
    """What breaks somebody, of one published file, since it was accepted last."""
    if not (SCHEMAS / name).exists():
        yield "is gone"
        return
    old, new = json.loads((HISTORY / name).read_text()), json.loads((SCHEMAS / name).read_text())
    forward = ".outcome." in name
    yield from narrower(old, new) if forward else narrower(new, old)


def narrower(wide: Schema, narrow: Schema) -> Iterator[str]:
    """Why `wide` may refuse what `narrow` takes, with the place in the schema."""
    yield from _Pair(wide, narrow).faults("", wide, narrow)


class _Pair:
    """Two documents, whose references are followed."""

    def __init__(self, wide: Schema, narrow: Schema) -> None:
        self._wide = wide
        self._narrow = narrow

    def faults(self, place: str, wide: Schema, narrow: Schema) -> Iterator[str]:
        wide, narrow = _followed(self._wide, wide), _followed(self._narrow, narrow)
        yield from (f"{place or '/'}: {fault}" for fault in _own_faults(wide, narrow))
        yield from self._properties(place, wide, narrow)
        for keyword in ("items", "additionalProperties"):
            if isinstance(wide.get(keyword), dict):
                inner = narrow.get(keyword)
                if isinstance(inner, dict):
                    yield from self.faults(f"{place}/{keyword}", wide[keyword], inner)
                elif inner is not False and (keyword == "items" or "additionalProperties" in narrow):
                    yield f"{place or '/'}: {keyword} has a rule on one side only"

    def _properties(self, place: str, wide: Schema, narrow: Schema) -> Iterator[str]:
        here: Mapping[str, Schema] = narrow.get("properties", {})
        for name, inner in wide.get("properties", {}).items():
            if name in here:
                yield from self.faults(f"{place}/{name}", inner, here[name])
            elif narrow.get("additionalProperties", True) is not False:
                yield f"{place}/{name}: the field is gone"
        if wide.get("additionalProperties", True) is False:
            gone = sorted(here.keys() - wide.get("properties", {}).keys())
            yield from (f"{place}/{name}: the field is gone" for name in gone)
            if narrow.get("additionalProperties", True) is not False:
                yield f"{place or '/'}: it is closed now"


def _own_faults(wide: Schema, narrow: Schema) -> Iterator[str]:
    if "type" in wide and not (narrow.get("type") and _types(narrow) <= _types(wide)):
        yield "the type is another"
    if "enum" in wide and not ("enum" in narrow and all(value in wide["enum"] for value in narrow["enum"])):
        yield "the words are others"
    if not set(wide.get("required", ())) <= set(narrow.get("required", ())):
        yield "what is required is another"
    kept = {
        **{bound: narrow.get(bound, float("inf")) <= wide.get(bound, float("inf")) for bound in _UPPER},
        **{bound: narrow.get(bound, float("-inf")) >= wide.get(bound, float("-inf")) for bound in _LOWER},
        **{keyword: _bare(wide[keyword]) == _bare(narrow.get(keyword)) for keyword in _WHOLE if keyword in wide},
    }
    yield from (f"{keyword} is another" for keyword, holds in kept.items() if not holds)


def _followed(document: Schema, schema: Schema) -> Schema:
    found = schema
    while "$ref" in found:
        target: Any = document
        for step in found["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        found = target
    return found


def _types(schema: Schema) -> set[str]:
    types = schema["type"]
    found = {types} if isinstance(types, str) else set(types)
    return found | {"integer"} if "number" in found else found


def _bare(value: object) -> object:
    """Without what is said to people."""
    if isinstance(value, dict):
        return {key: _bare(inner) for key, inner in value.items() if key != "description"}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def _names() -> set[str]:
    return {file.name for file in HISTORY.glob("*.json")}


def _accept() -> None:
    HISTORY.mkdir(exist_ok=True)
    for file in SCHEMAS.glob("*.json"):
        shutil.copyfile(file, HISTORY / file.name)


if __name__ == "__main__":
    main()
