"""A real Prometheus on this machine: it scrapes what it is told to, judges by our rules, and answers as for Grafana."""

import http.client
import json
import re
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

import yaml

from devtools.child import Child
from devtools.tools import prometheus as program

RULES = Path(__file__).parents[1] / "monitoring" / "rules" / "consumer.yaml"
_WITHIN = 30.0

Series: TypeAlias = dict[str, Any]
"""`metric`, its labels, with `value` (time and text) or `values`."""


class PrometheusError(Exception):
    """It did not come up, or does not take a query; the text is its own."""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that is running."""

    port: int

    def now(self, expression: str) -> list[Series]:
        """What the expression is at this moment."""
        return self._asked("query", query=expression)["result"]

    def over(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """What it was, from then to then."""
        return self._asked("query_range", query=expression, start=start, end=end, step=step)["result"]

    def values(self, label: str, selector: str) -> list[str]:
        """What the label can be among those series."""
        return self._asked(f"label/{label}/values", **{"match[]": selector})

    def targets(self) -> Mapping[str, str]:
        """How each that is scraped is, by its address: up, down or unknown."""
        return {one["labels"]["instance"]: one["health"] for one in self._asked("targets")["activeTargets"]}

    def rules(self) -> list[dict[str, Any]]:
        """Each rule, with how it was evaluated last."""
        return [rule for group in self._asked("rules")["groups"] for rule in group["rules"]]

    def _asked(self, what: str, **parameters: object) -> Any:  # noqa: ANN401  as JSON has it
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_WITHIN)
        try:
            link.request("GET", f"/api/v1/{what}?{urlencode(parameters)}")
            answer = json.loads(link.getresponse().read())
        finally:
            link.close()
        if answer["status"] != "success":
            raise PrometheusError(f"{parameters.get('query')}: {answer['error']}")
        return answer["data"]


@contextmanager
def prometheus(folder: Path, jobs: Mapping[str, str], *, every: str = "1s") -> Generator[Prometheus]:
    """One that scrapes for each job that address; gone at the end, its data stay in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file, log = folder / "prometheus.yml", folder / "prometheus.log"
    file.write_text(yaml.safe_dump(_configuration(jobs, every)))
    flags = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}", "--web.listen-address=127.0.0.1:0"]
    child = Child.start([str(program()), *flags], log=log)
    try:
        yield Prometheus(_port(child, log))
    finally:
        child.stop(within=10)


def _configuration(jobs: Mapping[str, str], every: str) -> dict[str, object]:
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": name, "static_configs": [{"targets": [address]}]} for name, address in jobs.items()
        ],
    }


def _port(child: Child, log: Path) -> int:
    """Where it listens, once it is ready."""
    deadline = time.monotonic() + _WITHIN
    while time.monotonic() < deadline:
        said = log.read_text()
        if (found := re.search(r"Listening on\W+address=[\d.]+:(\d+)", said)) and "ready to receive" in said:
            return int(found[1])
        if child.wait(0.05):
            break
    raise PrometheusError(f"Prometheus did not come up:\n{child.tail}")
