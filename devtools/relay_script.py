"""How a scripted relay misbehaves, and what it keeps of the mails that it took.

A script maps a place in the conversation ("greeting", "ehlo", "starttls", "auth",
"mail", "rcpt", "data", "body", "rset", "quit", or "rcpt:ADDRESS") to an act, or to
several: one for each time, and after the last one it behaves.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TextIO, TypeAlias

_MESSAGE_ID = re.compile(rb"(?im)^message-id:[ \t]*(?:\r\n[ \t]+)?(\S+)")


@dataclass(frozen=True, slots=True)
class Say:
    """Answer this, after a delay, and hang up then if asked to. `cut` sends only that many bytes, and hangs up."""

    reply: str | bytes
    delay: float = 0.0
    close: bool = False
    cut: int | None = None

    @property
    def octets(self) -> bytes:
        whole = self.reply if isinstance(self.reply, bytes) else f"{self.reply}\r\n".encode()
        return whole[: self.cut]


@dataclass(frozen=True, slots=True)
class Behave:
    """Answer as a relay should, after a delay."""

    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Hang:
    """Never answer, and keep the connection."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Hang up. In the body: `after` so many bytes of it, or when all of it came."""

    after: int | None = None


@dataclass(frozen=True, slots=True)
class Endless:
    """Answer with this again and again until the other side goes, or a gigabyte is full."""

    block: bytes = b"x" * 65_536


EXTENSIONS = ("PIPELINING", "SIZE 33554432", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")

Act: TypeAlias = Say | Behave | Hang | Drop | Endless
Script: TypeAlias = Mapping[str, Act | tuple[Act, ...]]

GARBAGE = Say(b"\x00\xff\xfe not smtp \r\n")


class Playbook:
    """A script under way: whose turn it is at each place."""

    def __init__(self, script: Script) -> None:
        self._acts = {place: list(a) if isinstance(a, tuple) else a for place, a in script.items()}

    def next(self, *places: str) -> Act | None:
        """What to do at the first of these places that has something; None: behave."""
        for place in places:
            acts = self._acts.get(place)
            if isinstance(acts, list):
                if acts:
                    return acts.pop(0)
            elif acts is not None:
                return acts
        return None


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail that the relay answered for with 250. `at` is when, in seconds since the epoch."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    at: float


def message_id(content: bytes) -> str:
    found = _MESSAGE_ID.search(content.partition(b"\r\n\r\n")[0])
    return found[1].decode("ascii", "replace") if found else ""


@dataclass(frozen=True, slots=True)
class Manner:
    """What the relay offers and asks for. `users` are names and passwords; None: no AUTH."""

    scheme: Literal["smtp", "smtps", "plain"] = "smtp"
    extensions: Sequence[str] = EXTENSIONS
    users: dict[str, str] | None = None
    mechanisms: Sequence[str] = ("PLAIN", "LOGIN")
    xoauth2: Callable[[str, str], bool] | None = None
    latency: float = 0.0


class Keeper(Protocol):
    """Where a taken mail is kept."""

    def keep(self, mail: Taken) -> None: ...


class Journal:
    """One line of JSON a mail, with the operating system before the relay answers: it outlives a kill -9 of either."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", encoding="utf-8")

    def keep(self, mail: Taken) -> None:
        line = {
            "message_id": mail.message_id,
            "sender": mail.sender,
            "recipients": mail.recipients,
            "at": mail.at,
            "bytes": len(mail.content),
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class Folder:
    """One .eml file a mail, numbered in the order of arrival."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._count = 0

    def keep(self, mail: Taken) -> None:
        self._count += 1
        (self._path / f"{self._count:05d}.eml").write_bytes(mail.content)
