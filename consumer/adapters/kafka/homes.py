"""The partition that a tenant lives in: where a Java producer that keys by tenant puts its records, too."""

# The library has types for half of itself.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false

from collections.abc import Callable
from functools import lru_cache

from aiokafka.partitioner import murmur2

_REMEMBERED = 65_536


def homes(partitions: int) -> Callable[[str], int]:
    """Says the home of a tenant in a topic of so many partitions; worked out once for each, for the hash is pure Python."""

    def home(tenant: str) -> int:
        return (murmur2(tenant.encode()) & 0x7FFFFFFF) % partitions

    return lru_cache(maxsize=_REMEMBERED)(home)
