"""The event loop of those that are measured, or that must not be what is measured: uvloop where it is installed."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

_T = TypeVar("_T")


def run(work: Coroutine[object, object, _T]) -> _T:
    """Run it to its end."""
    try:
        import uvloop  # noqa: PLC0415  not everywhere
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)
