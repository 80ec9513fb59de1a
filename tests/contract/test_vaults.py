"""What every vault keeps to: over HTTP, in a file, and in memory."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import yaml

from consumer.adapters.memory_contents import KnownValues
from consumer.adapters.vault_file import VaultFile
from consumer.adapters.vault_http import VaultHttp
from consumer.core.resolve import Values
from consumer.core.tenant import Unavailable
from consumer.ports import Vault
from devtools.stand_ins import StandIns

KNOWN = {"NS-EU-A-1": "ann@c4n4ry.example", "NS-EU-T-1": "two\nlines — c4n4ry", "NS-EU-N-1": "1e3", "NS-EU-E-1": ""}
MANY = {f"NS-EU-M-{number}": f"{number}" for number in range(450)}


@pytest.fixture(params=["memory", "file", "http"])
async def vault(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Vault]:
    values: Mapping[str, str] = KNOWN | MANY
    if request.param == "memory":
        yield KnownValues(values)
    elif request.param == "file":
        path = tmp_path / "values.yaml"
        path.write_text(yaml.safe_dump(values, allow_unicode=True))
        yield VaultFile(path)
    else:
        async with StandIns(values=values) as there:
            vault = VaultHttp(there.url)
            yield vault
            await vault.aclose()


async def resolved(vault: Vault, *tokens: str) -> Mapping[str, str]:
    values = await vault.resolve(tokens)
    assert isinstance(values, Values)
    return values.by_token


async def test_each_known_token_has_its_value(vault: Vault) -> None:
    assert await resolved(vault, *KNOWN) == KNOWN


async def test_an_unknown_token_is_missing(vault: Vault) -> None:
    assert await resolved(vault, "NS-EU-A-1", "NS-EU-X-1") == {"NS-EU-A-1": KNOWN["NS-EU-A-1"]}
    assert await resolved(vault, "NS-EU-X-1") == {}


async def test_only_what_was_asked_for_is_told(vault: Vault) -> None:
    assert await resolved(vault, "NS-EU-A-1") == {"NS-EU-A-1": KNOWN["NS-EU-A-1"]}
    assert await resolved(vault) == {}


async def test_any_number_of_tokens_may_be_asked_for(vault: Vault) -> None:
    assert await resolved(vault, *MANY) == MANY


async def test_nothing_of_a_value_is_in_a_repr(vault: Vault) -> None:
    values = await vault.resolve(KNOWN)
    assert not isinstance(values, Unavailable)
    assert "c4n4ry" not in repr(values)
    assert "c4n4ry" not in repr(vault)
