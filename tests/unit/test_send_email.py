"""What keeps the published schema is read into types, and nothing of it is lost or made up."""

from datetime import datetime
from typing import Any

import jsonschema_rs
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from consumer.adapters.schemas import load
from consumer.core import wire
from consumer.core.send_email import SendEmail, read_email
from consumer.core.tenant import Scheme
from tests import dice
from tests.builders import body, email

SCHEMA = load("send-email.v1")
VALIDATOR = jsonschema_rs.validator_for(SCHEMA, validate_formats=True)

SEED_1 = {"subject": "string", "recipient": "string", "message": "string", "attachments": []}
SEED_2 = {
    "from": "me@myemail.com",
    "to": ["destination1@email.com", "destination2@email.com"],
    "subject": "Hello",
    "text": "World",
    "html": "<p><b>World</b></p>",
    "connection": {"server": "smtp.myemail.com", "port": 1234, "user": "me", "password": "mysecret"},
}

EDGE = (
    "aZ0-_.@:/\\ \t\r\n\x00\x0b\x0c\x1f\x7f\x80\x85\xa0\xad\"'<>(),;[]{}^`|%é漢😀\u2028\u2029\u200b\ufeff\uff0c\uff20"
)
odd_text = st.text(EDGE, max_size=12)
scalars = (
    st.none() | st.booleans() | st.integers(-2, 70_000) | st.floats(allow_nan=False, allow_infinity=False) | odd_text
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_text, inner, max_size=3)
)


def like(*examples: object) -> st.SearchStrategy[Any]:
    """Something near the examples: one of them, one with an odd piece in it, or anything at all."""
    texts = [text for text in examples if isinstance(text, str)]
    spliced = st.builds(
        lambda text, at, odd: text[: at % (len(text) + 1)] + odd + text[at % (len(text) + 1) :],
        st.sampled_from(texts or [""]),
        st.integers(0, 300),
        odd_text,
    )
    return st.one_of(st.sampled_from(examples), st.sampled_from(examples), spliced, anything)


def field(strategy: st.SearchStrategy[Any], names: list[str]) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(st.sampled_from(names), strategy)


ADDRESSES = (
    "ann@example.com",
    "änne@bücher.example",
    "a" * 64 + "@b.c",
    "a" * 65 + "@b.c",
    "x@" + "b" * 63,
    "x@" + "b" * 64,
    "NS-EU-1A-2B",
    "NS-EU-" + "1" * 246 + "-A",
    "NS-EU-" + "1" * 247 + "-A",
    "a@" + ".".join(["b" * 50] * 5),
)
address = like(*ADDRESSES)
addresses = st.lists(address, max_size=3) | anything
url = like("https://files.example/a?b=c", "HTTP://x/%20", "ftp://x", "NS-EU-1-A", "https://")
attachment = url | st.fixed_dictionaries(
    {},
    optional={
        "url": url,
        "filename": like("a b.pdf", "ä.txt", "x" * 255, "x" * 256),
        "contentType": like("application/pdf", "text/calendar; method=REQUEST", "text"),
        "cid": like("logo@acme", ""),
        "sha256": like("0" * 64, "A" * 64, "0" * 63),
        "odd": anything,
    },
)
headers = st.dictionaries(
    like("X-Campaign", "List-Unsubscribe", "bcc", "CONTENT-type", "Resent-x", "X-From", "x" * 76, "x" * 77).map(str),
    like("value", "ä", "", "x" * 998, "x" * 999),
    max_size=2,
) | anything  # fmt: skip
connection = st.fixed_dictionaries(
    {},
    optional={
        "server": like("smtp.example.com", "10.0.0.1", "::1", "::ffff:10.0.0.1", "a_b", "x" * 63 + ".y", "x" * 64),
        "port": like(25, 587.0, 0, 65535, 65536, 70000, "25", "0025", "65535", "65536", "99999", "000000001", "0"),
        "user": like("me@example.com", "", "a b", "x" * 320),
        "password": like("se cret", "", "a\tb"),
        "scheme": like("smtp", "smtps", "", "plain"),
        "odd": anything,
    },
)
times = like(
    "2026-11-21T10:00:00Z",
    "2026-02-29T10:00:00Z",
    "2024-02-29T23:59:59.123456789+05:30",
    "2026-11-21T10:00:00",
    "2026-11-21T24:00:00Z",
    "0999-11-21T10:00:00Z",
    "2026-04-31T10:00:00-23:59",
    "2026-11-21T10:00:60Z",
)
fields = st.one_of(
    field(addresses, ["to", "cc", "bcc", "replyTo"]),
    field(address, ["recipient", "from"]),
    field(like("ann", "a.b", "x" * 64, "x" * 65), ["recipient"]),
    field(like("Hello", "", "NS-EU-1-A", "x" * 998, "x" * 999), ["subject"]),
    field(like("World", "a\r\nb", ""), ["text", "message", "html"]),
    field(st.lists(attachment, max_size=2) | anything, ["attachments"]),
    field(headers, ["headers"]),
    field(connection | anything, ["connection"]),
    field(like(1, 10.0, 10.5, 0, 10**9, 10**9 + 1, 1e300), ["hLimit"]),
    field(like("report", "resend", "RESEND"), ["onUnknown"]),
    field(like("high", "normal", "low", "urgent"), ["priority"]),
    field(times, ["sendAt"]),
    field(anything, ["h_limit", "sender", "reply_to", "send_at", "subjct"]),
)
requests = st.builds(
    lambda start, more: start | dict(more), st.sampled_from([SEED_1, SEED_2]), st.lists(fields, max_size=2)
)


