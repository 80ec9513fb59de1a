"""What is attached to a mail: what is asked for, how much of it there may be, and how getting it can end."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from consumer.core.tenant import Unavailable

_LINE = 57  # octets of a file in a line of base64 (RFC 2045, 6.8), which with its end takes 78


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch. With a `sha256` (hexadecimal) it must be that very file. Its repr tells nothing of the URL."""

    url: str = field(repr=False)
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file as it came. `filename` is safe to show and to save under; `sha256` is in lower-case hexadecimal."""

    content: bytes = field(repr=False)
    content_type: str
    filename: str = field(repr=False)
    sha256: str


@dataclass(frozen=True, slots=True)
class Gone:
    """Its host says that it cannot be had, and will say so again."""


class Refusal(StrEnum):
    """Why we do not take a file. A closed set: the `type` of an outcome is `attachment-` and this."""

    NOT_ALLOWED = "not-allowed"  # the URL, or where it leads
    TOO_LARGE = "too-large"
    CHANGED = "changed"  # not the file that was asked for, or that the first attempt had
    UNREADABLE = "unreadable"  # an encoding we do not read, or not what it says it is


@dataclass(frozen=True, slots=True)
class Refused:
    """It can be had, but we do not take it."""

    why: Refusal


File: TypeAlias = Fetched | Gone | Refused | Unavailable


@dataclass(frozen=True, slots=True)
class Caps:
    """How much one mail may have attached: files, octets of each, octets of all as base64 in the mail."""

    count: int = 20
    each: int = 25 * 1024 * 1024
    total: int = 35 * 1024 * 1024  # what large providers take: 25 MB of files

    def room(self, fetched: tuple[Fetched, ...] = ()) -> int:
        """How many octets the next file may have."""
        left = self.total - sum(encoded_size(len(file.content)) for file in fetched)
        return max(0, min(self.each, _decoded_size(left)))


def encoded_size(octets: int) -> int:
    """What a file takes in a mail: base64 in lines."""
    return 4 * -(-octets // 3) + 2 * -(-octets // _LINE)


def _decoded_size(encoded: int) -> int:
    """How many octets surely fit."""
    return max(0, encoded) // 78 * _LINE
