"""The relays of the benchmarks take mail as it is sent to them."""

import ssl
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest

from benchmarks.relays import Kind, relay


def _mail() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "no-reply@acme.example", "ann@example.com", "Hello"
    message.set_content("One line.\n.dot\n")
    return message


async def test_the_sink_with_certificates_takes_mail_by_starttls_one_after_another(tmp_path: Path) -> None:
    with relay(Kind.STARTTLS, 0.002, tmp_path) as at:
        trusted = ssl.create_default_context(cafile=at.authority)
        smtp = aiosmtplib.SMTP(hostname="127.0.0.1", port=at.port, start_tls=True, tls_context=trusted)
        async with smtp:
            for _ in range(3):
                refused, response = await smtp.send_message(_mail())
                assert (refused, response) == ({}, "2.0.0 Ok")


async def test_the_sink_with_certificates_takes_no_mail_in_plain_text(tmp_path: Path) -> None:
    with relay(Kind.STARTTLS, 0.0, tmp_path) as at:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=at.port, start_tls=False, use_tls=False) as smtp:
            with pytest.raises(aiosmtplib.SMTPSenderRefused, match="STARTTLS first"):
                await smtp.send_message(_mail())
