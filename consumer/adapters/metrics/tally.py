"""Counters and histograms for one thread: counting is an addition, and all else happens when they are read.

The client library's own take a lock for each and walk through all buckets: for a mail that came to a tenth of its cost.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString  # pyright: ignore[reportUnknownVariableType]
from typing_extensions import override

from consumer.adapters.metrics.table import Metric


class Count:
    """How often something happened."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self) -> None:
        self.value += 1


class Spread:
    """How often a value was within each of its buckets, and the sum of all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  # the last one is for what lies beyond
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Counts(Collector):
    """A counter, by the values of its label (or by nothing: the one value is the empty text)."""

    def __init__(self, metric: Metric) -> None:
        self.of: Mapping[str, Count] = {value: Count() for value in _values(metric)}
        self._metric = metric

    @override
    def collect(self) -> Iterable[CounterMetricFamily]:
        family = CounterMetricFamily(self._metric.name, self._metric.meaning, labels=_labels(self._metric))
        for value, count in self.of.items():
            family.add_metric(_value(self._metric, value), count.value)
        yield family


class Spreads(Collector):
    """A histogram, by the values of its label (or by nothing: the one value is the empty text)."""

    def __init__(self, metric: Metric) -> None:
        self._bounds = tuple(metric.buckets)
        self.of: Mapping[str, Spread] = {value: Spread(self._bounds) for value in _values(metric)}
        self._metric = metric

    def observe(self, of: Sequence[str], values: Sequence[float]) -> None:
        """Each of these values of one of those, as many as there are."""
        for one, value in zip(of, values, strict=False):
            spread = self.of[one]
            spread.counts[bisect_left(spread.bounds, value)] += 1
            spread.total += value

    @override
    def collect(self) -> Iterable[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._metric.name, self._metric.meaning, labels=_labels(self._metric))
        for value, spread in self.of.items():
            family.add_metric(_value(self._metric, value), self._buckets(spread), spread.total)
        yield family

    def _buckets(self, spread: Spread) -> list[tuple[str, float]]:
        """Each with all below it, as Prometheus has them."""
        buckets: list[tuple[str, float]] = []
        sum_ = 0
        for bound, count in zip((*self._bounds, float("inf")), spread.counts, strict=True):
            sum_ += count
            buckets.append((floatToGoString(bound), float(sum_)))
        return buckets


def _values(metric: Metric) -> Iterable[str]:
    return metric.values if metric.label else ("",)


def _labels(metric: Metric) -> list[str]:
    return [metric.label] if metric.label else []


def _value(metric: Metric, value: str) -> list[str]:
    return [value] if metric.label else []
