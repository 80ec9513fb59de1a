"""Each rule of the two documents that this service was asked for by, one by one. docs/seeds.md lists them."""

from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from consumer.adapters.schemas import requests
from consumer.core.decode import Decoder, Refused
from consumer.core.letter import Posted, post, relay_of
from consumer.core.partition import limits_of
from consumer.core.request import Request
from consumer.core.resolve import Values
from consumer.core.tenant import Limit, Relay, Scheme
from tests.builders import body, record, tenant

DECODER = Decoder(requests())
TOKEN = "NS-EU-1A2B-3C4D"
SERVER = {"server": "smtp.example.com"}


def asked(**fields: object) -> Request:
    request = DECODER.decode(record(body(**fields)))
    assert isinstance(request, Request), request
    return request


def refusal(**fields: object) -> str:
    refused = DECODER.decode(record(body(**fields)))
    assert isinstance(refused, Refused)
    (error,) = refused.outcome.errors
    return error


def mailed(**fields: object) -> Posted:
    posted = post(asked(**fields), tenant(), Values(), answered=frozenset(), now=0.0)
    assert isinstance(posted, Posted)
    return posted


def header(posted: Posted, name: str) -> str:
    return str(message_from_bytes(posted.mail.content, policy=default)[name])


def test_only_a_recipient_and_a_body_have_to_be_there() -> None:
    assert (
        header(mailed(subject=None, text=None, message="World", to=None, recipient="ann@example.com"), "Subject") == ""
    )


def test_a_message_may_have_several_lines_but_not_none() -> None:
    assert b"\r\n\r\na\r\nb\r\n" in mailed(text=None, message="a\nb").mail.content
    assert refusal(text=None, message="") == "/message: expected at least 1 characters"


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": TOKEN},
        {"to": None, "recipient": TOKEN},
        {"text": None, "message": TOKEN},
        {"attachments": [TOKEN]},
        {"to": [TOKEN], "cc": [TOKEN], "bcc": [TOKEN]},
        {"text": None, "html": TOKEN},
    ],
    ids=", ".join,
)
def test_a_token_may_stand_wherever_the_first_seed_takes_one(fields: dict[str, Any]) -> None:
    asked(**fields)


def test_attachments_are_urls_and_may_be_none() -> None:
    assert asked(attachments=[]).email.attachments == ()
    assert asked(attachments=["https://files.example/a.pdf"]).email.attachments[0].url == "https://files.example/a.pdf"


@pytest.mark.parametrize("port", [1, 65_535, "25", "00025"])
def test_a_port_is_a_whole_number_or_digits(port: object) -> None:
    relay = relay_of(asked(connection={**SERVER, "port": port}), tenant())
    assert relay.port == int(str(port))


@pytest.mark.parametrize("port", [0, 65_536, 99_999, "99999", "x"])
def test_a_port_beyond_65535_is_refused_though_the_seed_allows_99999(port: object) -> None:
    assert refusal(connection={**SERVER, "port": port}).startswith("/connection/port: expected ")


@pytest.mark.parametrize(
    ("given", "scheme", "port"),
    [
        ({}, Scheme.SMTP, 587),
        ({"scheme": ""}, Scheme.SMTP, 587),
        ({"scheme": "smtp"}, Scheme.SMTP, 587),
        ({"scheme": "smtps"}, Scheme.SMTPS, 465),
    ],
)
def test_a_scheme_that_is_not_said_or_empty_is_starttls(given: dict[str, str], scheme: Scheme, port: int) -> None:
    relay = relay_of(asked(connection=SERVER | given), tenant())
    assert (relay.scheme, relay.port) == (scheme, port)


@pytest.mark.parametrize("user", ["a b", "a\tb", "a\nb", "a\rb", "a\fb"])
def test_a_user_has_no_blanks(user: str) -> None:
    assert refusal(connection={**SERVER, "user": user}) == "/connection/user: expected a user name without whitespace"


@pytest.mark.parametrize("password", ["a\tb", "a\rb", "a\nb", "a\fb"])
def test_a_password_has_blanks_but_no_tabs_or_line_ends(password: str) -> None:
    assert (
        relay_of(asked(connection={**SERVER, "user": "me", "password": "my secret"}), tenant()).password == "my secret"
    )
    rule = "/connection/password: expected a password without tabs and line breaks"
    assert refusal(connection={**SERVER, "password": password}) == rule


def test_from_comes_only_with_a_server_and_otherwise_the_mail_is_from_no_reply_at_the_domain() -> None:
    assert mailed(**{"from": "me@myemail.com", "connection": SERVER}).mail.sender == "me@myemail.com"
    assert refusal(**{"from": "me@myemail.com"}) == "/: expected `connection` together with `from`"
    assert mailed().mail.sender == "no-reply@acme.example"
    assert header(mailed(), "From") == "no-reply@acme.example"


def test_a_server_that_is_named_is_used_and_otherwise_the_tenants() -> None:
    assert relay_of(asked(connection=SERVER), tenant()).host == "smtp.example.com"
    assert relay_of(asked(), tenant()) == Relay("localhost", 2525)


def test_ten_an_hour_is_the_limit_unless_something_else_is_said_and_a_request_can_only_lower_it() -> None:
    hour = 3_600.0
    assert limits_of(asked(), tenant()) == (Limit(10, hour),)
    assert limits_of(asked(hLimit=3), tenant()) == (Limit(3, hour),)
    assert limits_of(asked(hLimit=300), tenant(h_limit=20)) == (Limit(20, hour),)


def test_to_and_cc_are_told_and_bcc_is_not() -> None:
    posted = mailed(to=["a@x.example"], cc=["b@x.example"], bcc=["c@x.example"])
    assert posted.mail.recipients == ("a@x.example", "b@x.example", "c@x.example")
    assert (header(posted, "To"), header(posted, "Cc")) == ("a@x.example", "b@x.example")
    assert b"c@x.example" not in posted.mail.content


def test_text_and_html_are_alternatives_and_each_may_stand_alone() -> None:
    kinds = {
        "multipart/alternative": {"text": "World", "html": "<b>World</b>"},
        "text/plain": {"text": "World"},
        "text/html": {"text": None, "html": "<b>World</b>"},
    }
    for kind, fields in kinds.items():
        message = message_from_bytes(mailed(**fields).mail.content, policy=default)
        assert message.get_content_type() == kind


def test_a_subject_may_be_longer_than_recommended_and_is_folded() -> None:
    subject = "word " * 60 + "end"
    posted = mailed(subject=subject)
    assert header(posted, "Subject") == subject
    assert max(map(len, posted.mail.content.split(b"\r\n"))) <= 78
