"""helm/README.md: what to do first, and every value with its default and what it is for."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

_PAGE = Path(__file__).parent / "readme.md"

_MAPS = {"settings", "fromSecret", "fromConfigMap", "tenants"}


def readme(schema: Mapping[str, Any], values: Path) -> str:
    """The whole page."""
    defaults = yaml.safe_load(values.read_text())
    properties = {name: value for name, value in schema["properties"].items() if "description" in value}
    rows = "".join(_rows("", properties, defaults))
    settings = "".join(_settings("settings", properties))
    others = "".join([*_settings("fromSecret", properties), *_settings("fromConfigMap", properties)])
    page = _PAGE.read_text()
    return page.replace("{values}", rows).replace("{settings}", settings).replace("{others}", others)


def _rows(path: str, properties: Mapping[str, Any], defaults: Any) -> Iterator[str]:  # noqa: ANN401  whatever YAML holds
    for name, value in properties.items():
        default = defaults.get(name) if isinstance(defaults, dict) else None
        if "properties" in value and path + name not in _MAPS:
            yield from _rows(f"{path}{name}.", value["properties"], default)
        else:
            shown = "" if default in (None, "", {}, []) or path + name in _MAPS else f"`{json.dumps(default)}`"
            yield f"| `{path}{name}` | {shown} | {value['description']} |\n"


def _settings(name: str, properties: Mapping[str, Any]) -> Iterator[str]:
    for group, fields in properties[name]["properties"].items():
        for field, value in fields["properties"].items():
            yield f"| `{name}.{group}.{field}` | {value['description']} |\n"
