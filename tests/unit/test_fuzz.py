"""Requests by the thousand, sound and mutilated: each has one named ending, and a mail is what was asked for.

The dice make the same requests each time. `-m slow` throws them 100,000 times.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from consumer.adapters.schemas import requests
from consumer.adapters.smtp.content import checked, end_of, ready, stuffed
from consumer.core.attempt import NotSent
from consumer.core.decode import Decoder, Refused
from consumer.core.letter import Posted, post
from consumer.core.mail import Mail
from consumer.core.outcome import Invalid, Unresolvable
from consumer.core.record import Headers
from consumer.core.request import Command, Request
from consumer.core.resolve import Values
from tests import dice
from tests.builders import PLAIN_HEADERS, body, record, tenant
from tests.unit.test_compose_properties import by_mailparse, by_stdlib, whole_lines

DECODER = Decoder(requests())
STRUCTURED: Headers = (("content-type", b"application/cloudevents+json"),)
BINARY: Headers = (
    *(("ce_specversion", b"1.0"), ("ce_type", b"email.send-email.v1"), ("ce_source", b"/shop")),
    *(("ce_id", b"r-1"), ("ce_tenant", b"acme")),
)
OWN = {
    *("From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
}
EVENT = {"specversion": "1.0", "type": "email.send-email.v1", "source": "/shop", "id": "r-1", "tenant": "acme"}


def assert_has_an_ending(value: bytes, headers: Headers) -> None:
    """A request, a command or a refusal; and of a request a mail that can leave, or a refusal."""
    asked = DECODER.decode(record(value, headers=headers))
    assert isinstance(asked, Request | Command | Refused)
    if isinstance(asked, Request):
        posted = post(asked, tenant(), Values(), answered=frozenset(), now=0.0)
        assert isinstance(posted, Posted | Invalid | Unresolvable)
        assert not isinstance(posted, Posted) or fit(posted.mail)


def fit(mail: Mail) -> bool:
    """Whether it may go to a relay, of whatever size it is."""
    return not isinstance(ready(mail), NotSent) and asyncio.run(checked(mail.content)) is None


def assert_mutilated_have_endings(numbers: range) -> None:
    for number in numbers:
        fields, _ = dice.request(number)
        for sound, headers in (
            (orjson.dumps(fields), PLAIN_HEADERS),
            (orjson.dumps(fields), BINARY),
            (orjson.dumps(EVENT | {"data": fields}), STRUCTURED),
        ):
            value = dice.mutilated(number, sound)
            with noted(f"dice.mutilated({number}, ...)"):
                assert_has_an_ending(value, headers)


def assert_mails_are_what_was_asked_for(numbers: range) -> None:
    for number in numbers:
        fields, expected = dice.request(number)
        with noted(f"dice.request({number})"):
            asked = DECODER.decode(record(orjson.dumps(fields)))
            assert isinstance(asked, Request)
            posted = post(asked, tenant(), Values(), answered=frozenset(), now=0.0)
            assert isinstance(posted, Posted)
            assert list(posted.mail.recipients) == expected.envelope
            assert fit(posted.mail)
            assert_reads_as(posted.mail.content, fields, expected)
            blocks = [block for block, _ in stuffed(posted.mail.content)]
            wire = b"".join(blocks) + end_of(blocks[-1])
            assert wire.find(b"\r\n.\r\n") == len(wire) - 5


def assert_reads_as(content: bytes, fields: dict[str, Any], expected: dice.Expected) -> None:
    text, html = whole_lines(fields.get("text")), whole_lines(fields.get("html"))
    for read in (by_stdlib(content), by_mailparse(content)):
        custom = {name: value for name, (value,) in read.custom.items() if name in expected.headers}
        told = (read.sender[1], read.to, read.cc, read.reply_to, read.subject, custom)
        assert told == (
            "no-reply@acme.example",
            expected.to,
            expected.cc,
            expected.reply_to,
            expected.subject,
            expected.headers,
        )
        assert (unmarked(read.text), unmarked(read.html)) == (unmarked(text), unmarked(html))
    names = re.findall(rb"(?m)^([!-9;-~]+):", content.partition(b"\r\n\r\n")[0])
    assert {name.decode() for name in names} - {*expected.headers} <= OWN, "a header that nobody asked for"


def unmarked(text: str | None) -> str | None:
    """Without those U+FEFF at its start of which mailparse takes one for a mark of the byte order."""
    return text and text.lstrip("\ufeff")


@contextmanager
def noted(throw: str) -> Iterator[None]:
    """Says which throw it was that failed."""
    try:
        yield
    except Exception as failed:
        failed.add_note(throw)
        raise


def test_mutilated_events_have_a_named_ending_in_all_three_envelopes() -> None:
    assert_mutilated_have_endings(range(700))


def test_mails_are_what_was_asked_for_by_two_parsers() -> None:
    assert_mails_are_what_was_asked_for(range(250))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_100_000_mutilated_events_have_a_named_ending() -> None:
    assert_mutilated_have_endings(range(100_000))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_100_000_mails_are_what_was_asked_for() -> None:
    assert_mails_are_what_was_asked_for(range(100_000))


LONG = "x" * 1_000_000
HOSTILE: dict[str, bytes] = {
    "a long address": orjson.dumps(body(to=[LONG + "@" + LONG])),
    "an address of many labels": orjson.dumps(body(to=["a@" + "a." * 500_000 + "a"])),
    "an address of many atoms": orjson.dumps(body(to=["a." * 500_000 + "@b"])),
    "a long subject": orjson.dumps(body(subject=LONG)),
    "a long name of a field": orjson.dumps(body() | {LONG: 1}),
    "many fields": orjson.dumps(body() | {f"f{number}": 1 for number in range(100_000)}),
    "many recipients": orjson.dumps(body(to=["a@b"] * 200_000)),
    "many wrong recipients": orjson.dumps(body(to=["a"] * 200_000)),
    "a header of blanks": orjson.dumps(body(headers={"X-A": " " * 998})),
    "a media type of blanks": orjson.dumps(
        body(attachments=[{"url": "https://a/b", "contentType": "a/b" + " " * 252}])
    ),
    "a list of URIs that never ends": orjson.dumps(body(headers={"List-Unsubscribe": "<a:b>, " * 140 + "<"})),
    "a body of one line": orjson.dumps(body(text="x" * 9_000_000)),
    "a body of blanks": orjson.dumps(body(text=" " * 9_000_000)),
    "a body of line ends": orjson.dumps(body(text="\r\n" * 2_000_000)),
    "a body that is all escapes": orjson.dumps(body(html="é" * 4_000_000)),
    "equal keys": b"{" + b'"to":["a@b"],' * 100_000 + b'"text":"x"}',
    "a number of a million digits": b'{"to":["a@b"],"text":"x","hLimit":' + b"1" * 1_000_000 + b"}",
    "brackets": b"[" * 1_000_000,
    "nested objects": b'{"to":' * 100_000,
    "blanks": b" " * 9_000_000,
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_values_have_an_ending_before_long(value: bytes) -> None:
    began = time.process_time()
    assert_has_an_ending(value, PLAIN_HEADERS)
    assert time.process_time() - began < 3, "the loop would stand still for as long"
