"""What README says can be done, can be done; what it points to is there."""

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from consumer.__main__ import main
from consumer.adapters import schemas
from consumer.core.tenants import Faults, parse_tenants
from consumer.settings import reference

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _code(text: str) -> Iterator[str]:
    """The lines in blocks, without comments, and what stands between backticks."""
    for _, block in _FENCED.findall(text):
        yield from (line.partition("  #")[0].strip() for line in block.splitlines())
    yield from re.findall(r"`([^`\n]+)`", _FENCED.sub("", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_file_that_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_each_make_command_that_is_named_exists() -> None:
    text = README + (ROOT / "CONTRIBUTING.md").read_text()
    named = {found[1] for code in _code(text) if (found := re.match(r"make ([a-z-]+)", code))}
    assert named >= {"demo", "test"}
    assert named <= set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_each_consumer_command_that_is_named_exists_with_its_options(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # so that no option is cut off
    named = [found[1].split() for code in _code(README) if (found := re.match(r"(?:\.venv/bin/)?consumer (.+)", code))]
    assert ["run"] in named
    for words in named:
        command = list(takewhile(lambda word: not word.startswith("-"), words))
        assert main([*command, "--help"]) == 0, words
        known = capsys.readouterr().out
        assert [word for word in words if word.startswith("-") and word not in known] == []


def test_each_test_that_shows_a_promise_is_there() -> None:
    named = re.findall(r"\]\((tests/[^)]+)\): `(test_\w+)`", README)
    assert len(named) >= 6
    assert [name for path, name in named if f"def {name}(" not in (ROOT / path).read_text()] == []


def test_each_setting_that_is_named_exists() -> None:
    known = set(re.findall(r"`(CONSUMER_\w+)`", reference()))
    assert set(re.findall(r"CONSUMER_\w+", README)) <= known


def test_the_tenants_file_that_is_shown_is_one() -> None:
    (text,) = [block for language, block in _FENCED.findall(README) if language == "yaml"]
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    secrets = {"/run/secrets/smtp": "mysecret", "/run/secrets/dkim.pem": key}
    tenants = parse_tenants(yaml.safe_load(text), secrets=secrets)
    assert not isinstance(tenants, Faults), tenants
    assert sorted(tenants) == ["acme", "other", "signed"]
    assert jsonschema_rs.validator_for(schemas.load("tenant.v1")).is_valid(yaml.safe_load(text))
