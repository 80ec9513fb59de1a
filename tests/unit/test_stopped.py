"""Clients of Kafka are stopped, and whoever waits for that may be cancelled."""

import asyncio
import contextlib

import pytest

from consumer.adapters.kafka.client import stopped


async def closing() -> None:
    """As the library closes: it takes a cancellation for that of its own task."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(10)


async def test_a_cancellation_that_the_library_swallows_while_it_closes_is_raised_after_all() -> None:
    task = asyncio.create_task(stopped(closing(), 5.0))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_client_that_does_not_stop_in_time_is_left_alone() -> None:
    await stopped(closing(), 0.01)
    await stopped(asyncio.sleep(10), 0.01)
