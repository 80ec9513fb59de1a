"""Addresses as a relay can take them, and tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.address import is_token, needs_smtputf8, parse_address
from consumer.core.mail import Address


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann.O'Hara+tag@Example.COM", "Ann.O'Hara+tag@Example.COM"),
        ("ann@localhost", "ann@localhost"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("änne@bücher.example", "änne@xn--bcher-kva.example"),
    ],
)
def test_a_domain_becomes_a_labels_and_the_local_part_stays(text: str, wire: str) -> None:
    assert parse_address(text) == wire


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("ann", id="no-domain"),
        pytest.param("@example.com", id="no-local-part"),
        pytest.param("ann@", id="empty-domain"),
        pytest.param("ann@@example.com", id="two-at"),
        pytest.param("a,b@example.com", id="comma"),
        pytest.param('"a@b,c"@example.com', id="quoted"),
        pytest.param("Ann <ann@example.com>", id="display-name"),
        pytest.param("ann@example.com\r\nBcc: x@y.z", id="line-break"),
        pytest.param("ann@[127.0.0.1]", id="domain-literal"),
        pytest.param("ann..o@example.com", id="two-dots"),
        pytest.param(".ann@example.com", id="leading-dot"),
        pytest.param("ann@example..com", id="empty-label"),
        pytest.param("ann@-example.com", id="hyphen-first"),
        pytest.param("ann@ex_ample.com", id="underscore"),
        pytest.param("ann@xn--zz--", id="no-a-label"),
        pytest.param("ann@☃-.example", id="no-u-label"),
        pytest.param("a" * 65 + "@example.com", id="local-part-too-long"),
        pytest.param("ä" * 33 + "@example.com", id="local-part-too-long-in-octets"),
        pytest.param("ann@" + "a" * 64 + ".com", id="label-too-long"),
        pytest.param("ann@" + "ü" * 63 + ".com", id="label-too-long-as-a-label"),
        pytest.param("ann@" + ".".join(["a" * 60] * 5), id="too-long"),
        pytest.param("NS-EU-1-A", id="token"),
    ],
)
def test_what_no_relay_could_be_told_is_no_address(text: str) -> None:
    assert parse_address(text) is None


@given(st.text(max_size=80) | st.from_regex(r"[^@]{1,20}@[^@]{1,20}", fullmatch=True))
def test_an_address_never_brings_a_blank_or_a_bracket_to_the_wire(text: str) -> None:
    address = parse_address(text)
    assert address is None or not set(address) & set(' \t\r\n<>,;"\0')


def test_only_a_local_part_beyond_ascii_needs_smtputf8() -> None:
    assert needs_smtputf8(Address("änne@example.com"))
    assert not needs_smtputf8(Address("ann@xn--bcher-kva.example"))


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("NS-EU-1A-Z9", True),
        ("NS-EU-1A-Z9 ", False),
        ("NS-EU-1a-Z9", False),
        ("to NS-EU-1-2", False),
        ("NS-EU-1", False),
    ],
)
def test_a_token_is_the_whole_text(text: str, *, token: bool) -> None:
    assert is_token(text) is token
