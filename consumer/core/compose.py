"""A letter as the bytes of its mail (RFC 5322, RFC 2045 to 2049), ready for DATA but for dot-stuffing.

Made for what we send only: the stdlib takes 40 to 100 times as long (docs/adr/0003-own-serialiser.md).
Nobody in bcc can get into a header: a letter does not know of them.
"""

import re
from binascii import crc32
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from typing_extensions import override

from consumer.core import wire
from consumer.core.frozen import frozen
from consumer.core.mail import Address
from consumer.core.mime import LINE, base64, body, clean, filename_parameter, header, media_type, phrase, plain_filename

_NAME = re.compile(wire.HEADER_NAME)
_NAME_OCTETS = 76
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Part:
    """An attachment, or with a `cid` an image that the HTML shows. `lines` are its content, where it is encoded already."""

    content: bytes
    content_type: str
    filename: str | None = None
    cid: str | None = None
    lines: tuple[bytes, ...] = ()


@frozen
class Letter:
    """What a mail is made of, resolved and in wire form. Its repr tells nobody's data."""

    from_name: str | None
    from_address: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    subject: str
    text: str | None
    html: str | None
    headers: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Part, ...] = ()

    @override
    def __repr__(self) -> str:
        return f"<Letter to {len(self.to)}, cc {len(self.cc)}, {len(self.attachments)} attachments>"


def compose(email: Letter, *, message_id: str, date: str) -> bytes:
    """The mail with CRLF line ends, 7 bit unless `needs_smtputf8`; the same letter and id make the same bytes."""
    content = _content(email, message_id) if email.attachments else _bodies(email, [], message_id)
    return b"".join([_head(email, message_id, date).encode("utf-8", "replace"), *content])


def needs_smtputf8(email: Letter) -> bool:
    """Whether a header holds an address that only RFC 6532 allows there. Look at the envelope's addresses, too."""
    addresses = (email.from_address, *email.to, *email.cc, *email.reply_to)
    return not all(map(str.isascii, addresses))


def header_allowed(name: str) -> bool:
    """Whether a request may set this header: it is a field name, and none that we or relays answer for."""
    if len(name) > _NAME_OCTETS or not _NAME.fullmatch(name):
        return False
    return name.lower() not in wire.OWN_HEADERS and not name.lower().startswith(wire.OWN_HEADER_PREFIXES)


def message_id(mark: int, domain: str) -> str:
    """The same for every attempt at the request of this mark, so that readers can tell a second copy."""
    return f"<{mark:032x}@{domain}>"


def date_header(now: float) -> str:
    """RFC 5322, 3.3, in UTC."""
    return _date_header(int(now))


@lru_cache(maxsize=4)
def _date_header(second: int) -> str:
    at = datetime.fromtimestamp(second, UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year} {at:%H:%M:%S} +0000"


def _head(email: Letter, message_id: str, date: str) -> str:
    who = _from(email.from_name, email.from_address)
    if email.to:
        who += _addresses("\r\nTo: ", email.to)
    if email.cc:
        who += _addresses("\r\nCc: ", email.cc)
    if not email.to and not email.cc:
        who += "\r\nTo: undisclosed-recipients:;"
    if email.reply_to:
        who += _addresses("\r\nReply-To: ", email.reply_to)
    subject = header("Subject", email.subject)
    if not (date + message_id).isprintable():
        date, message_id = clean(date), clean(message_id)
    more = ""
    if email.headers:
        more = "".join([f"{header(name, value)}\r\n" for name, value in email.headers if header_allowed(name)])
    return (
        f"{who}\r\n{subject}\r\nDate: {date}\r\nMessage-ID: {message_id}\r\n"
        f"Auto-Submitted: auto-generated\r\n{more}MIME-Version: 1.0\r\n"
    )


@lru_cache(maxsize=1024)
def _from(name: str | None, address: Address) -> str:
    shown = phrase(name, LINE - len("From: ")) if name else ""
    if not shown:
        return _addresses("From: ", (address,))
    last = len(shown) - shown.rfind("\n")
    gap = " " if last + len(address) + len("From:  <>") <= LINE else "\r\n "
    return f"From: {shown}{gap}<{clean(address)}>"


def _addresses(begin: str, addresses: tuple[Address, ...]) -> str:
    together = "".join(addresses)
    plain = '"' not in together and together.isprintable()
    return begin + ",\r\n ".join(addresses if plain else map(_mailbox, addresses))


def _mailbox(address: Address) -> str:
    if not address.isprintable():
        address = Address(clean(address))
    # A quoted local part stands in brackets: there are readers that take it for a name otherwise.
    return f"<{address}>" if address.startswith('"') else address


def _content(email: Letter, message_id: str) -> list[bytes]:
    shows = email.html is not None
    shown = [_part(part, "inline") for part in email.attachments if shows and part.cid]
    attached = [_part(part, "attachment") for part in email.attachments if not (shows and part.cid)]
    content = _bodies(email, shown, message_id)
    return _multipart(b"mixed", message_id, [content, *attached]) if attached else content


def _bodies(email: Letter, shown: list[list[bytes]], message_id: str) -> list[bytes]:
    if email.html is None:
        return _text(b"plain", email.text or "")
    html = _text(b"html", email.html)
    if shown:
        html = _multipart(b'related; type="text/html"', message_id, [html, *shown])
    if email.text is None:
        return html
    return _multipart(b"alternative", message_id, [_text(b"plain", email.text), html])


def _text(subtype: bytes, text: str) -> list[bytes]:
    encoding, content = body(text)
    return [_text_head(subtype, encoding), content]


@lru_cache(maxsize=6)
def _text_head(subtype: bytes, encoding: bytes) -> bytes:
    return b"Content-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n" % (subtype, encoding)


def _part(part: Part, disposition: str) -> list[bytes]:
    filename = clean(part.filename or "").strip()
    cid = re.sub("[^!-~]|[<>]", "", part.cid or "")[:900]
    fields = [f"Content-Type: {media_type(part.content_type)}"]
    if filename:
        fields[0] += f';\r\n name="{plain_filename(filename)}"'
        disposition += filename_parameter(filename)
    fields.append(f"Content-Disposition: {disposition}")
    if cid:
        fields.append(f"Content-ID: <{cid}>")
    fields.append("Content-Transfer-Encoding: base64\r\n\r\n")
    return ["\r\n".join(fields).encode(), *(part.lines or (base64(part.content),))]


def _multipart(kind: bytes, message_id: str, entities: list[list[bytes]]) -> list[bytes]:
    # `mixed`, `related`, `alternative`: none begins with another. No body can hold one (see mime.py), so it need not
    # be hard to guess, only another one than that of a mail which somebody puts into this one, or this one into.
    boundary = b"=_%08x.%c" % (crc32(message_id.encode()), kind[0])
    start = b"\r\n--%b\r\n" % boundary
    chunks = [b'Content-Type: multipart/%b;\r\n boundary="%b"\r\n' % (kind, boundary)]
    for entity in entities:
        chunks.append(start)
        chunks += entity
    chunks.append(b"\r\n--%b--\r\n" % boundary)
    return chunks
