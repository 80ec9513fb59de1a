"""What these tests need: helm, which `make chart` builds."""

import pytest

from devtools.tools import NoToolError, helm


@pytest.fixture(scope="session")
def with_helm() -> None:
    try:
        helm()
    except NoToolError as error:
        pytest.skip(str(error))
