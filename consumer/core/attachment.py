"""What is attached to a mail: what is asked for, how much of it there may be, and how getting it can end."""

from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import TypeAlias

from consumer.core.mime import base64
from consumer.core.outcome import Unresolvable
from consumer.core.tenant import Unavailable

COPIES = 3
"""How often a file is in memory at once, encoded: in pieces, in the mail, in the signed mail."""

_LINE = 57  # octets of a file in a line of base64 (RFC 2045, 6.8), which with its end takes 78


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch. With a `sha256` (hexadecimal) it must be that very file. Its repr tells nothing of the URL."""

    url: str = field(repr=False)
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file, encoded while it came: `lines` are base64 as it stands in a mail (RFC 2045, 6.8), in pieces.

    `octets` is its size before that. `filename` is safe to show and to save under; `sha256` is in lower-case hexadecimal.
    """

    lines: tuple[bytes, ...] = field(repr=False)
    octets: int
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
    TOO_MANY = "too-many"
    CHANGED = "changed"  # not the file that was asked for, or that the first attempt had
    UNREADABLE = "unreadable"  # an encoding we do not read, or not what it says it is


@dataclass(frozen=True, slots=True)
class Refused:
    """It can be had, but we do not take it."""

    why: Refusal


@dataclass(frozen=True, slots=True)
class NoRoom:
    """There is not enough memory for it now: so many octets of it were to be kept."""

    octets: int


File: TypeAlias = Fetched | Gone | Refused | Unavailable | NoRoom


@dataclass(frozen=True, slots=True)
class Caps:
    """How much one mail may have attached: files, octets of each, octets of all as base64 in the mail."""

    count: int = 20
    each: int = 25 * 1024 * 1024
    total: int = 35 * 1024 * 1024  # what large providers take: 25 MB of files

    def room(self, fetched: tuple[Fetched, ...] = ()) -> int:
        """How many octets the next file may have."""
        left = self.total - sum(encoded_size(file.octets) for file in fetched)
        return max(0, min(self.each, _decoded_size(left)))


class Encoder:
    """Encodes a file piece by piece, so that it is in memory only as it travels."""

    def __init__(self) -> None:
        self.octets = 0
        self._digest = sha256()
        self._lines: list[bytes] = []
        self._rest = b""

    def add(self, piece: bytes) -> None:
        self.octets += len(piece)
        self._digest.update(piece)
        data = self._rest + piece
        whole = len(data) // _LINE * _LINE
        self._rest = data[whole:]
        if whole:
            self._lines.append(base64(data[:whole]))

    def ended(self, content_type: str, filename: str) -> Fetched:
        """All of it."""
        lines = (*self._lines, base64(self._rest)) if self._rest else tuple(self._lines)
        return Fetched(lines, self.octets, content_type, filename, self._digest.hexdigest())


def fetched(content: bytes, content_type: str = "application/octet-stream", filename: str = "attachment") -> Fetched:
    """A file that is there as a whole."""
    encoder = Encoder()
    encoder.add(content)
    return encoder.ended(content_type, filename)


def unresolvable(why: Gone | Refused, index: int) -> Unresolvable:
    """The outcome of a request whose attachment with this index cannot be had."""
    refusal = "gone" if isinstance(why, Gone) else why.why
    place = "/attachments" if refusal is Refusal.TOO_MANY else f"/attachments/{index}"
    too_large = refusal in (Refusal.TOO_LARGE, Refusal.TOO_MANY)
    return Unresolvable(f"attachment-{refusal}", (f"{place}: {_RULES[refusal]}",), too_large=too_large)


_RULES = {
    "gone": "its host says that it cannot be had",
    Refusal.NOT_ALLOWED: "not allowed",
    Refusal.TOO_LARGE: "larger than a mail may have attached",
    Refusal.TOO_MANY: "more files than a mail may have attached",
    Refusal.CHANGED: "not the file with that SHA-256, or not the one that an earlier attempt had",
    Refusal.UNREADABLE: "not a file that we read: a part, or an encoding that is broken or not known",
}


def memory(octets: int) -> int:
    """What a file of so many octets takes while its mail is made, signed and sent."""
    return COPIES * encoded_size(octets)


def encoded_size(octets: int) -> int:
    """What a file takes in a mail: base64 in lines."""
    return 4 * -(-octets // 3) + 2 * -(-octets // _LINE)


def _decoded_size(encoded: int) -> int:
    """How many octets surely fit."""
    return max(0, encoded) // 78 * _LINE
