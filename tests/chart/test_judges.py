"""docker-compose.yml and the dashboard, judged by Docker Compose's and Grafana's own code, without either of them."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools.dashboard import dashboard
from devtools.tools import NoToolError, judge_of_compose, judge_of_dashboards

pytestmark = pytest.mark.chart

COMPOSE = (Path(__file__).parents[2] / "docker-compose.yml").read_text()
SERVICES = yaml.safe_load(COMPOSE)["services"]


def program(look: Callable[[], Path]) -> Path:
    try:
        return look()
    except NoToolError as error:
        pytest.skip(str(error))


@pytest.fixture
def compose() -> Path:
    return program(judge_of_compose)


@pytest.fixture
def grafana() -> Path:
    return program(judge_of_dashboards)


def judged(judge: Path, file: Path, text: str, *more: str) -> tuple[int, str, str]:
    """Exit code, what it says, and what it has to say against it."""
    file.write_text(text)
    done = subprocess.run([judge, file, *more], capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("profile", ["", "monitoring"])
def test_compose_reads_the_file_and_brings_up_what_a_profile_asks_for(
    compose: Path, tmp_path: Path, profile: str
) -> None:
    wanted = {name for name, service in SERVICES.items() if profile in service.get("profiles", [profile])}
    code, said, against = judged(compose, tmp_path / "docker-compose.yml", COMPOSE, profile)
    assert (code, set(said.split()), against) == (0, wanted, "")


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("condition: service_healthy", "condition: service_helthy", "condition"),
        ("  mailpit:\n    image", "  mail:\n    image", "mailpit"),
        ("kafka:/var/lib", "kafkas:/var/lib", "kafkas"),
        ("- source: tenants", "- source: tenant", "tenant"),
        ("stop_grace_period: 30s", "stop_grace: 30s", "stop_grace"),
        ("127.0.0.1:8080:8080", "127.0.0.1:8080:eight", "eight"),
    ],
)
def test_a_mistake_in_the_compose_file_would_be_named(
    compose: Path, tmp_path: Path, right: str, wrong: str, named: str
) -> None:
    assert right in COMPOSE
    code, _, against = judged(compose, tmp_path / "docker-compose.yml", COMPOSE.replace(right, wrong, 1))
    assert code != 0
    assert named in against


def test_grafana_knows_each_field_of_the_dashboard_and_misses_none(grafana: Path, tmp_path: Path) -> None:
    assert judged(grafana, tmp_path / "dashboard.json", json.dumps(dashboard())) == (0, "", "")


def _without(panel: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in panel.items() if key != name}


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda panel: {**panel, "gridPoss": {}}, "gridPoss"),
        (lambda panel: {**panel, "title": 5}, "title"),
        (lambda panel: _without(panel, "type"), "type"),
        (lambda panel: {**panel, "options": {**panel["options"], "colourMode": "value"}}, "colourMode"),
    ],
    ids=["a field misspelt", "another type", "a field missing", "an option misspelt"],
)
def test_a_mistake_in_the_dashboard_would_be_named(
    grafana: Path, tmp_path: Path, spoil: Callable[[dict[str, Any]], dict[str, Any]], named: str
) -> None:
    whole = dashboard()
    whole["panels"][1] = spoil(whole["panels"][1])
    code, _, against = judged(grafana, tmp_path / "dashboard.json", json.dumps(whole))
    assert code == 1
    assert named in against
