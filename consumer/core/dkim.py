"""A mail signed for its sender's domain (DKIM: RFC 6376, RFC 8301, RFC 8463).

Written for the bytes that `compose` makes: dkimpy computes RSA in Python, eleven times as long and with the
interpreter held all the while (docs/adr/0012-own-dkim-signer.md). It verifies in the tests.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import cast

from consumer.core.mail import Mail

PIECE = 65_536
"""Octets of a body that are made canonical at a time, and the rest of their last line."""

_SIGNED = (  # RFC 6376, 5.4.1, and how the body is to be read. Not Message-ID: Amazon SES writes its own
    *("from", "to", "cc", "reply-to", "subject", "date"),
    *("mime-version", "content-type", "content-transfer-encoding", "auto-submitted"),
    *("list-unsubscribe", "list-unsubscribe-post", "list-id"),  # RFC 8058, 4
    *("in-reply-to", "references"),
)
_ALONE = frozenset(_SIGNED[:9])
"""Signed once more than they stand there: a second one put in front would be shown instead (RFC 6376, 8.15)."""

_FIELD = re.compile(rb"([!-9;-~]+):(.*(?:\r\n[ \t].*)*)\r\n")
_BLANKS = re.compile(rb"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """What a signature is made with: `core/dkim_key.py` reads it. `algorithm` is the signature's tag `a`."""

    algorithm: str
    sign: Callable[[bytes], bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DkimKey:
    """What mail from `domain`, or from below it, is signed with. Its repr tells no key."""

    domain: str
    selector: str
    key: PrivateKey = field(repr=False)

    def covers(self, domain: str) -> bool:
        """Whether its signature counts for mail from there (RFC 7489, 3.1.1: relaxed alignment)."""
        return f".{domain.lower()}".endswith(f".{self.domain}")


def sign(mail: Mail, keys: Iterable[DkimKey], now: float) -> Mail:
    """The mail with a signature by each key that covers its sender's domain, in front."""
    domain = mail.sender.rpartition("@")[2]
    keys = [key for key in keys if key.covers(domain)]
    if not keys:
        return mail
    head = mail.content.find(b"\r\n\r\n") + 2
    fields = _fields(mail.content[:head])
    hashed = sha256()
    for piece in relaxed_body(mail.content, head + 2):
        hashed.update(piece)
    digest = b64encode(hashed.digest()).decode()
    signatures = [_signature(key, fields, digest, int(now)) for key in keys]
    return replace(mail, content=b"".join([*signatures, mail.content]))


def relaxed_body(content: bytes, start: int = 0) -> Iterator[bytes]:
    """RFC 6376, 3.4.4, of what begins there. In pieces of whole lines: no step keeps the interpreter for long."""
    end, owed, empty = start, 0, True  # owed: line ends that count only if something follows
    while end < len(content):
        start, end = end, content.find(b"\r\n", end + PIECE) + 2
        end = end if end > 1 else len(content)
        lines = _relaxed(content[start:end])
        last = len(lines)
        while lines.endswith(b"\r\n", 0, last):
            last -= 2
        if last:
            yield b"\r\n" * owed + lines[:last]
            owed, empty = 0, False
        owed += (len(lines) - last) // 2
    if not empty:
        yield b"\r\n"


def _relaxed(lines: bytes) -> bytes:
    lines = lines.replace(b"\t", b" ")
    while b"  " in lines:
        lines = lines.replace(b"  ", b" ")
    return lines.replace(b" \r\n", b"\r\n").removesuffix(b" ")


def relaxed_field(name: bytes, value: bytes) -> bytes:
    """RFC 6376, 3.4.2, without its line end."""
    return name.lower() + b":" + _BLANKS.sub(b" ", value).strip(b" ")


def _fields(head: bytes) -> Mapping[str, Sequence[bytes]]:
    """Canonical header fields by name, in order."""
    fields: dict[str, list[bytes]] = {}
    for name, value in cast("list[tuple[bytes, bytes]]", _FIELD.findall(head)):
        fields.setdefault(name.lower().decode(), []).append(relaxed_field(name, value))
    return fields


def _signature(key: DkimKey, fields: Mapping[str, Sequence[bytes]], digest: str, now: int) -> bytes:
    names = [name for name in _SIGNED for _ in range(len(fields.get(name, ())) + (name in _ALONE))]
    header = (
        f"v=1; a={key.key.algorithm}; c=relaxed/relaxed; d={key.domain};\r\n"
        f" s={key.selector}; t={now};\r\n"
        f" h={_folded(names)};\r\n"
        f" bh={digest};\r\n"
        " b="
    ).encode()
    # From the last to the first of a name (5.4.2); a name beyond the first adds nothing.
    signed = [field for name in _SIGNED for field in reversed(fields.get(name, ()))]
    signed.append(relaxed_field(b"dkim-signature", header))
    data = b"\r\n".join(signed)
    return b"DKIM-Signature: %b%b\r\n" % (header, _lines(b64encode(key.key.sign(data))))


def _folded(names: Iterable[str]) -> str:
    """With a break before a name that would make its line too long."""
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > 70:
            lines.append("")
        lines[-1] += f"{name}:"
    return "\r\n  ".join(lines).removesuffix(":")


def _lines(text: bytes) -> bytes:
    return b"\r\n  ".join(text[start : start + 72] for start in range(0, len(text), 72))
