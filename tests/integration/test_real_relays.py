"""Mail by way of relays that others wrote, over TLS and with a login: what they file is what was asked for.

`-m slow`; a relay that is not installed is skipped by its name (`python -m devtools.mta` unpacks one from Debian).
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import dkim
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from fast_mail_parser import parse_email

from consumer.adapters.schemas import requests
from consumer.adapters.smtp import SmtpTransport, Timeouts
from consumer.core.attempt import Answered, Attempt, Lapsed, NotSent, Stage
from consumer.core.decode import Decoder
from consumer.core.dkim import DkimKey, sign
from consumer.core.dkim_key import private
from consumer.core.letter import Posted, post
from consumer.core.mail import Mail
from consumer.core.request import Request
from consumer.core.resolve import Values
from consumer.core.tenant import Relay, Scheme
from devtools.mta import NAMES, PASSWORD, REFUSED, USER, NotHereError, RealRelay, real_relay
from tests.builders import body, record, tenant
from tests.edge.post import CLOCK, granted, options
from tests.unit.test_dkim import public

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
DECODER = Decoder(requests())
PATIENCE = Timeouts(*(30.0,) * 9)  # chasquid makes each login cost it dear
RSA = generate_private_key(65537, 2048)
KEY = DkimKey("example.com", "s1", private(RSA))
MANY = [f"r{number}@example.com" for number in range(100)]
SHAPES: dict[str, dict[str, Any]] = {
    "text": {"to": ["ann@example.com"], "subject": "Hello", "text": "World\n"},
    "html": {"to": ["ann@example.com"], "subject": "Hello", "text": None, "html": "<p>World</p>\n"},
    "both": {"to": ["ann@example.com"], "subject": "Hello", "text": "World\n", "html": "<p>World</p>\n"},
    "utf-8": {
        "to": ["ann@example.com"],
        "subject": "Ваш заказ 注文番号三十五 🎁 ist unterwegs und kommt morgen an",
        "text": "Käse, Wurst und Brot\n",
        "html": "<p>注文番号は三十五です</p>\n",
    },
    "8 bit": {"to": ["jörg@example.com"], "subject": "Hello", "text": "World\n"},
    "dots": {"to": ["ann@example.com"], "subject": ".", "text": ".\n..\n.a\n\n.\nQUIT\n.\n"},
    "long lines": {"to": ["ann@example.com"], "subject": "w " * 300 + "end", "text": "x" * 5_000 + "\n"},
    "many recipients": {"to": MANY[:30], "cc": MANY[30:60], "bcc": MANY[60:], "subject": "Hello", "text": "World\n"},
    "headers": {
        "to": ["ann@example.com"],
        "cc": ["bob@example.com"],
        "replyTo": ["help@example.com"],
        "subject": "Hello",
        "text": "World\n",
        "priority": "high",
        "headers": {
            "List-Unsubscribe": "<https://example.com/u/" + "x" * 200 + ">, <mailto:leave@example.com>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "X-Greeting": "Grüße",
        },
    },
}
MAILBOXES = ["ann@example.com", "bob@example.com", "jörg@example.com", *MANY]


@dataclass(frozen=True)
class Way:
    """A relay that runs, and our transport to it."""

    relay: RealRelay
    transport: SmtpTransport
    name: Relay

    async def send(self, mail: Mail) -> Attempt:
        return await self.transport.send(mail, self.name, granted)


@pytest_asyncio.fixture(params=[(name, scheme) for name in NAMES for scheme in (Scheme.SMTP, Scheme.SMTPS)], ids=str)
async def way(request: pytest.FixtureRequest) -> AsyncIterator[Way]:
    name, scheme = cast("tuple[str, Scheme]", request.param)
    try:
        async with real_relay(name, MAILBOXES) as relay:
            port = relay.starttls if scheme is Scheme.SMTP else relay.tls
            where = Relay("localhost", port, scheme, USER, PASSWORD, str(relay.authority))
            transport = SmtpTransport(CLOCK, options(PATIENCE))
            try:
                yield Way(relay, transport, where)
            finally:
                await transport.aclose()
    except NotHereError as missing:
        pytest.skip(f"{name}: {missing}")


def posted(number: int, fields: dict[str, Any]) -> Mail:
    """A request as the mail that goes out for it, signed."""
    headers = (("tenant", b"acme"), ("request_id", b"r-%d" % number), ("operation", b"send-email"))
    request = DECODER.decode(record(body(**fields), headers=headers))
    assert isinstance(request, Request)
    about = tenant(from_address="acme@example.com", from_name="Müller & Söhne", domain="example.com")
    found = post(request, about, Values(), answered=frozenset(), now=CLOCK.now())
    assert isinstance(found, Posted)
    return sign(found.mail, (KEY,), CLOCK.now())


def as_filed(mails: list[bytes], mail: Mail) -> list[bytes]:
    """The copies of this mail, with their lines ended by CRLF, from the first header that we wrote."""
    whole = [re.sub(b"\r?\n", b"\r\n", filed) for filed in mails if mail.message_id.encode() in filed]
    return [filed[filed.index(b"DKIM-Signature:") :] for filed in whole]


def read(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """What two parsers see."""
    stdlib = cast("EmailMessage", message_from_bytes(content, policy=default))
    text, html = stdlib.get_body(("plain",)), stdlib.get_body(("html",))
    mail = parse_email(content)
    return (
        {
            "subject": str(stdlib["Subject"]),
            "text": text and cast("str", text.get_content()).replace("\r\n", "\n"),
            "html": html and cast("str", html.get_content()).replace("\r\n", "\n"),
        },
        {
            "subject": mail.subject,
            "text": mail.text_plain[0].replace("\r\n", "\n") if mail.text_plain else None,
            "html": mail.text_html[0].replace("\r\n", "\n") if mail.text_html else None,
        },
    )


async def test_a_mail_of_each_shape_is_filed_as_it_was_asked_for_and_its_signature_holds(way: Way) -> None:
    mails = {shape: posted(number, fields) for number, (shape, fields) in enumerate(SHAPES.items())}
    for shape, mail in mails.items():
        attempt = await way.send(mail)
        assert isinstance(attempt, Answered), (shape, attempt)
        assert attempt.data
        assert attempt.data.positive, (shape, attempt.data)
        assert all(reply.positive for reply in attempt.recipients)
    copies = sum(len(mail.recipients) for mail in mails.values())
    filed = await way.relay.until(copies, 60)

    for shape, mail in mails.items():
        found = as_filed(filed, mail)
        assert len(found) == len(mail.recipients), shape
        assert set(found) == {mail.content}, shape
        asked = {name: SHAPES[shape].get(name) for name in ("subject", "text", "html")}
        assert read(found[0]) == (asked, asked), shape
        assert dkim.verify(found[0], dnsfunc=lambda *_, **__: public(RSA)), shape
        assert not any(f"r{number}@".encode() in found[0] for number in range(60, 100)), "bcc in a header"


async def test_one_recipient_who_is_refused_keeps_it_from_nobody_else(way: Way) -> None:
    mail = posted(1, {"to": [*MANY[:20], REFUSED, *MANY[20:]]})
    attempt = await way.send(mail)
    assert isinstance(attempt, Answered)
    assert [index for index, reply in enumerate(attempt.recipients) if not reply.positive] == [20]
    assert (attempt.recipients[20].code, attempt.recipients[20].enhanced) == (550, "5.1.1")
    assert len(as_filed(await way.relay.until(100, 60), mail)) == 100


async def test_2000_mails_over_connections_that_are_kept_all_arrive_once(way: Way) -> None:
    mails = rest = [posted(number, SHAPES["both"]) for number in range(2_000)]
    rounds = 0
    while rest and rounds < 30:  # chasquid has room for 200 in its queue, and says 451 for so long
        rounds += 1
        async with asyncio.TaskGroup() as tasks:
            sends = [(mail, tasks.create_task(way.send(mail))) for mail in rest]
        rest = [mail for mail, send in sends if later(send.result())]
        await way.relay.until(len(mails) - len(rest), 60)
    found = [re.search(rb"(?im)^Message-ID: (<\S+>)", mail) for mail in way.relay.mails()]
    assert sorted(match[1].decode() for match in found if match) == sorted(mail.message_id for mail in mails)


def later(attempt: Attempt) -> bool:
    """Whether it was surely not taken, and may be another time."""
    if isinstance(attempt, Answered):
        assert attempt.data
        assert attempt.data.positive or attempt.data.transient
        return attempt.data.transient
    assert isinstance(attempt, Lapsed | NotSent)
    assert isinstance(attempt, Lapsed) or attempt.reply is None or attempt.reply.transient
    return True


async def test_a_wrong_password_is_told_in_the_relays_own_words(way: Way) -> None:
    name = way.name
    wrong = Relay(name.host, name.port, name.scheme, name.user, "another", name.ca_file)
    attempt = await way.transport.send(posted(1, {}), wrong, granted)
    assert isinstance(attempt, NotSent)
    assert attempt.reply
    assert (attempt.stage, attempt.reply.code) == (Stage.AUTH, 535)
