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


BARE_END = NotSent(Stage.DATA, Reason.BARE_LINE_END, Reply(554, "bare CR or LF in content (local)", "5.6.0"))
_BAD_ADDRESS = NotSent(Stage.MAIL, Reason.BAD_ADDRESS, Reply(553, "address not fit for the wire (local)", "5.1.3"))


def ready(mail: Mail) -> bytes | NotSent | None:
    """The content of a mail that is one block, its dots doubled; or why it must go to no relay at all.

    None: the content is longer, and is `checked` and `stuffed` by and by.
    """
    named = "".join((mail.sender, *mail.recipients))
    plain = named.isascii() and named.isprintable()
    if not plain and (_CONTROL.search(named) or not (mail.smtputf8 or named.isascii())):
        return _BAD_ADDRESS
    content = mail.content
    if len(content) > BLOCK:
        return None
    return BARE_END if _has_bare_end(content) else _doubled(content)


async def checked(content: bytes) -> NotSent | None:
    """Why this content must go to no relay at all."""
    at = 0
    while True:
        # Never between a CR and its LF; a slice that ends on a bare CR is found out as such.
        end = at + SLICE + content.startswith(b"\n", at + SLICE)
        if _has_bare_end(content[at:end]):
            return BARE_END
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


def stuffed(content: bytes) -> Iterator[tuple[bytes, bool]]:
    """The content in blocks of whole lines, dots doubled (RFC 5321, 4.5.2); and whether it is the last one."""
    at = 0
    while (end := content.find(b"\n", at + BLOCK) + 1) and end < len(content):
        yield _doubled(content[at:end]), False
        at = end
    yield _doubled(content[at:]), True


def end_of(block: bytes) -> bytes:
    """What ends the data behind the last block, which is empty only if there is none before it."""
    return b".\r\n" if block.endswith(b"\r\n") or not block else b"\r\n.\r\n"


def _doubled(block: bytes) -> bytes:
    """The block itself where no line in it begins with a dot."""
    block = block.replace(b"\r\n.", b"\r\n..")
    return b"." + block if block.startswith(b".") else block
