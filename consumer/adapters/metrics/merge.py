"""One page of metrics for several processes that do the same work.

Counters and histograms add. Of a gauge the table says what several of them come to. What is about a process itself
(`process_*`, and gauges of the table that say so) stays as it is, with the label `worker`.

What a process has counted remains when it ends: a sum that fell would look like a restart of everything, and rates
over it would be wrong.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Exposed
from prometheus_client.registry import Collector
from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import override

from consumer.adapters.metrics import table
from consumer.adapters.metrics.table import Across

WORKER = "worker"


class Sample(NamedTuple):
    """One figure."""

    name: str
    labels: dict[str, str]
    value: float


class Family(NamedTuple):
    """All figures of a metric."""

    name: str
    kind: str
    help: str
    samples: list[Sample]


Families: TypeAlias = Sequence[Family]

_JSON = TypeAdapter(list[Family], config=ConfigDict(ser_json_inf_nan="strings"))
_ROWS = {row.name.removesuffix("_total"): row.merged for row in table.TABLE} | {table.BUILD: Across.LARGEST}
_COMBINED: Mapping[Across, Callable[[float, float], float]] = {
    Across.SUM: lambda one, other: one + other,
    Across.LARGEST: max,
    Across.LEAST: min,
    Across.EACH: lambda _, latest: latest,
}


def snapshot(registry: CollectorRegistry) -> list[Family]:
    """Everything as it stands."""
    return [
        Family(
            found.name,
            found.type,
            found.documentation,
            [Sample(one.name, dict(one.labels), float(one.value)) for one in found.samples],
        )
        for found in registry.collect()
    ]


def dumped(families: Families) -> bytes:
    """For another process."""
    return _JSON.dump_json(list(families))


def loaded(content: bytes) -> list[Family] | None:
    """What `dumped` wrote; None if that was another version (this one was replaced while it ran)."""
    try:
        return _JSON.validate_json(content)
    except ValidationError:
        return None


def merged(told: Iterable[tuple[str, Families]]) -> list[Family]:
    """What several processes tell, by name of the process, as one; each metric once."""
    found: dict[str, tuple[Family, dict[tuple[str, tuple[tuple[str, str], ...]], float]]] = {}
    for worker, families in told:
        for family in families:
            _, values = found.setdefault(family.name, (family, {}))
            _add(values, family, worker)
    return [
        Family(
            first.name, first.kind, first.help, [Sample(name, dict(labels), v) for (name, labels), v in all_.items()]
        )
        for first, all_ in found.values()
    ]


def _add(
    values: dict[tuple[str, tuple[tuple[str, str], ...]], float],
    family: Family,
    worker: str,
) -> None:
    across = _across(family)
    more = {WORKER: worker} if across is Across.EACH else {}
    for name, labels, value in family.samples:
        key = name, tuple({**labels, **more}.items())
        values[key] = _COMBINED[across](values[key], value) if key in values else value


def _across(family: Family) -> Across:
    return _ROWS.get(family.name, Across.EACH)


class Merged:
    """What the processes told last, and what those had counted that are gone."""

    def __init__(self) -> None:
        self._latest: dict[str, Families] = {}
        self._gone: Families = ()

    def told(self, worker: str, families: Families) -> None:
        """What the process of that name tells now."""
        self._latest[worker] = families

    def ended(self, worker: str) -> None:
        """It is gone: what it had counted stays, and how it stood is nobody's any more."""
        last = self._latest.pop(worker, ())
        counted = [family for family in last if family.kind != "gauge" and _across(family) is Across.SUM]
        self._gone = merged((("", self._gone), ("", counted)))

    def families(self) -> list[Family]:
        """All of it as one."""
        return merged((*self._latest.items(), ("", self._gone)))

    def registry(self) -> CollectorRegistry:
        """All of it, for /metrics."""
        made = CollectorRegistry(auto_describe=True)
        made.register(_Told(self.families()))
        return made

    def outcomes(self) -> Mapping[str, float]:
        """How many outcomes there were, by kind."""
        name = table.OUTCOMES.name.removesuffix("_total")
        samples = (one for family in self.families() if family.name == name for one in family.samples)
        return {one.labels.get(table.OUTCOMES.label or "", ""): one.value for one in samples}


class _Told(Collector):
    def __init__(self, families: Families) -> None:
        self._families = families

    @override
    def collect(self) -> Iterator[Exposed]:
        for family in self._families:
            exposed = Exposed(family.name, family.help, family.kind)
            for one in family.samples:
                exposed.add_sample(one.name, one.labels, one.value)
            yield exposed
