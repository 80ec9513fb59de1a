"""Dashboard and rules on a real Prometheus that scrapes a consumer and the HTTP API at work."""

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiohttp
import pytest

from devtools.dashboard import dashboard
from devtools.dashboard.answers import Answer, Span, answers, filled
from devtools.prometheus import Prometheus, prometheus
from devtools.tools import NoToolError
from devtools.tools import prometheus as program
from tests.acceptance.service import WITHIN
from tests.acceptance.stage import Stage, ingress, mail

pytestmark = [pytest.mark.first_day, pytest.mark.slow, pytest.mark.timeout(180)]

EMPTY_WHILE_ALL_IS_WELL = {
    "Request to outcome, parked on the way",
    "Parked by reason",
    "Attachments",  # how many is told, as 0; how long has nothing to tell of
    "Relays left alone, and how often that began in 5 minutes",
}
RATE = 5

Found = TypeVar("Found")


@pytest.fixture
def program_is_here() -> None:
    try:
        program()
    except NoToolError as error:
        pytest.skip(str(error))


async def seen(look: Callable[[], Found], good: Callable[[Found], object]) -> Found:
    """What Prometheus says once it is good; it looks at everything once a second."""
    async with asyncio.timeout(WITHIN):
        while True:
            found = await asyncio.to_thread(look)
            if good(found):
                return found
            await asyncio.sleep(0.2)


def _panels(source: Prometheus) -> list[Answer]:
    now = time.time()
    return list(answers(source, Span(now - 10, now, 1, RATE)))


def _empty(panels: list[Answer]) -> set[str]:
    """Those that show nothing, or only what is no number."""
    return {
        one.panel["title"]
        for one in panels
        if not any(
            value != "NaN" for _, series in one.shown for _, value in series.get("values", [series.get("value")])
        )
    }


def _chosen_among(variable: str) -> str:
    """The series whose labels the variable offers."""
    (query,) = [one["query"]["query"] for one in dashboard()["templating"]["list"] if one["name"] == variable]
    (selector,) = re.findall(rf"label_values\((.*), {variable}\)", query)
    return filled(selector, RATE)


async def test_each_panel_shows_something_and_no_rule_fails(
    program_is_here: None, stage: Stage, tmp_path: Path
) -> None:
    service = await stage.run()
    async with ingress(stage) as (url, beside), aiohttp.ClientSession() as session:
        scraped = {"consumer": f"127.0.0.1:{service.port}", "http-api": beside.removeprefix("http://")}
        with prometheus(tmp_path / "prometheus", scraped) as source:
            await seen(source.targets, lambda found: set(found.values()) == {"up"})
            for number in range(20):
                headers = {"Tenant": "acme", "Request-ID": f"r-{number}"}
                async with session.post(f"{url}/send-email", json=mail(), headers=headers) as answer:
                    assert answer.status == 200
            panels = await seen(lambda: _panels(source), lambda found: _empty(found) <= EMPTY_WHILE_ALL_IS_WELL)
            jobs = await asyncio.to_thread(source.values, "job", _chosen_among("job"))
            rules = await seen(source.rules, lambda found: all(rule["health"] != "unknown" for rule in found))
    assert len(panels) > 25
    assert jobs == ["consumer", "http-api"]
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
    firing = {rule["name"] for rule in rules if rule["type"] == "alerting" and rule["alerts"]}
    assert firing == set()
    partitions = next(one for one in panels if one.panel["title"] == "Partitions")
    assert partitions.shown[0][1]["values"][-1][1] == "3"