def as_written(mail: SendEmail) -> dict[str, Any]:
    """The mail on the wire again, in the words of the second seed and without defaults."""
    connection = mail.connection
    written: dict[str, Any] = {
        "to": list(mail.to),
        "cc": list(mail.cc),
        "bcc": list(mail.bcc),
        "from": mail.sender,
        "replyTo": list(mail.reply_to),
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "attachments": [
            those_given(
                url=one.url, filename=one.filename, contentType=one.content_type, cid=one.cid, sha256=one.sha256
            )
            for one in mail.attachments
        ],
        "headers": dict(mail.headers),
        "priority": mail.priority,
        "connection": connection
        and those_given(
            server=connection.server,
            port=connection.port,
            user=connection.user,
            password=connection.password,
            scheme=connection.scheme.value,
        ),
        "hLimit": mail.h_limit,
        "onUnknown": mail.on_unknown,
        "sendAt": mail.send_at,
    }
    return {name: value for name, value in written.items() if value not in (None, [], {}, "")}


def those_given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def in_one_vocabulary(data: dict[str, Any]) -> dict[str, Any]:
    """What `as_written` has to come to."""
    wanted: dict[str, Any] = {"priority": "normal"} | data
    if "recipient" in wanted:
        wanted["to"] = [wanted.pop("recipient")]
    if "message" in wanted:
        wanted["text"] = wanted.pop("message")
    wanted["attachments"] = [{"url": one} if isinstance(one, str) else one for one in wanted.get("attachments", ())]
    if "sendAt" in wanted:
        wanted["sendAt"] = datetime.fromisoformat(wanted["sendAt"]).timestamp()
    if "connection" in wanted:
        connection = wanted["connection"]
        port = {"port": int(connection["port"])} if "port" in connection else {}
        wanted["connection"] = connection | port | {"scheme": connection.get("scheme") or "smtp"}
    return {name: value for name, value in wanted.items() if value not in (None, [], {}, "")}


def assert_read_as_written(data: dict[str, Any]) -> None:
    mail = read_email(data)
    assert as_written(mail) == in_one_vocabulary(data)
    assert isinstance(mail.h_limit, int | None)
    assert mail.connection is None or isinstance(mail.connection.port, int | None)


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests)
@example({**SEED_2, "to": ["a@b"] * 1001})
@example({**SEED_2, "to": ["a@b"] * 1000})
@example({**SEED_2, "replyTo": ["a@b"] * 21})
@example({**SEED_2, "attachments": ["http://a"] * 51})
@example({**SEED_2, "headers": {f"x-{n}": "y" for n in range(51)}})
@example({**SEED_2, "text": "x" * 10_485_761})
def test_a_request_that_keeps_the_schema_is_read_as_it_was_written(data: object) -> None:
    wire_form = orjson.loads(orjson.dumps(data))
    if VALIDATOR.is_valid(wire_form):
        assert_read_as_written(wire_form)


def test_sound_requests_are_read_as_they_were_written() -> None:
    for number in range(500):
        wire_form, _ = dice.request(number)
        assert VALIDATOR.is_valid(wire_form)
        assert_read_as_written(wire_form)


