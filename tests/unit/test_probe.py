"""What a relay said, told without what it was told."""

from base64 import b64encode

import pytest

from consumer.core.attempt import NotSent, Stage
from consumer.core.probe import discreet_reply, place, without_token
from consumer.core.reply import Reply
from consumer.core.tenant import MicrosoftAccount, Relay

RELAY = Relay("relay", 587, user="mailer@acme.example", password="c4n4ry")


def told(text: str, *, own_user: bool = False, relay: Relay = RELAY) -> str:
    reply = discreet_reply(Reply(535, text, "5.7.8"), relay, own_user=own_user)
    assert reply is not None
    return reply.text


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "c4n4ry",
        "C4N4RY",
        encoded("c4n4ry"),
        encoded("c4n4ry").rstrip("="),
        encoded("\0mailer@acme.example\0c4n4ry"),
        "mailer@acme.example",
        encoded("mailer@acme.example"),
    ],
)
def test_a_reply_tells_neither_password_nor_stored_user(text: str) -> None:
    assert told(f"failed: <{text}>, again") == "failed: <***>, again"


def test_a_reply_tells_no_clients_secret() -> None:
    account = MicrosoftAccount("acme.example", "the-client", "c4n4ry")
    relay = Relay("relay", 587, user="mailer@acme.example", microsoft=account)
    assert told(f"c4n4ry, {encoded('c4n4ry')}", relay=relay) == "***, ***"


@pytest.mark.parametrize("text", ["t0ken", encoded("t0ken"), encoded("user=me\1auth=Bearer t0ken\1\1")])
def test_a_relays_words_are_had_without_the_token(text: str) -> None:
    assert without_token(f"failed: {text}", "me", "t0ken") == "failed: ***"


def test_a_user_that_the_request_named_is_told() -> None:
    assert told("no mailer@acme.example with c4n4ry", own_user=True) == "no mailer@acme.example with ***"


def test_a_short_password_is_masked_as_a_word_and_leaves_the_others_alone() -> None:
    assert told("a bad day: a", relay=Relay("relay", 587, user="me", password="a")) == "*** bad day: ***"


def test_without_a_login_nothing_is_masked() -> None:
    assert told("as it was", relay=Relay("relay", 587)) == "as it was"
    assert discreet_reply(None, RELAY, own_user=False) is None


@pytest.mark.parametrize(
    ("ended", "name"),
    [
        (NotSent(Stage.CONNECT, "dns"), "dns"),
        (NotSent(Stage.CONNECT, "unreachable"), "tcp"),
        (NotSent(Stage.CONNECT, "not-allowed"), "tcp"),
        (NotSent(Stage.CONNECT, "plaintext-not-allowed"), "tls"),
        (NotSent(Stage.GREETING, "timeout"), "greeting"),
        (NotSent(Stage.TLS, "certificate"), "tls"),
        (NotSent(Stage.AUTH, "refused"), "auth"),
        (NotSent(Stage.RCPT, "refused"), "rcpt"),
    ],
)
def test_each_place_where_it_can_end_has_its_name(ended: NotSent, name: str) -> None:
    assert place(ended) == name
