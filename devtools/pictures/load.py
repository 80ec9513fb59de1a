"""Work for the picture: tenants of several kinds, and a relay that breaks and is mended."""

import asyncio
import itertools
import signal
import time
from collections.abc import Awaitable, Callable

import aiohttp

from consumer.client import Client, connect
from devtools.demo.relay import NOBODY
from devtools.demo.scene import Scene

TENANTS = """\
  shop: {domain: shop.example, hLimit: 1000000}
  bank: {domain: bank.example, hLimit: 1000000}
  news:                    # over its limit, it waits
    domain: news.example
    hLimit: 1000000
    limits: [{count: 20, per: 30s}]
"""
"""Beside those of the demo."""


async def work(scene: Scene, api: str, seconds: float) -> None:
    """So long, in real time. For a tenth of it, from its middle on, the relay listens to nobody."""
    until = time.monotonic() + seconds
    async with (
        connect(scene.bootstrap, requests=scene.requests, outcomes=None) as client,
        aiohttp.ClientSession() as web,
        asyncio.TaskGroup() as tasks,
    ):
        for each, ask in _asks(client, web, scene, api):
            tasks.create_task(_again_and_again(ask, each, until))
        tasks.create_task(_break(scene, after=seconds * 0.45, seconds=seconds * 0.1))


Ask = Callable[[int], Awaitable[object]]


def _asks(client: Client, web: aiohttp.ClientSession, scene: Scene, api: str) -> list[tuple[float, Ask]]:
    """Every so many seconds, what is asked for."""
    plan = {"attachments": [f"{scene.files}/plan.txt"]}

    async def call(number: int) -> None:
        headers = {"Tenant": "shop", "Request-ID": f"call-{number}"}
        async with web.post(f"{api}/send-email", json=_mail(), headers=headers) as answer:
            await answer.read()

    return [
        (0.08, lambda _: client.submit("shop", _mail())),
        (0.15, lambda _: client.submit("bank", _mail())),
        (1.1, lambda _: client.submit("news", _mail())),
        (1.0, lambda _: client.submit("bank", _mail() | plan)),
        (1.5, lambda number: client.submit("shop", _mail(f"{number}-{NOBODY}"))),
        (2.0, lambda _: client.submit("shop", _mail(NOBODY))),
        (3.0, lambda _: client.submit("shop", _mail() | {"subjekt": ""})),
        (5.0, lambda _: client.submit("nobody", _mail())),
        (0.7, call),
    ]


def _mail(to: str = "ann@example.com") -> dict[str, object]:
    return {"to": [to], "subject": "Hello", "text": "World\n" * 20}


async def _again_and_again(ask: Ask, each: float, until: float) -> None:
    for number in itertools.count():
        if time.monotonic() > until:
            return
        await ask(number)
        await asyncio.sleep(each)


async def _break(scene: Scene, *, after: float, seconds: float) -> None:
    for number, wait in ((signal.SIGUSR1, after), (signal.SIGUSR2, seconds)):
        await asyncio.sleep(wait)
        scene.tell_relay(number)
