"""What can be measured of the consumer: `table` says what and what to do about it, `registry` counts."""

from consumer.adapters.metrics.registry import Metrics
from consumer.adapters.metrics.table import TABLE, reference

__all__ = ["TABLE", "Metrics", "reference"]
