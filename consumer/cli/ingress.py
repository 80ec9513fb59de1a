"""`consumer ingress`: the HTTP API in front of the request topic."""

import asyncio
import signal
import sys

from consumer.cli import wire
from consumer.cli.exits import Exit
from consumer.ingress import Limits, serving
from consumer.settings import Settings


async def serve(settings: Settings) -> Exit:
    """Takes calls until a signal says stop, and answers those under way."""
    about = settings.ingress
    limits = Limits(about.wait.total_seconds(), about.in_flight)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with wire.client(settings, follow=True) as client:
        try:
            async with serving(client, about.host, about.port, limits) as port:
                print(f"listening on http://{about.host}:{port}", file=sys.stderr, flush=True)
                await stop.wait()
        except OSError as error:
            print(f"cannot listen on {about.host}:{about.port}: {error.strerror}", file=sys.stderr)
            return Exit.UNAVAILABLE
    return Exit.OK
