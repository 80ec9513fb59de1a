"""What a host says about its file cannot get into a header of the mail, however it is written."""

from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast

import pytest

from consumer.adapters.attachments import WebAttachments
from consumer.adapters.clock import SystemClock
from consumer.core.attachment import Fetched, Wanted
from consumer.core.compose import Letter, Part, compose
from consumer.core.mail import Address
from tests.edge.test_attachments import GUARD, raw_host

LETTER = Letter(None, Address("no-reply@acme.example"), (Address("ann@example.com"),), (), (), "Files", "World", None)

SAID = {
    "CRLF, percent-encoded": b"Content-Disposition: attachment; filename*=utf-8''a%0D%0ABcc:%20x@y.example.pdf",
    "LF in Latin-1": b"Content-Disposition: attachment; filename*=iso-8859-1''a%0ABcc:%20x@y.example.pdf",
    "CR in quotes": b'Content-Disposition: attachment; filename="a\\\rBcc: x@y.example.pdf"',
    "a line separator": b"Content-Disposition: attachment; filename*=utf-8''a%E2%80%A8Bcc:%20x@y.example.pdf",
    "a folder": b'Content-Disposition: attachment; filename="../../etc/passwd"',
    "a folder of Windows": b'Content-Disposition: attachment; filename="C:\\\\windows\\\\a.exe"',
    "text turned round": b"Content-Disposition: attachment; filename*=utf-8''a%E2%80%AEfdp.exe",
    "a quote in the name": b'Content-Disposition: attachment; filename="a\\"; name=\\"b.pdf"',
    "an encoded word": b'Content-Disposition: attachment; filename="=?utf-8?q?a=0D=0ABcc:_x@y.example?=.pdf"',
    "UTF-16": b"Content-Disposition: attachment; filename*=utf-16''%00a%00%0D%00%0A",
    "a type with parameters of its own": b'Content-Type: text/html; charset="x\\"; name=y"; name=z',
    "a multipart type": b'Content-Type: multipart/mixed; boundary="=_x"',
    "no type": b"Content-Type: nonsense; x",
}


@pytest.mark.parametrize("header", SAID.values(), ids=list(SAID))
async def test_what_a_host_calls_its_file_ends_no_header_and_opens_no_folder(header: bytes) -> None:
    async with raw_host(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n" + header + b"\r\n\r\nplan") as url:
        file = await WebAttachments(SystemClock(), GUARD.connector).fetch(Wanted(url), 1_000, lambda _: True)
    if not isinstance(file, Fetched):
        return  # a header that no HTTP has: nothing was taken
    part = Part(b"", file.content_type, file.filename, lines=file.lines)
    mail = compose(replace(LETTER, attachments=(part,)), message_id="<1@acme.example>", date="now")
    parsed = cast("EmailMessage", message_from_bytes(mail, policy=default))
    (attached,) = (cast("EmailMessage", one) for one in parsed.iter_attachments())
    assert parsed["Bcc"] is attached["Bcc"] is None
    assert attached.get_payload(decode=True) == b"plan"
    name = attached.get_filename() or ""
    assert name.isprintable()
    assert not set("/\\\r\n") & set(name)
    assert [line for line in mail.split(b"\r\n") if line.lower().startswith(b"bcc")] == []
