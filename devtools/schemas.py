"""Checks that schemas/ holds what it should: valid JSON Schemas that say who they are."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs

_SCHEMAS = Path(__file__).parent.parent / "schemas"


def main() -> None:
    files = sorted(_SCHEMAS.glob("*.json"))
    faults = [f"schemas/{file.name}: {fault}" for file in files for fault in _faults(file)]
    if not files:
        faults = ["schemas/ holds no schema"]
    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(files)} schemas are valid")


def _faults(file: Path) -> Iterator[str]:
    try:
        schema: dict[str, Any] = json.loads(file.read_text())
    except ValueError as error:
        yield f"is not JSON: {error}"
        return
    for keyword in ("$schema", "$id", "title", "description"):
        if not schema.get(keyword):
            yield f"has no {keyword}"
    if not str(schema.get("$id", "")).endswith(file.stem):
        yield "has an $id that does not end in its file name"
    yield from _invalid(schema)


def _invalid(schema: dict[str, Any]) -> Iterator[str]:
    try:
        jsonschema_rs.meta.validate(schema)
    except jsonschema_rs.ValidationError as error:
        yield f"is no valid schema at {list(error.instance_path)}: {error.message}"


if __name__ == "__main__":
    main()
