"""What all commands share: how they print, where their settings come from, how they end."""

import asyncio
import sys
from collections.abc import Coroutine, Sequence
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, NoReturn

import typer

from consumer.cli.exits import Exit
from consumer.cli.start import refuse
from consumer.client import TooLargeError, WrongTopicError
from consumer.client.events import ENDINGS, is_ending
from consumer.core.durations import DURATION_RULE, parse_duration
from consumer.ports import UncertainError
from consumer.settings import Settings, Wrong, load


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("-o", "--output", help="How data is printed.")]


def settings(*, only_kafka: bool = True) -> Settings:
    """Those of a command that speaks to Kafka only, or all of them; what is wrong with them ends it."""
    found = load(only_kafka=only_kafka)
    if isinstance(found, Wrong):
        raise typer.Exit(refuse(found.errors))
    return found


def seconds(option: str, text: str, wrong: list[str]) -> float:
    """A length of time from the command line; one that is none is added to what is wrong."""
    found = parse_duration(text)
    if found is None:
        wrong.append(f"{option} {DURATION_RULE}")
    return found or 0.0


def endings(names: Sequence[str] | None, wrong: list[str]) -> frozenset[str]:
    """Those that `--type` names. A misspelt one is wrong: nothing would be found, and nobody would wonder."""
    for name in names or ():
        if is_ending(name):
            continue
        near = get_close_matches(name, sorted(ENDINGS), n=1)
        if near:
            wrong.append(f"--type: no outcome ends like that; did you mean {near[0]}?")
        else:
            say("--type: no outcome of this version ends like that")
    return frozenset(names or ())


def stop_at(wrong: Sequence[str]) -> None:
    """Says everything that is wrong with the command line, a line each, and ends it there."""
    for line in wrong:
        say(line)
    if wrong:
        raise typer.Exit(Exit.USAGE)


def end(work: Coroutine[None, None, Exit]) -> NoReturn:
    """Does the work, and ends with its exit code."""
    try:
        code = asyncio.run(work)
    except UncertainError as away:
        say(str(away))
        code = Exit.UNAVAILABLE
    except TooLargeError as wrong:
        say(str(wrong))
        code = Exit.USAGE
    except WrongTopicError as wrong:
        say(str(wrong))
        code = Exit.SETTINGS
    raise typer.Exit(code)


def say(text: str) -> None:
    """To people."""
    print(text, file=sys.stderr)
