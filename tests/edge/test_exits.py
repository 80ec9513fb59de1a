"""Exit codes: each is told where it can come, and only there; the page for operators has them all."""

import os
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from consumer import app
from consumer.__main__ import main
from consumer.cli.exits import MEANINGS, Exit, table

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
NAMED = {command for meanings in MEANINGS.values() for commands in meanings.values() for command in commands}

Said = pytest.CaptureFixture[str]


def told(command: str, capsys: Said) -> set[int]:
    """The codes at the end of its help."""
    assert main([*command.split(), "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split()).partition("Exit codes: ")[2]
    return {int(code) for code in re.findall(r"(?:^|\. )(\d+) ", text)}


@pytest.mark.parametrize(
    ("command", "codes"),
    [
        ("run", {0, 2, 69, 70, 71, 78}),
        ("send", {0, 1, 2, 69, 75, 78}),
        ("validate", {0, 1, 2, 69, 78}),
        ("parked promote", {0, 1, 2, 69, 75, 78}),
        ("outcomes", {0, 2, 69, 78}),
        ("", {0, 2, 69, 78}),
    ],
)
def test_help_tells_the_codes_that_a_command_can_end_with(command: str, codes: set[int], capsys: Said) -> None:
    assert told(command, capsys) == codes


@pytest.mark.parametrize("command", sorted(NAMED))
def test_each_command_that_a_code_names_exists(command: str, capsys: Said) -> None:
    assert told(command, capsys)


def test_each_code_means_something_and_the_page_has_them_all() -> None:
    assert set(MEANINGS) == set(Exit)
    assert table() in PAGE.read_text()


def test_what_runs_ends_with_the_same_codes_as_the_commands() -> None:
    assert (Exit.UNAVAILABLE, Exit.BROKEN, Exit.SETTINGS) == (app.EX_UNAVAILABLE, app.EX_SOFTWARE, app.EX_CONFIG)
    assert (Exit.NO_WORKER, Exit.UNAVAILABLE) == (os.EX_OSERR, os.EX_UNAVAILABLE)


def test_the_version_is_that_of_the_package(capsys: Said) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{version('consumer')}\n"


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("outcomes --type acepted --type rejcted --since soon", ["--type", "--type", "--since"]),
        ("replay --until then --type expierd --since soon", ["--until", "--type", "--since"]),
        ("suppressions add ann@example.com --tenant acme --for ever", ["--for"]),
    ],
)
def test_everything_that_is_wrong_with_a_command_line_is_said_at_once(
    command: str, named: list[str], capsys: Said
) -> None:
    assert main(command.split()) == 2
    assert [line.split()[0].rstrip(":") for line in capsys.readouterr().err.splitlines()] == named
