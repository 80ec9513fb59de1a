"""What of the chart is made is as it would be made now, and its values are what its schema says. Without helm."""

import re
import tomllib
from typing import Annotated

import jsonschema_rs
import orjson
import pytest
import yaml
from pydantic import BaseModel, ByteSize, Field, TypeAdapter

from consumer.settings import variables
from devtools.chart import CHART, ROOT, made
from devtools.chart.schema import kind_of_setting

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = orjson.loads((CHART / "values.schema.json").read_bytes())
SETTINGS_OF_THE_CHART = {"group_instance_id"}


@pytest.mark.parametrize("path", made(), ids=lambda path: path.name)
def test_what_is_made_is_as_it_would_be_made_now(path: object) -> None:
    wanted = {str(place): text for place, text in made().items()}
    assert (CHART / str(path)).read_text() == wanted[str(path)], "run: make docs"


def test_the_defaults_meet_the_schema_and_every_value_has_one() -> None:
    assert [error.message for error in jsonschema_rs.iter_errors(SCHEMA, VALUES)] == []
    described = {name for name, value in SCHEMA["properties"].items() if "description" in value}
    assert set(VALUES) == described


def test_each_setting_can_be_said_and_each_secret_only_by_a_file() -> None:
    said = {f"CONSUMER_{group}__{field}".upper() for group, field in _fields("settings")}
    secret = {f"CONSUMER_{group}__{field}".upper() for group, field in _fields("fromSecret")}
    assert said == {name for name, variable in variables().items() if not variable.secret}
    assert secret >= {name for name, variable in variables().items() if variable.secret}
    assert not {name for name in said & secret if variables()[name].secret}


def test_a_file_goes_by_its_own_name_and_a_secret_by_the_name_of_its_file() -> None:
    (listed,) = re.findall(r"has \$field \(list (.*?)\)", (CHART / "templates/_settings.tpl").read_text())
    files = {field for _, field in _fields("fromConfigMap")}
    assert set(re.findall(r'"(\w+)"', listed)) == files
    assert not {field for _, field in _fields("fromSecret")} & files - files


def test_each_default_that_a_template_assumes_is_the_settings_own() -> None:
    text = "".join(path.read_text() for path in (CHART / "templates").iterdir())
    assumed = re.findall(r"settings\.(\w+)\.(\w+) \| default \"?([\w.-]+)\"?", text)
    assert {(group, field) for group, field, _ in assumed} >= {("http", "port"), ("topics", "partitions")}
    for group, field, value in assumed:
        default = variables()[f"CONSUMER_{group}__{field}".upper()].info.default
        shown = f"{default.total_seconds():.0f}s" if hasattr(default, "total_seconds") else str(default)
        meant = TypeAdapter(ByteSize).validate_python(value) if isinstance(default, ByteSize) else value
        assert shown == str(meant), (group, field)


def test_the_charts_version_of_the_app_is_the_apps() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_values_of_the_first_page_meet_the_schema() -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", (CHART / "README.md").read_text(), re.DOTALL)
    assert [error.message for error in jsonschema_rs.iter_errors(SCHEMA, yaml.safe_load(shown))] == []


def test_the_charts_user_is_the_images() -> None:
    (user, group) = re.findall(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[0]
    security = VALUES["podSecurityContext"]
    assert (security["runAsUser"], security["runAsGroup"]) == (int(user), int(group))


class Kinds(BaseModel):
    flag: bool = False
    count: Annotated[int, Field(ge=1, le=9)] = 1
    rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    size: ByteSize = ByteSize(1)
    word: str | None = None


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("flag", {"type": "boolean"}),
        ("count", {"type": "integer", "minimum": 1, "maximum": 9}),
        ("rate", {"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
        ("size", {"type": ["string", "integer"]}),
        ("word", {"type": "string"}),
    ],
)
def test_a_setting_of_any_kind_can_be_said(field: str, kind: object) -> None:
    assert kind_of_setting(Kinds.model_fields[field]) == kind


def _fields(name: str) -> set[tuple[str, str]]:
    groups = SCHEMA["properties"][name]["properties"]
    return {(group, field) for group, fields in groups.items() for field in fields["properties"]}
