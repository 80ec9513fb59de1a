"""A mail as bytes that can be nothing but that mail.

A bare CR or LF in the content, or a control character in an address, could end the data
or the command early for some relay, and smuggle another mail in behind it.
"""

import asyncio
import re
from collections.abc import Iterator

from consumer.adapters.smtp.reasons import Reason
from consumer.core.attempt import NotSent, Stage
from consumer.core.mail import Mail
from consumer.core.reply import Reply

BLOCK = 65_536

SLICE = 262_144
"""So much of a content is looked at in one turn of the loop: 35 MB at once would hold up everybody for 0.4 s."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


async def unfit(mail: Mail) -> NotSent | None:
    """Why this mail must go to no relay at all."""
    named = "".join((mail.sender, *mail.recipients))
    plain = named.isascii() and named.isprintable()
    if not plain and (_CONTROL.search(named) or not (mail.smtputf8 or named.isascii())):
        return NotSent(Stage.MAIL, Reason.BAD_ADDRESS, Reply(553, "address not fit for the wire (local)", "5.1.3"))
    content, at = mail.content, 0
    while True:
        # Never between a CR and its LF; a slice that ends on a bare CR is found out as such.
        end = at + SLICE + content.startswith(b"\n", at + SLICE)
        if _has_bare_end(content[at:end]):
            return NotSent(Stage.DATA, Reason.BARE_LINE_END, Reply(554, "bare CR or LF in content (local)", "5.6.0"))
        if end >= len(content):
            return None
        at = end
        await asyncio.sleep(0)


def _has_bare_end(content: bytes) -> bool:
    """Whether a line ends by anything but CRLF: the lines, ended anew, are then other octets. Half as long as counting."""
    lines = content.splitlines()
    if content.endswith(b"\n"):
        lines.append(b"")
    return b"\r\n".join(lines) != content


def whole(content: bytes) -> bytes | None:
    """All that `stuffed` would give, where that is one block."""
    return _last(content) if len(content) <= BLOCK else None


def stuffed(content: bytes) -> Iterator[tuple[bytes, bool]]:
    """The content in blocks of whole lines, dots doubled (RFC 5321, 4.5.2); the last one has the end in it."""
    at = 0
    while (end := content.find(b"\n", at + BLOCK) + 1) and end < len(content):
        yield _doubled(content[at:end]), False
        at = end
    yield _last(content[at:]), True


def _last(block: bytes) -> bytes:
    return _doubled(block) + (b".\r\n" if block.endswith(b"\r\n") or not block else b"\r\n.\r\n")


def _doubled(block: bytes) -> bytes:
    block = block.replace(b"\n.", b"\n..")
    return b"." + block if block.startswith(b".") else block
