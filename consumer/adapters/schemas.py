"""The published schema files, wherever the package lies."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from consumer.core.attribute import TYPES


def load(name: str) -> dict[str, Any]:
    """The schema of that name (without `.json`), out of the installed package or else the checkout."""
    packaged = files("consumer") / "schemas" / f"{name}.json"
    if packaged.is_file():
        return _parse(packaged.read_text(encoding="utf-8"))
    checkout = Path(__file__).resolve().parents[2] / "schemas" / f"{name}.json"
    return _parse(checkout.read_text(encoding="utf-8"))


def requests() -> dict[str, dict[str, Any]]:
    """The schema of each type of request, by the type's name."""
    return {type_: load(type_.removeprefix("email.")) for type_ in TYPES.values()}


def _parse(text: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(text))
