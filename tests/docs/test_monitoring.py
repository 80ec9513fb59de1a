"""Rules, runbooks and the dashboard speak of metrics that exist, with labels that they have, and of one another."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from consumer.__main__ import main
from consumer.adapters.metrics import CALLS, TABLE
from consumer.adapters.metrics.merge import WORKER
from consumer.adapters.metrics.table import Form, Metric
from consumer.settings import Settings, variables
from devtools import dashboard
from devtools.dashboard.rows import unplaced

ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load((ROOT / "monitoring/rules/consumer.yaml").read_text())
RUNBOOKS = ROOT / "docs/runbooks"
EVERY = [rule for group in RULES["groups"] for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in EVERY if "alert" in rule}
RECORDED = {rule["record"] for rule in EVERY if "record" in rule}
LIBRARY = {"process_start_time_seconds", "process_open_fds", "process_max_fds"}
LIBRARY |= {"process_cpu_seconds_total", "process_resident_memory_bytes"}
BY_SCRAPING = {"namespace", "job", "instance", "le", "version"}
ROWS = (*TABLE, *CALLS)
PAGES = sorted(RUNBOOKS.glob("Email*.md"))


def _served() -> dict[str, dict[str, tuple[str, ...]]]:
    """Each series that can be had, with its labels and their values."""
    found: dict[str, dict[str, tuple[str, ...]]] = {name: {} for name in RECORDED}
    found |= {name: {WORKER: ()} for name in LIBRARY}
    found |= {"consumer_build_info": {}, "consumer_ingress_build_info": {}}
    for row in ROWS:
        endings = ("_bucket", "_sum", "_count") if row.form is Form.HISTOGRAM else ("",)
        labels = {row.label: row.values} if row.label else {}
        labels |= dict([row.second]) if row.second else {}
        found |= {row.name + ending: labels for ending in endings}
    return found


def _dashboard() -> Iterator[str]:
    for panel in dashboard.dashboard()["panels"]:
        yield from (target["expr"].replace("$__rate_interval", "5m") for target in panel.get("targets", []))


EXPRESSIONS = [*(rule["expr"] for rule in EVERY), *_dashboard()]
_SERIES = re.compile(r"((?:consumer_|process_|job\w*:)[\w:]+)(?:\{(.*?)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!=|!~|=)\s*"(.*?)"')


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_each_series_that_is_asked_for_exists_with_its_labels(expression: str) -> None:
    served = _served()
    named = _SERIES.findall(expression)
    assert named or "ALERTS" in expression
    for name, matchers in named:
        assert name in served, name
        for matched, how, wanted in _MATCHER.findall(matchers):
            if matched in BY_SCRAPING or ":" in name:
                continue
            assert matched in served[name], (name, matched)
            values = served[name][matched]
            patterns = wanted.split("|") if "~" in how else [re.escape(wanted)]
            assert not values or all(any(re.fullmatch(one, value) for value in values) for one in patterns), wanted


def test_reasons_in_alerts_are_reasons_that_exist() -> None:
    (parked,) = [row for row in TABLE if row.name == "consumer_parked"]
    asked = {one for rule in EVERY for one in re.findall(r'reason=~?"(.*?)"', rule["expr"])}
    assert {part for one in asked for part in one.split("|")} <= set(parked.values)


def test_the_boundary_of_late_is_a_bucket() -> None:
    (latency,) = [row for row in TABLE if row.name == "consumer_request_to_outcome_seconds"]
    assert {float(le) for rule in EVERY for le in re.findall(r'le="(.*?)"', rule["expr"])} == {10.0}
    assert 10 in latency.buckets


def test_boundaries_are_those_of_the_settings() -> None:
    work = Settings().work
    (standing,) = [rule["expr"] for rule in EVERY if rule.get("record") == "job:consumer_standing_still:bool"]
    assert f"> bool {work.unready_after.total_seconds():.0f})" in standing
    assert timedelta(seconds=2.5) == work.grant_lifetime / 2
    assert ALERTS["EmailConsumerTransactionsSlow"]["expr"].endswith("> 2.5")
    assert Settings().smtp.connections_total == 200
    assert "(200)" in (RUNBOOKS / "EmailConsumerFilesRunOut.md").read_text()


@pytest.mark.parametrize("rule", ALERTS.values(), ids=ALERTS.keys())
def test_an_alert_says_how_bad_it_is_what_is_wrong_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    said = rule["annotations"]
    assert set(said) == {"summary", "description", "runbook_url"}
    assert len(said["summary"]) < 90
    assert "$labels." in said["description"]
    assert said["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
    assert (ROOT / said["runbook_url"]).exists()


def test_each_runbook_is_of_an_alert_and_the_index_has_it() -> None:
    assert {page.stem for page in PAGES} == ALERTS.keys()
    index = (RUNBOOKS / "README.md").read_text()
    for name, rule in ALERTS.items():
        assert f"| [{name}]({name}.md) | {rule['labels']['severity']} | {rule['annotations']['summary']} |" in index


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_runbook_has_meaning_impact_diagnosis_and_mitigation(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
    assert [link for link in re.findall(r"\]\(([^)#]+)", text) if not (RUNBOOKS / link).exists()] == []


@pytest.mark.parametrize("page", [*PAGES, RUNBOOKS / "README.md"], ids=lambda page: page.stem)
def test_a_runbook_names_settings_metrics_and_commands_that_exist(
    page: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = page.read_text()
    assert set(re.findall(r"CONSUMER_\w+", text)) <= variables().keys()
    assert set(re.findall(r"`(consumer_\w+)`", text)) <= _served().keys() | {row.name for row in ROWS}
    for words in [found.split() for found in re.findall(r"`(?:.*-- )?consumer ([^`]+)`", text)]:
        command = [word for word in words[:2] if re.fullmatch(r"[a-z]+", word)]
        assert main([*command, "--help"]) == 0, words
        known = capsys.readouterr().out
        assert [word for word in words if word.startswith("--") and word not in known] == []


def test_the_dashboard_is_the_one_that_the_table_makes() -> None:
    assert dashboard.PATH.read_text() == dashboard.text(), "run: make docs"


def test_the_dashboard_shows_every_metric_and_says_what_to_do_about_it() -> None:
    panels = [panel for panel in dashboard.dashboard()["panels"] if panel["type"] != "row"]
    shown = "\n".join(_dashboard())
    helped = "\n".join(panel["description"] for panel in panels)
    assert [row.name for row in ROWS if row.name not in shown] == []
    assert [row.name for row in ROWS if row.to_do not in helped] == []
    assert all(panel["description"] and panel["title"] for panel in panels)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_metric_that_nobody_gave_a_place_would_have_a_panel_too(row: Metric) -> None:
    panel = unplaced(row)
    ((query, _),) = panel.queries
    (name, matchers) = _SERIES.findall(query)[0]
    assert name.removesuffix("_bucket") == row.name
    assert matchers == "@"
    assert panel.about == (row,)


def test_the_panels_of_the_dashboard_lie_side_by_side_and_not_upon_one_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard.dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_dashboard_draws_only_what_its_variables_choose() -> None:
    for expression in _dashboard():
        if "ALERTS" not in expression:
            assert expression.count("{") == expression.count('{namespace=~"$namespace", job=~"$job"'), expression


def test_the_dashboard_is_json_with_an_identity() -> None:
    loaded = json.loads(dashboard.PATH.read_text())
    assert (loaded["uid"], loaded["title"]) == ("email-consumer", "Email consumer")
    assert [variable["name"] for variable in loaded["templating"]["list"]] == ["datasource", "namespace", "job"]
    numbers = [panel["id"] for panel in loaded["panels"]]
    assert len(set(numbers)) == len(numbers)
