"""What every tenant directory keeps to: the file, and its twin in memory."""

from collections.abc import Callable
from pathlib import Path

import pytest

from consumer.adapters.memory import KnownTenants
from consumer.adapters.tenants_file import Directory, TenantsFile, read
from consumer.core.tenant import Relay, Tenant, UnknownTenant
from consumer.ports import Tenants

ACME = Tenant("acme", Relay("smtp.acme.example", 587), domain="acme.example")
YAML = """
tenants:
  acme:
    smtp_host: smtp.acme.example
    domain: acme.example
"""


def in_memory(_: Path) -> Tenants:
    return KnownTenants([ACME])


def in_a_file(folder: Path) -> Tenants:
    path = folder / "tenants.yaml"
    path.write_text(YAML)
    first = read(path)
    assert isinstance(first, Directory)
    return TenantsFile(path, first)


@pytest.fixture(params=[in_memory, in_a_file], ids=["memory", "file"])
def tenants(request: pytest.FixtureRequest, tmp_path: Path) -> Tenants:
    make: Callable[[Path], Tenants] = request.param
    return make(tmp_path)


async def test_a_tenant_that_is_configured_is_found(tenants: Tenants) -> None:
    assert await tenants.get("acme") == ACME


@pytest.mark.parametrize("name", ["nobody", "", "Acme", "acme ", "default", "a" * 10_000, "\x00"])
async def test_anyone_else_is_unknown(tenants: Tenants, name: str) -> None:
    assert await tenants.get(name) == UnknownTenant(name)
