"""The Dockerfile without an engine: what can be seen of the image before it is built."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from consumer.settings import variables

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
FINAL = TEXT.split("\nFROM ")[-1]


def test_hadolint_has_nothing_to_say() -> None:
    program = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([program, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_copied_is_there_and_let_through() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert [name for name in let_through if not (ROOT / name).exists()] == []
    copied = {name for name in re.findall(r"^COPY ([\w.-]+) ", TEXT, re.MULTILINE) if name != "."}
    assert {"requirements-build.lock", "requirements-run.lock"} == copied
    assert copied <= let_through


def test_what_the_wheel_needs_is_let_through() -> None:
    let_through = (ROOT / ".dockerignore").read_text()
    named = re.findall(
        r'^(?:readme|license-files) = \[?"(.*?)"|^"(schemas)" =', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert {name for pair in named for name in pair if name} == {"README.md", "LICENSE", "schemas"}
    for name in ("README.md", "LICENSE", "schemas", "consumer", "pyproject.toml"):
        assert f"!{name}\n" in let_through


def test_every_package_is_installed_by_its_hash() -> None:
    installs = re.findall(r"pip install (.*)", TEXT)
    assert len(installs) == 3
    assert [one for one in installs if "--require-hashes" not in one and "--no-index" not in one] == []


def test_a_newer_release_of_a_dependency_breaks_no_installation() -> None:
    # `coverage[toml]` of a locked package was looked for anew by pip 23.2: the newest is none that the lock has a hash for.
    commands = re.findall(r"pip install (.*--require-hashes.*)", TEXT + (ROOT / "Makefile").read_text())
    assert len(commands) == 3
    assert [one for one in commands if "--no-deps" not in one] == []


def test_it_runs_as_a_number_that_is_not_root() -> None:
    (user,) = re.findall(r"^USER (.*)$", FINAL, re.MULTILINE)
    assert user == "10001:10001"


def test_its_variables_are_settings_and_its_port_is_the_one_listened_on() -> None:
    ours = re.findall(r"CONSUMER_\w+", FINAL)
    assert ours == ["CONSUMER_HTTP__HOST"]
    assert set(ours) <= variables().keys()
    assert f"EXPOSE {variables()['CONSUMER_HTTP__PORT'].info.default}\n" in FINAL


@pytest.mark.parametrize("words", ['ENTRYPOINT ["consumer"]', 'CMD ["run"]', 'CMD ["consumer", "healthcheck"]'])
def test_it_starts_and_is_asked_without_a_shell(words: str) -> None:
    assert words in FINAL
