"""Exit codes of all commands (sysexits.h where it has one), and what each means where."""

from collections.abc import Iterator, Mapping
from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    OTHER = 1
    USAGE = 2
    UNAVAILABLE = 69
    BROKEN = 70
    NO_WORKER = 71
    NO_ANSWER = 75
    SETTINGS = 78


_ORDERS = ("parked cancel", "parked promote")
_FACTS = ("suppressions add", "suppressions remove")
_ANYBODY = ()

MEANINGS: Mapping[Exit, Mapping[str, tuple[str, ...]]] = {
    Exit.OK: {"done": _ANYBODY, "with --wait: accepted, or validated": ("send",)},
    Exit.OTHER: {
        "with --wait: any other outcome": ("send",),
        "not everything was obeyed": _ORDERS,
        "heard, and not taken": _FACTS,
        "an event is not valid, or is no mail": ("validate", "render"),
        "some requests are gone": ("replay",),
        "not all were accepted": ("bench",),
        "not well, or no answer": ("healthcheck",),
    },
    Exit.USAGE: {"the command line makes no sense, or a file cannot be read": _ANYBODY},
    Exit.UNAVAILABLE: {"Kafka cannot be reached": _ANYBODY, "the port is taken": ("run", "ingress")},
    Exit.BROKEN: {
        "no progress for CONSUMER_WORK__EXIT_AFTER, a journal that cannot be trusted, or a fault of the program": (
            "run",
        )
    },
    Exit.NO_WORKER: {"with --workers: the system could not start a process": ("run",)},
    Exit.NO_ANSWER: {"no outcome in time; it may still come": ("send", *_ORDERS, *_FACTS, "bench")},
    Exit.SETTINGS: {"settings, tenants, tokens or topics are wrong; each fault is named": _ANYBODY},
}
"""What a code means, and of which commands; of any where none is named."""


def epilog(command: str = "") -> str:
    """What `--help` of a command says; without one, what holds for any."""
    told = ((code, "; ".join(_of(command, meanings))) for code, meanings in MEANINGS.items())
    return "Exit codes: " + ". ".join(f"{code.value} {text}" for code, text in told if text) + "."


def _of(command: str, meanings: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    return (text for text, commands in meanings.items() if not commands or command in commands)


def table() -> str:
    """All of it as Markdown, for docs/operations.md."""
    rows = (f"| {code.value} | {'; '.join(_told(meanings))} |" for code, meanings in MEANINGS.items())
    return "\n".join(["| code | what it means |", "|---|---|", *rows]) + "\n"


def _told(meanings: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for text, commands in meanings.items():
        yield f"{', '.join(f'`{one}`' for one in commands)}: {text}" if commands else text
