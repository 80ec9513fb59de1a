"""`consumer ingress`: the HTTP API in front of the request topic, its health and its metrics."""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from consumer.adapters import http, logs
from consumer.adapters.metrics import CallMetrics
from consumer.cli import wire
from consumer.cli.exits import Exit
from consumer.client import Client
from consumer.ingress import Limits, serving
from consumer.settings import Settings

_log = structlog.stdlib.get_logger("consumer.ingress")

_LOOK_EVERY = 2.0
_ANSWER_WITHIN = 3.0


async def serve(settings: Settings) -> Exit:
    """Takes calls until a signal says stop, and answers those under way."""
    logs.configure(settings.log.level, settings.log.format)
    asyncio.get_running_loop().set_exception_handler(logs.loop_exception)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with _open(settings) as (calls, beside):
            _log.info("listening", address=beside)
            _log.info("taking calls", address=calls)
            await stop.wait()
            _log.info("stopping")
    except http.CannotListenError as error:
        print(f"{error}. Beside a consumer on this machine it needs a port of its own", file=sys.stderr)
        return Exit.UNAVAILABLE
    except OSError as error:
        about = settings.ingress
        place = f"{about.host}:{about.port} (CONSUMER_INGRESS__HOST, CONSUMER_INGRESS__PORT)"
        print(f"cannot listen on {place}: {error.strerror or type(error).__name__}", file=sys.stderr)
        return Exit.UNAVAILABLE
    return Exit.OK


@asynccontextmanager
async def _open(settings: Settings) -> AsyncGenerator[tuple[str, str]]:
    """Where calls go, and where health and metrics are, as host:port."""
    about, beside, metrics = settings.ingress, settings.http, CallMetrics()
    limits = Limits(about.wait.total_seconds(), about.in_flight)
    kafka = _Kafka()
    async with AsyncExitStack() as stack:
        # Health is gone last: a process that leaves is still asked how it is.
        ready = http.serve(beside.host, beside.port, ready=kafka.checks, registry=metrics.registry)
        health = await stack.enter_async_context(ready)
        client = await stack.enter_async_context(wire.client(settings, follow=True))
        await stack.enter_async_context(kafka.watched(client))
        port = await stack.enter_async_context(serving(client, about.host, about.port, limits, metrics))
        yield f"{about.host}:{port}", f"{beside.host}:{health}"


class _Kafka:
    """Whether a broker answers, asked every two seconds."""

    def __init__(self) -> None:
        self._answers = False

    def checks(self) -> dict[str, bool]:
        return {"kafka": self._answers}

    @asynccontextmanager
    async def watched(self, client: Client) -> AsyncGenerator[None]:
        self._answers = True  # the client has just been made
        # Not in a TaskGroup: it would wrap whatever the body raises.
        task = asyncio.get_running_loop().create_task(self._watch(client))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def _watch(self, client: Client) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            self._answers = await client.reaches(_ANSWER_WITHIN)