DEFINITIONS = SCHEMA["definitions"]
DESCRIBED, CONNECTION = DEFINITIONS["attachment"]["properties"], DEFINITIONS["connection"]["properties"]
PLACES = {
    "address": (DEFINITIONS["address"]["pattern"], lambda text: body(to=[text])),
    "subject": (DEFINITIONS["subject"]["pattern"], lambda text: body(subject=text)),
    "url": (DEFINITIONS["url"]["pattern"], lambda text: body(attachments=[text])),
    "header-name": (DEFINITIONS["headers"]["propertyNames"]["pattern"], lambda text: body(headers={text: "x"})),
    "header-value": (DEFINITIONS["headerValue"]["pattern"], lambda text: body(headers={"X-A": text})),
    "time": (DEFINITIONS["timestamp"]["pattern"], lambda text: body(sendAt=text)),
    "port": (DEFINITIONS["port"]["pattern"], lambda text: body(connection={"server": "a", "port": text})),
    "server": (CONNECTION["server"]["pattern"], lambda text: body(connection={"server": text})),
    "user": (CONNECTION["user"]["pattern"], lambda text: body(connection={"server": "a", "user": text})),
    "password": (CONNECTION["password"]["pattern"], lambda text: body(connection={"server": "a", "password": text})),
    "media-type": (DESCRIBED["contentType"]["pattern"], lambda text: described(contentType=text)),
    "filename": (DESCRIBED["filename"]["pattern"], lambda text: described(filename=text)),
    "cid": (DESCRIBED["cid"]["pattern"], lambda text: described(cid=text)),
    "sha256": (DESCRIBED["sha256"]["pattern"], lambda text: described(sha256=text)),
}


def described(**more: str) -> dict[str, Any]:
    return body(attachments=[{"url": "https://a/b"} | more])


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(data=st.data())
def test_whatever_text_the_schema_describes_is_read_as_it_was_written(place: str, data: st.DataObject) -> None:
    pattern, request = PLACES[place]
    wire_form = request(data.draw(st.from_regex(pattern)))
    if VALIDATOR.is_valid(wire_form):
        assert_read_as_written(wire_form)


@pytest.mark.parametrize("word", [*sorted(wire.OWN_HEADERS), *(prefix + "x" for prefix in wire.OWN_HEADER_PREFIXES)])
def test_a_header_that_the_mail_sets_itself_is_refused_in_any_case_of_letters(word: str) -> None:
    for written in (word, word.upper(), word.title(), word.swapcase()):
        data = body(headers={written: "x"})
        assert not VALIDATOR.is_valid(data)


def test_the_first_seeds_sample_is_taken_as_it_stands_and_its_words_are_short_for_the_others() -> None:
    mail = read_email(SEED_1)
    assert (mail.to, mail.text, mail.subject) == (("string",), "string", "string")


def test_the_second_seeds_sample_is_taken_as_it_stands() -> None:
    mail = read_email(SEED_2)
    assert mail.connection is not None
    assert (mail.sender, mail.connection.port, mail.connection.scheme) == ("me@myemail.com", 1234, Scheme.SMTP)
    assert mail.to == ("destination1@email.com", "destination2@email.com")


def test_everybody_gets_the_mail_once_in_the_order_written() -> None:
    mail = email(
        to=["ann@Example.com", "NS-EU-1-A"], cc=["ann@example.COM", "Ann@example.com"], bcc=["NS-EU-1-A", "bo@b.c"]
    )
    assert mail.recipients == ("ann@Example.com", "NS-EU-1-A", "Ann@example.com", "bo@b.c")


def test_an_attachment_is_the_same_as_text_and_as_an_object() -> None:
    assert email(attachments=["https://a/b"]).attachments == email(attachments=[{"url": "https://a/b"}]).attachments


def test_a_time_becomes_seconds_since_the_epoch() -> None:
    assert email(sendAt="1970-01-02T01:00:00.5+01:00").send_at == 86_400.5


def test_no_text_form_of_a_mail_tells_its_content() -> None:
    mail = email(
        to=["canary@example.com"],
        subject="canary",
        text="canary",
        attachments=["https://canary/x"],
        headers={"X-A": "canary"},
        connection={"server": "canary.example", "user": "canary", "password": "canary"},
    )
    told = (repr(mail), str(mail), f"{mail}", repr(mail.connection), str(mail.connection), repr(mail.attachments))
    assert not any("canary" in text for text in told)
