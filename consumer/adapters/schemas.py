"""The published schema files, wherever the package lies."""

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast

from consumer.core.about import outcome_type
from consumer.core.attribute import TYPES


def load(name: str) -> dict[str, Any]:
    """The schema of that name (without `.json`)."""
    return _parse((_folder() / f"{name}.json").read_text(encoding="utf-8"))


def published() -> dict[str, str]:
    """Everything that is published, by file name, as it is."""
    found = (file for file in _folder().iterdir() if file.is_file() and file.name.endswith((".json", ".yaml")))
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(found, key=lambda file: file.name)}


def requests() -> dict[str, dict[str, Any]]:
    """The schema of each type of request, by the type's name."""
    return {type_: load(type_.removeprefix("email.")) for type_ in TYPES.values()}


def outcomes() -> dict[str, dict[str, Any]]:
    """The schema of each type of outcome, by the type's name."""
    names = (outcome_type(type_) for type_ in dict.fromkeys(TYPES.values()))
    return {name: load(name.removeprefix("email.")) for name in names}


def _folder() -> Traversable:
    """In the installed package, or else in the checkout."""
    packaged = files("consumer") / "schemas"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "schemas"


def _parse(text: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(text))
