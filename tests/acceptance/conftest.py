"""A stage for each test: topics, group, relay and tenants of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from devtools.certificates import Certificates, write_certificates
from tests.acceptance.stage import Stage, staged


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of our own, and a certificate for the relay under each name that requests give it."""
    return write_certificates(tmp_path_factory.mktemp("certificates"), also_for=("smtp.myemail.com",))


@pytest.fixture
async def stage(broker: str, tmp_path: Path, certificates: Certificates) -> AsyncIterator[Stage]:
    async with staged(broker, tmp_path, certificates) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared(
    broker: str, tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> AsyncIterator[Stage]:
    """A stage for all tests of a file, which keep out of one another's way by their request ids."""
    async with staged(broker, tmp_path_factory.mktemp("shared"), certificates) as made:
        yield made
