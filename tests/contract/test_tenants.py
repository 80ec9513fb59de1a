"""What every tenant directory keeps to: the file, config-api, and their twin in memory."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from consumer.adapters.clock import SystemClock
from consumer.adapters.config_api import ConfigApi
from consumer.adapters.memory import KnownTenants
from consumer.adapters.tenants_file import Directory, TenantsFile, read
from consumer.core.tenant import Relay, Tenant, UnknownTenant
from consumer.ports import Tenants
from devtools.stand_ins import StandIns, tenants_in

ACME = Tenant("acme", Relay("smtp.acme.example", 587), domain="acme.example")
YAML = """
tenants:
  acme:
    smtp_host: smtp.acme.example
    domain: acme.example
"""


@asynccontextmanager
async def in_memory(_: Path) -> AsyncGenerator[Tenants]:
    yield KnownTenants([ACME])


@asynccontextmanager
async def in_a_file(path: Path) -> AsyncGenerator[Tenants]:
    first = read(path)
    assert isinstance(first, Directory)
    yield TenantsFile(path, first)


@asynccontextmanager
async def in_config_api(path: Path) -> AsyncGenerator[Tenants]:
    async with StandIns(tenants=tenants_in(path)) as there:
        tenants = ConfigApi(there.url, SystemClock())
        yield tenants
        await tenants.aclose()


Make = Callable[[Path], AbstractAsyncContextManager[Tenants]]


@pytest.fixture(params=[in_memory, in_a_file, in_config_api], ids=["memory", "file", "config-api"])
async def tenants(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Tenants]:
    path = tmp_path / "tenants.yaml"
    path.write_text(YAML)
    make: Make = request.param
    async with make(path) as tenants:
        yield tenants


async def test_a_tenant_that_is_configured_is_found(tenants: Tenants) -> None:
    assert await tenants.get("acme") == ACME


@pytest.mark.parametrize(
    "name",
    [
        "nobody",
        "",
        "Acme",
        "acme ",
        "default",
        "a" * 10_000,
        "\x00",
        ".",
        "..",
        "../acme",
        "acme/email?",
        "acme%00",
        "müller",
    ],
)
async def test_anyone_else_is_unknown(tenants: Tenants, name: str) -> None:
    assert await tenants.get(name) == UnknownTenant(name)


async def test_one_that_was_found_is_found_again(tenants: Tenants) -> None:
    assert await tenants.get("acme") == await tenants.get("acme") == ACME


async def test_nothing_of_a_tenant_is_in_a_repr(tenants: Tenants) -> None:
    await tenants.get("acme")
    assert "acme" not in repr(tenants)
