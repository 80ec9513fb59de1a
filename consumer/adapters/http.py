"""Health, metrics and a page for people, over HTTP.

/healthz says that the loop turns, /readyz that there is work this process can do, with
what is missing by name. One tenant's relay never turns readiness off: it is not asked.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

Checks: TypeAlias = Callable[[], Mapping[str, bool]]
"""What must hold for this process to be ready, by name."""

Page: TypeAlias = Callable[[], str]
"""The page for people, as HTML, as everything stands now."""

_SHUTDOWN = 2.0


class CannotListenError(Exception):
    """The address cannot be had; the text is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Views:
    """What is served, found out anew for each request."""

    unwell: Callable[[], Awaitable[str | None]]
    """What is so wrong that only a restart helps, in a line; None: nothing is."""
    ready: Callable[[], Awaitable[Mapping[str, bool]]]
    """As `Checks`."""
    registry: Callable[[], Awaitable[CollectorRegistry]]
    """What /metrics tells."""
    page: Callable[[], Awaitable[str]] | None = None
    """As `Page`."""


@asynccontextmanager
async def serve(
    host: str, port: int, *, ready: Checks, registry: CollectorRegistry, page: Page | None = None, policy: str = ""
) -> AsyncGenerator[int]:
    """Serves what this process itself knows, until it is left; hands out the port that is really listened on.

    `page` is served at /, under this content security policy.
    """

    async def unwell() -> str | None:
        return None  # it answers

    async def checks() -> Mapping[str, bool]:
        return ready()

    async def ours() -> CollectorRegistry:
        return registry

    async def shown() -> str:
        return page() if page is not None else ""

    views = Views(unwell, checks, ours, shown if page is not None else None)
    async with serve_views(host, port, views, policy=policy) as bound:
        yield bound


@asynccontextmanager
async def serve_views(host: str, port: int, views: Views, *, policy: str = "") -> AsyncGenerator[int]:
    """Serves until it is left; hands out the port that is really listened on."""
    application = _application(views)
    if views.page is not None:
        application.router.add_get("/", _showing(views.page, policy))
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN)
    await runner.setup()
    try:
        yield await _listen(runner, host, port)
    finally:
        await runner.cleanup()


def _application(views: Views) -> web.Application:
    async def healthz(_: web.Request) -> web.Response:
        unwell = await views.unwell()
        return web.Response(text=unwell or "OK", status=503 if unwell else 200)

    async def readyz(_: web.Request) -> web.Response:
        return _readiness(await views.ready())

    async def metrics(request: web.Request) -> web.StreamResponse:
        return await make_aiohttp_handler(await views.registry())(request)

    application = web.Application()
    application.on_response_prepare.append(_keep_our_versions_to_ourselves)
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/api/v1/solution/health", healthz)
    application.router.add_get("/metrics", metrics)
    return application


async def _listen(runner: web.AppRunner, host: str, port: int) -> int:
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise CannotListenError(
            f"cannot listen on {host}:{port} (CONSUMER_HTTP__HOST, CONSUMER_HTTP__PORT): {why}"
        ) from error
    bound: int = runner.addresses[0][1]
    return bound


def _showing(page: Callable[[], Awaitable[str]], policy: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

    async def show(_: web.Request) -> web.Response:
        return web.Response(text=await page(), content_type="text/html", headers=headers)

    return show


def _readiness(checks: Mapping[str, bool]) -> web.Response:
    ready = all(checks.values())
    body = orjson.dumps({"ready": ready, "checks": dict(checks)})
    return web.Response(body=body, content_type="application/json", status=200 if ready else 503)


async def _keep_our_versions_to_ourselves(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop("Server", None)
    response.headers["Cache-Control"] = "no-store"
