"""Signatures, judged by dkimpy, which shares no code with ours."""

from base64 import b64encode
from dataclasses import replace
from typing import cast

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.core.compose import Letter, compose
from consumer.core.dkim import PIECE, DkimKey, relaxed_body, relaxed_field, sign
from consumer.core.dkim_key import load_key, private
from consumer.core.mail import Address, Mail
from consumer.core.tenants import Faults, parse_tenants
from tests import dice
from tests.builders import tenant
from tests.unit.test_compose_properties import DATE, MESSAGE_ID, NASTY

NOW = 1_795_258_800.0
RSA_KEY, ED25519_KEY = generate_rsa(65537, 2048), Ed25519PrivateKey.generate()
RSA = DkimKey("shop.example", "r1", private(RSA_KEY))
ED25519 = DkimKey("shop.example", "e1", private(ED25519_KEY))
LETTER = Letter(
    from_name="The Shop",
    from_address=Address("no-reply@shop.example"),
    to=(Address("anna@example.com"),),
    cc=(),
    reply_to=(),
    subject="Ihre Bestellung ist unterwegs, und kommt am Montag an: Käse, Wurst und Brot",
    text="Hello  World \n\n\t.\n\n\n",
    html=None,
    headers=(
        ("List-Unsubscribe", "<https://shop.example/u/1>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ),
)


def pem(key: RSAPrivateKey | Ed25519PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def record(name: bytes, timeout: int = 0) -> bytes:
    """What DNS would answer."""
    if name == b"r1._domainkey.shop.example.":
        return public(RSA_KEY)
    assert name == b"e1._domainkey.shop.example."
    return b"v=DKIM1; k=ed25519; p=" + b64encode(ED25519_KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def public(key: RSAPrivateKey) -> bytes:
    """The record of a key."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + b64encode(der)


def verified(content: bytes, number: int = 0) -> bool:
    """Whether dkimpy takes the signature of this number for good."""
    try:
        return cast("bool", dkim.DKIM(content).verify(idx=number, dnsfunc=record))
    except dkim.ValidationError:
        return False


def made(letter: Letter) -> bytes:
    return compose(letter, message_id=MESSAGE_ID, date=DATE)


def signed(letter: Letter, *keys: DkimKey) -> bytes:
    mail = Mail(letter.from_address, letter.to, made(letter), MESSAGE_ID)
    return sign(mail, keys or (RSA,), NOW).content


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa-sha256", "ed25519-sha256"])
def test_a_signature_is_good(key: DkimKey) -> None:
    content = signed(LETTER, key)
    assert verified(content)
    assert content.endswith(made(LETTER))


def test_two_keys_make_two_signatures_that_are_both_good() -> None:
    content = signed(LETTER, RSA, ED25519)
    assert content.count(b"DKIM-Signature: ") == 2
    assert verified(content, 0)
    assert verified(content, 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_whatever_a_letter_holds_its_signature_is_good(number: int) -> None:
    letter = replace(dice.letter(number, NASTY), from_address=Address("a@shop.example"))
    assert verified(signed(letter, ED25519))


def test_a_mail_beyond_ascii_is_signed_as_it_stands() -> None:
    assert verified(signed(replace(LETTER, to=(Address("jörg@example.com"),))))


@pytest.mark.parametrize(
    "change",
    [
        (b"anna@", b"eve@"),
        (b"Hello  World", b"Hello Underworld"),
        (b"Date: Sat", b"Date: Sun"),
        (b"/u/1", b"/u/2"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=No"),
        (b"text/plain", b"text/html"),
        (b"From: ", b"From: eve@evil.example\r\nFrom: "),
        (b"Subject: ", b"Subject: You won\r\nSubject: "),
        (b"To: ", b"To: eve@evil.example\r\nTo: "),
        (b"Date: ", b"Cc: eve@evil.example\r\nDate: "),
    ],
    ids=lambda change: f"{change[0].decode()}->{change[1].decode()!r}"[:40],
)
def test_a_mail_that_was_changed_on_its_way_is_found_out(change: tuple[bytes, bytes]) -> None:
    content = signed(LETTER)
    assert change[0] in content
    assert not verified(content.replace(*change))


@pytest.mark.parametrize(
    "change",
    [
        (b"Subject: ", b"SUBJECT:\t "),
        (b"\r\n =?utf-8", b"\r\n\t\t=?utf-8"),
        (b"Hello  World ", b"Hello \t World\t\t"),
        (b"Message-ID: <", b"Message-ID: <of-the-relay-"),
    ],
    ids=["header", "folding", "blanks", "the relay's own Message-ID"],
)
def test_what_relays_do_to_mail_breaks_no_signature(change: tuple[bytes, bytes]) -> None:
    content = signed(LETTER)
    assert change[0] in content
    assert verified(b"Received: from here\r\n" + content.replace(*change) + b"\r\n\r\n")


def test_a_signature_header_has_short_lines() -> None:
    head, _, _ = signed(LETTER, RSA, ED25519).partition(b"From: ")
    assert max(map(len, head.split(b"\r\n"))) <= 78


@pytest.mark.parametrize("sender", ["a@evil.example", "a@notshop.example", "a@example"])
def test_mail_from_another_domain_is_not_signed(sender: str) -> None:
    letter = replace(LETTER, from_address=Address(sender))
    assert signed(letter) == made(letter)


def test_mail_from_below_the_domain_is_signed_for_the_domain() -> None:
    content = signed(replace(LETTER, from_address=Address("a@News.Shop.example")))
    assert b" d=shop.example;" in content
    assert verified(content)


def test_the_time_of_signing_and_the_selector_stand_in_the_signature() -> None:
    assert b" s=r1; t=1795258800;\r\n" in signed(LETTER)


@pytest.mark.parametrize(
    ("body", "canonical"),  # RFC 6376, 3.4.4 and 3.4.5
    [
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),
        (b"", b""),
        (b"\r\n\r\n", b""),
        (b" \t\r\n \r\n", b""),
        (b"a", b"a\r\n"),
        (b"a \t", b"a\r\n"),
        (b"\r\na\r\n", b"\r\na\r\n"),
    ],
)
def test_a_body_is_made_canonical(body: bytes, canonical: bytes) -> None:
    assert b"".join(relaxed_body(body)) == canonical


@pytest.mark.parametrize("border", range(PIECE - 4, PIECE + 3))
@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        (b" \r\n \r\n\t\r\nb", b"\r\n\r\n\r\nb\r\n"),
        (b" \t\r\n\r\n\r\n", b"\r\n"),
        (b" \t" * PIECE + b"\r\n.\r\n", b"\r\n.\r\n"),
        (b"\r\n" * PIECE + b"b", b"\r\n" * PIECE + b"b\r\n"),
        (b"\r\n" * PIECE, b"\r\n"),
    ],
)
def test_a_long_body_is_made_canonical_like_a_short_one(border: int, body: bytes, canonical: bytes) -> None:
    assert b"".join(relaxed_body(b"x" * border + body)) == b"x" * border + canonical


def test_a_long_body_is_made_canonical_in_short_pieces() -> None:
    pieces = list(relaxed_body(b"some words\r\n" * PIECE))
    assert max(map(len, pieces)) < PIECE + 20


def test_a_field_is_made_canonical() -> None:
    assert relaxed_field(b"SubJect", b" \t Y\t\r\n\tZ  \r\n ") == b"subject:Y Z"


def faults(said: object, **files: str) -> tuple[str, ...]:
    about = {"smtp_host": "h", "domain": "shop.example", "dkim": said}
    found = parse_tenants({"tenants": {"acme": about}}, secrets=files)
    return found.errors if isinstance(found, Faults) else ()


KEY = {"domain": "shop.example", "selector": "r1", "private_key": pem(RSA_KEY)}
FILE = {"domain": "shop.example", "selector": "r1", "private_key_file": "key"}
PEM_RULE = "a private key in PEM without a password: RSA of 1024 to 4096 bits, or Ed25519"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(KEY, id="a key"),
        pytest.param(KEY | {"private_key": pem(RSA_KEY, PrivateFormat.TraditionalOpenSSL)}, id="in the older form"),
        pytest.param([KEY, KEY | {"selector": "e1", "private_key": pem(ED25519_KEY)}], id="two keys"),
        pytest.param(FILE, id="in a file"),
        pytest.param(KEY | {"selector": "s2026.news_a.x-1"}, id="selector of several labels"),
    ],
)
def test_a_right_key_is_taken(said: object) -> None:
    assert faults(said, key=pem(RSA_KEY)) == ()


CURVE = generate_private_key(SECP256R1())
LOCKED = RSA_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()
SHORT = "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ("canary", "must have domain, selector and private_key or private_key_file, and nothing else"),
        ([], "must be a key or a list of 1 to 4 of them"),
        ([KEY] * 5, "must be a key or a list of 1 to 4 of them"),
        (KEY | {"canary": 1}, "must have domain, selector and private_key or private_key_file, and nothing else"),
        (KEY | {"domain": "canary shop"}, "domain must be a domain"),
        (KEY | {"selector": "canary canary"}, "selector must be a name as DNS has them (a number needs quotes)"),
        (KEY | {"selector": 2026}, "selector must be a name as DNS has them (a number needs quotes)"),
        (KEY | FILE, "must have one of private_key and private_key_file"),
        (KEY | {"private_key": "canary"}, f"private_key must be {PEM_RULE}"),
        (KEY | {"private_key": SHORT}, f"private_key must be {PEM_RULE}"),
        (KEY | {"private_key": LOCKED}, f"private_key must be {PEM_RULE}"),
        (KEY | {"private_key": 7}, f"private_key must be {PEM_RULE}"),
        (
            KEY | {"private_key": CURVE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()},
            f"private_key must be {PEM_RULE}",
        ),
        (FILE | {"private_key_file": ""}, "private_key_file must be the name of a file"),
        (FILE | {"private_key_file": "canary"}, "private_key_file must name a file that can be read"),
        (FILE | {"private_key_file": "broken"}, f"private_key_file must hold {PEM_RULE}"),
        ([KEY, KEY | {"private_key": "canary"}], f"(key 2) private_key must be {PEM_RULE}"),
        (KEY | {"domain": "canary.example"}, "domain must be that of the sender (from_address or domain), or one above it"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_refused_with_place_and_rule(said: object, rule: str) -> None:
    assert faults(said, key=pem(RSA_KEY), broken="canary") == (f"tenants.acme.dkim {rule}",)


def test_a_key_whose_parts_do_not_belong_together_is_none() -> None:
    der = bytearray(RSA_KEY.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    der[40] ^= 1  # in the modulus
    text = b64encode(der).decode()
    assert load_key(f"-----BEGIN RSA PRIVATE KEY-----\n{text}\n-----END RSA PRIVATE KEY-----\n") is None


def test_the_defaults_key_signs_for_no_tenant_with_a_sender_of_its_own() -> None:
    default = {"smtp_host": "h", "domain": "shop.example", "dkim": KEY}
    read = parse_tenants({"default": default, "tenants": {"a": {}, "b": {"domain": "other.example"}}})
    assert not isinstance(read, Faults)
    assert (len(read["a"].dkim), len(read["b"].dkim)) == (1, 0)


def test_no_text_form_of_a_tenant_tells_its_key() -> None:
    assert "PRIVATE" not in repr(tenant(dkim=(RSA,)))
    assert "Key object" not in repr(tenant(dkim=(RSA,)))
