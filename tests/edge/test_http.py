"""Health and metrics, asked over a real socket."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from consumer.adapters.http import CannotListenError, Views, serve, serve_views
from consumer.adapters.metrics import Metrics

Checks = dict[str, bool]


@pytest.fixture
def checks() -> Checks:
    return {"kafka": True, "assignment": True}


@pytest.fixture
async def site(checks: Checks) -> AsyncIterator[str]:
    async with serve("127.0.0.1", 0, ready=lambda: checks, registry=Metrics().registry) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/solution/health"])
async def test_health_is_ok_in_plain_words(site: str, session: aiohttp.ClientSession, path: str) -> None:
    async with session.get(site + path) as response:
        assert (response.status, await response.text(), response.content_type) == (200, "OK", "text/plain")


async def test_ready_names_each_check(site: str, session: aiohttp.ClientSession) -> None:
    async with session.get(site + "/readyz") as response:
        assert response.status == 200
        assert await response.json() == {"ready": True, "checks": {"kafka": True, "assignment": True}}


async def test_not_ready_says_what_is_missing(site: str, session: aiohttp.ClientSession, checks: Checks) -> None:
    checks["kafka"] = False
    async with session.get(site + "/readyz") as response:
        assert response.status == 503
        assert await response.json() == {"ready": False, "checks": {"kafka": False, "assignment": True}}
    async with session.get(site + "/healthz") as response:
        assert response.status == 200


async def test_what_is_unwell_is_said_with_503(session: aiohttp.ClientSession) -> None:
    async def unwell() -> str | None:
        return "no answer from worker 2"

    async def ready() -> Mapping[str, bool]:
        return {}

    async def registry() -> CollectorRegistry:
        return CollectorRegistry()

    async with serve_views("127.0.0.1", 0, Views(unwell, ready, registry)) as port:
        for path in ("/healthz", "/api/v1/solution/health"):
            async with session.get(f"http://127.0.0.1:{port}{path}") as response:
                assert (response.status, await response.text()) == (503, "no answer from worker 2")


async def test_metrics_are_what_prometheus_reads(site: str, session: aiohttp.ClientSession) -> None:
    async with session.get(site + "/metrics") as response:
        assert response.status == 200
        families = {family.name for family in text_string_to_metric_families(await response.text())}
    assert {"consumer_requests", "consumer_outcomes", "process_cpu_seconds"} <= families


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/v1/solution/health", "/metrics"])
async def test_head_is_answered_too(site: str, session: aiohttp.ClientSession, path: str) -> None:
    async with session.head(site + path) as response:
        assert response.status == 200
        assert await response.read() == b""


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 404), ("POST", "/healthz", 405)])
async def test_anything_else_is_refused(
    site: str, session: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with session.request(method, site + path) as response:
        assert response.status == status


@pytest.mark.parametrize("path", ["/healthz", "/nowhere"])
async def test_no_header_tells_what_we_are_made_of(site: str, session: aiohttp.ClientSession, path: str) -> None:
    async with session.get(site + path) as response:
        assert "Server" not in response.headers


async def test_a_port_in_use_is_told_in_one_line(site: str) -> None:
    port = int(site.rpartition(":")[2])
    with pytest.raises(CannotListenError) as raised:
        async with serve("127.0.0.1", port, ready=dict[str, bool], registry=Metrics().registry):
            pass
    assert f"cannot listen on 127.0.0.1:{port} (CONSUMER_HTTP__HOST, CONSUMER_HTTP__PORT)" in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_what_is_no_http_does_no_harm(site: str, session: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(site.rpartition(":")[2]))
        writer.write(b"\x16\x03\x01 c4n4ry\r\n\r\n")
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.0 400")
    async with session.get(site + "/healthz") as response:
        assert response.status == 200


async def test_ipv6_and_names_can_be_listened_on() -> None:
    nothing: Mapping[str, bool] = {}
    async with serve("localhost", 0, ready=lambda: nothing, registry=Metrics().registry) as port:
        assert port > 0
