"""Tokens found, values put in their place, and values masked in whatever a relay says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.attempt import Answered, Attempt, InDoubt, Lapsed, NotSent, Stage
from consumer.core.reply import Reply
from consumer.core.resolve import Mask, Values, discreet, resolved, tokens, unresolved
from consumer.core.send_email import SendEmail, read_email

ANN, BOB, TEXT, URL = "NS-EU-A-1", "NS-EU-B-1", "NS-EU-T-1", "NS-EU-U-1"
VALUES = Values({ANN: "Ann.Smith@Example.com", BOB: "bob@bücher.example", TEXT: "Hello\nWorld", URL: "https://h/x"})
MASK = Mask(VALUES)


def email(**fields: object) -> SendEmail:
    given: dict[str, Any] = {"to": ["eve@example.com"], "text": "World"} | fields
    return read_email({name: value for name, value in given.items() if value is not None})


EVERYWHERE = {
    "to": [ANN, "eve@example.com"],
    "cc": ["NS-EU-C-1"],
    "bcc": ["NS-EU-C-2"],
    "from": "NS-EU-F-1",
    "replyTo": ["NS-EU-R-1"],
    "subject": "NS-EU-S-1",
    "text": TEXT,
    "html": "NS-EU-H-1",
    "attachments": [URL, {"url": "NS-EU-U-2", "filename": "NS-EU-N-1"}],
    "connection": {"server": "smtp.example.com", "user": "NS-EU-N-2", "password": "NS-EU-N-3"},
    "headers": {"X-Kind": "NS-EU-N-4"},
}


def test_tokens_are_found_wherever_a_person_can_hide_and_nowhere_else() -> None:
    names = ("A-1", "C-1", "C-2", "R-1", "F-1", "S-1", "T-1", "H-1", "U-1", "U-2")
    assert tokens(email(**EVERYWHERE)) == tuple(f"NS-EU-{name}" for name in names)


def test_the_short_forms_hold_tokens_too() -> None:
    assert tokens(email(to=None, text=None, recipient=ANN, message=TEXT)) == (ANN, TEXT)


def test_a_token_that_stands_there_twice_is_asked_for_once() -> None:
    assert tokens(email(to=[ANN], cc=[ANN], subject=ANN)) == (ANN,)


@pytest.mark.parametrize("text", ["NS-EU-A-1 and more", "ns-eu-a-1", "NS-EU-A", "NS-EU--1", "", " NS-EU-A-1"])
def test_only_a_whole_text_is_a_token(text: str) -> None:
    assert tokens(email(subject=text)) == ()


def test_each_token_gives_way_to_its_value() -> None:
    values = Values({token: f"{token.lower()}@example.com" for token in tokens(email(**EVERYWHERE))})
    email_ = resolved(email(**EVERYWHERE), values).email
    assert tokens(email_) == ()
    assert email_.to == ("ns-eu-a-1@example.com", "eve@example.com")
    assert email_.sender == "ns-eu-f-1@example.com"
    assert [one.url for one in email_.attachments] == ["ns-eu-u-1@example.com", "ns-eu-u-2@example.com"]
    assert email_.attachments[1].filename == "NS-EU-N-1"
    assert email_.connection == email(**EVERYWHERE).connection


def test_the_short_forms_are_resolved_too() -> None:
    found = resolved(email(to=None, text=None, recipient=ANN, message=TEXT), VALUES)
    assert (found.email.to, found.email.text) == (("Ann.Smith@Example.com",), "Hello\nWorld")


def test_the_request_itself_keeps_its_tokens() -> None:
    asked = email(to=[ANN])
    resolved(asked, VALUES)
    assert asked.to == (ANN,)


def test_a_recipient_keeps_its_index_though_two_tokens_are_one_person() -> None:
    values = Values({ANN: "ann@example.com", BOB: "ann@example.com"})
    found = resolved(email(to=[ANN, BOB, "eve@example.com"]), values)
    assert found.recipients == ("ann@example.com", "ann@example.com", "eve@example.com")


def test_a_value_is_not_looked_up_again() -> None:
    assert resolved(email(to=[ANN]), Values({ANN: BOB, BOB: "bob@example.com"})).recipients == (BOB,)


def test_what_cannot_be_resolved_is_told_by_its_place() -> None:
    asked = email(to=["eve@example.com", "NS-EU-X-1"], subject="NS-EU-X-2", attachments=["NS-EU-X-1"])
    assert unresolved(asked, VALUES) == (
        "/to/1: the token is not known",
        "/subject: the token is not known",
        "/attachments/0/url: the token is not known",
    )


@pytest.mark.parametrize("value", ["", "c4n4ry", "ann@", "a@b, c@d", "ann@example.com\r\nBcc: eve@example.com", BOB])
def test_a_value_that_is_no_address_cannot_stand_for_one(value: str) -> None:
    (error,) = unresolved(email(to=[ANN]), Values({ANN: value}))
    assert error == "/to/0: what the token stands for is no address that mail can be sent to"


def test_what_is_resolved_has_nothing_to_tell() -> None:
    assert unresolved(email(to=[ANN, BOB], text=TEXT, attachments=[URL]), VALUES) == ()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("<Ann.Smith@Example.com>: no such user", f"<{ANN}>: no such user"),
        ("<ann.smith@example.COM>: no such user", f"<{ANN}>: no such user"),
        ("Ann.Smith@Example.com... User unknown", f"{ANN}... User unknown"),
        ("mailbox ann.smith is full", f"mailbox {ANN} is full"),
        ("<ann.smith@relay.internal> is not here", f"<{ANN}@relay.internal> is not here"),
        ("rfc822;ann.smith+40example.com", f"rfc822;{ANN}"),
        ("bounces+ann.smith=example.com@list.example", f"bounces+{ANN}@list.example"),
        ("see https://h.example/?r=ann.smith%40example.com", f"see https://h.example/?r={ANN}"),
        ("<bob@xn--bcher-kva.example> unknown", f"<{BOB}> unknown"),
        ("<bob@bücher.example> unknown", f"<{BOB}> unknown"),
        ("bob, ann.smith@example.com and BOB", f"{BOB}, {ANN} and {BOB}"),
        ("fetch https://h/x first", f"fetch {URL} first"),
        ("Ann.Smith@Example.comRejected", f"{ANN}Rejected"),
        ("bobsled and kebob are not he", "bobsled and kebob are not he"),
        ("Ok: queued as 4F1C", "Ok: queued as 4F1C"),
        ("", ""),
    ],
)
def test_a_relay_that_echoes_a_value_is_told_with_its_token(said: str, told: str) -> None:
    assert MASK.text(said) == told


def test_a_plus_in_a_local_part_is_masked_in_each_spelling() -> None:
    mask = Mask(Values({ANN: "ann+news@example.com"}))
    for spelled in ("ann+news@example.com", "ann+2Bnews+40example.com", "ann+news=example.com", "ann+news"):
        assert mask.text(f"<{spelled}> unknown") == f"<{ANN}> unknown"


def test_the_longer_value_counts_where_one_stands_in_another() -> None:
    mask = Mask(Values({ANN: "ann@example.com", BOB: "ann@example.com.invalid"}))
    assert mask.text("<ann@example.com.invalid>") == f"<{BOB}>"


def test_a_token_is_not_masked_for_a_part_of_it() -> None:
    mask = Mask(Values({"NS-EU-ANN-1": "bob@example.com", "NS-EU-X-1": "ann@example.com"}))
    assert mask.text("<bob@example.com>") == "<NS-EU-ANN-1>"


def test_what_is_very_short_stands_in_any_text_by_chance() -> None:
    assert Mask(Values({ANN: "a", BOB: "", TEXT: "it@example.com"})).text("a text, it seems") == "a text, it seems"


def test_nothing_of_a_value_is_in_a_repr() -> None:
    found = resolved(email(to=[ANN]), VALUES)
    for shown in map(repr, (VALUES, MASK, found)):
        assert "smith" not in shown.lower()


REPLY = Reply(550, "<Ann.Smith@example.com> unknown", "5.1.1")
TOLD = Reply(550, f"<{ANN}> unknown", "5.1.1")


@pytest.mark.parametrize(
    ("attempt", "told"),
    [
        (Answered((REPLY, REPLY), REPLY, 1.0), Answered((TOLD, TOLD), TOLD, 1.0)),
        (Answered((REPLY,), None, 1.0), Answered((TOLD,), None, 1.0)),
        (NotSent(Stage.RCPT, "refused", REPLY), NotSent(Stage.RCPT, "refused", TOLD)),
        (NotSent(Stage.CONNECT, "dns"), NotSent(Stage.CONNECT, "dns")),
        (InDoubt("timeout", (REPLY,)), InDoubt("timeout", (TOLD,))),
        (Lapsed(), Lapsed()),
    ],
    ids=["answered", "no body", "not sent", "no reply", "in doubt", "lapsed"],
)
def test_every_reply_of_an_attempt_is_masked(attempt: Attempt, told: Attempt) -> None:
    assert discreet(attempt, VALUES) == told
    assert discreet(attempt, Values()) == attempt


@given(
    local=st.from_regex(r"[a-z]{3,8}(\.[a-z]{1,8})?", fullmatch=True),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
)
def test_no_address_is_left_in_a_text_whatever_stands_around_it(local: str, before: str, after: str) -> None:
    address = f"{local}@example.com"
    said = f"{before}<{address}>{after}"
    assert address not in Mask(Values({ANN: address})).text(said).lower()
