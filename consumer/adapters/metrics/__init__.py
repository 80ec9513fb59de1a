"""What can be measured of the consumer: `table` says what and what to do about it, `registry` counts.

`calls` is both for `consumer ingress`, which is a process of its own.
"""

from consumer.adapters.metrics import table
from consumer.adapters.metrics.calls import CALLS, CallMetrics
from consumer.adapters.metrics.registry import Metrics
from consumer.adapters.metrics.table import TABLE

__all__ = ["CALLS", "TABLE", "CallMetrics", "Metrics", "reference"]


def reference() -> str:
    """docs/metrics.md."""
    return table.reference(CALLS)
