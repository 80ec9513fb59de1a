"""The time, from the machine."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

# CLOCK_MONOTONIC stands still while the machine sleeps: a grant would outlive its lifetime.
_ELAPSED: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The port `Clock`."""

    # The machine's own functions: each mail looks at the time a score of times.
    now = staticmethod(time.time)
    elapsed = staticmethod(partial(time.clock_gettime, _ELAPSED))


async def watch_loop(report: Callable[[float], None], *, every: float = 0.25) -> None:
    """Reports for ever by how many seconds the event loop comes too late: what heartbeats suffer from, too."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + every
        await asyncio.sleep(every)
        report(max(0.0, loop.time() - due))
