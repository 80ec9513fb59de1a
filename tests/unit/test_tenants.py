"""The tenants document: what it may say, and what is said of a wrong one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.tenant import Limit, Mode, Relay, Scheme, Tenant
from consumer.core.tenants import Faults, Plain, parse_tenants

ACME = {"smtp_host": "smtp.acme.example", "domain": "acme.example"}


def one(fields: dict[str, Any], *, default: dict[str, Any] | None = None, plain: Plain = False) -> Tenant:
    document = {"default": default or {}, "tenants": {"acme": fields}}
    tenants = parse_tenants(document, plain=plain)
    assert not isinstance(tenants, Faults), tenants
    return tenants["acme"]


def faults(document: object) -> tuple[str, ...]:
    found = parse_tenants(document)
    assert isinstance(found, Faults)
    return found.errors


def fault(fields: dict[str, Any]) -> str:
    (line,) = faults({"tenants": {"acme": ACME | fields}})
    return line


def test_a_host_and_a_domain_are_enough() -> None:
    assert one(ACME) == Tenant("acme", Relay("smtp.acme.example", 587), domain="acme.example")


def test_everything_that_may_be_said_is_read() -> None:
    said = one(
        {
            "smtp_host": "Mail.example",
            "smtp_port": "465",
            "smtp_scheme": "smtps",
            "smtp_user": "me",
            "smtp_pass": "kept",
            "ca_file": "/etc/ca.pem",
            "max_connections": 3,
            "from_name": "Acme",
            "from_address": "hello@acme.example",
            "domain": "acme.example",
            "hLimit": 20,
            "limits": [{"count": 5, "per": "1m"}, {"count": 100, "per": 86400, "unit": "recipients"}],
            "over_limit": "reject",
            "on_unknown": "resend",
            "max_age": "2h",
            "mode": "redirect-to",
            "redirect_to": "qa@acme.example",
            "simulator": True,
        }
    )
    assert said == Tenant(
        "acme",
        Relay("mail.example", 465, Scheme.SMTPS, "me", "kept", "/etc/ca.pem", 3),
        domain="acme.example",
        from_name="Acme",
        from_address="hello@acme.example",
        h_limit=20,
        limits=(Limit(5, 60.0), Limit(100, 86400.0, "recipients")),
        over_limit="reject",
        on_unknown="resend",
        max_age=7200.0,
        mode=Mode.REDIRECT_TO,
        redirect_to="qa@acme.example",
        simulator=True,
    )


@pytest.mark.parametrize(("scheme", "port"), [("smtp", 587), ("", 587), ("smtps", 465), ("plain", 25)])
def test_the_port_that_is_not_given_is_that_of_the_scheme(scheme: str, port: int) -> None:
    assert one(ACME | {"smtp_scheme": scheme}, plain=True).relay.port == port


def test_redirecting_needs_an_address() -> None:
    assert fault({"mode": "redirect-to"}) == "tenants.acme.redirect_to has to be given where mode is redirect-to"
    assert fault({"mode": "off"}) == "tenants.acme.mode must be live, hold, dry-run, redirect-to"
    assert fault({"simulator": "yes"}) == "tenants.acme.simulator must be true or false"


def test_what_a_tenant_does_not_say_the_default_says() -> None:
    default = {"smtp_host": "shared", "smtp_user": "all", "smtp_pass": "kept", "hLimit": 5, "domain": "shared.example"}
    tenant = one({"domain": "acme.example"}, default=default)
    assert tenant.relay == Relay("shared", 587, user="all", password="kept")
    assert (tenant.domain, tenant.h_limit) == ("acme.example", 5)


def test_the_default_password_never_goes_to_a_tenants_own_relay() -> None:
    default = {"smtp_host": "shared", "smtp_port": 2525, "smtp_user": "all", "smtp_pass": "kept", "max_connections": 2}
    assert one(ACME, default=default).relay == Relay("smtp.acme.example", 587, max_connections=2)


def test_a_tenants_own_login_replaces_the_defaults_as_a_whole() -> None:
    default = ACME | {"smtp_user": "all", "smtp_pass": "kept"}
    found = parse_tenants({"default": default, "tenants": {"acme": {"smtp_user": "me"}}})
    assert found == Faults(("tenants.acme.smtp_user and smtp_pass go together: one of them is missing",))


@pytest.mark.parametrize(
    "plain", [False, frozenset[str](), frozenset({"other"})], ids=["never", "to nobody", "to others"]
)
def test_plain_text_needs_the_operators_leave(plain: Plain) -> None:
    found = parse_tenants({"tenants": {"acme": ACME | {"smtp_scheme": "plain"}}}, plain=plain)
    assert isinstance(found, Faults)
    assert "CONSUMER_SMTP__ALLOW_PLAINTEXT" in found.errors[0]


def test_everything_wrong_is_said_at_once_with_its_place() -> None:
    assert faults(
        {
            "tenant": {},
            "default": {"hlimit": 10, "smtp_port": 0},
            "tenants": {
                12: {},
                "two words": {},
                "acme": ACME | {"smtp_pass": 12345, "hLimit": True, "limits": [{"count": 1}]},
                "none": None,
            },
        }
    ) == (
        "tenant is not known; did you mean tenants?",
        "default.hlimit is not known; did you mean hLimit?",
        "default.smtp_port must be a port, from 1 to 65535",
        "tenants, name 1: must be text of 1 to 128 characters without blanks (a number, or a word such as no, needs quotes)",
        "tenants, name 2: must be text of 1 to 128 characters without blanks (a number, or a word such as no, needs quotes)",
        "tenants.acme.smtp_pass must be text in one line, not empty (a number needs quotes)",
        "tenants.acme.hLimit must be a whole number, at least 1",
        "tenants.acme.limits (limit 1) must have count and per, may have unit, and nothing else",
        "tenants.none must be a mapping",
    )


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"smtp_port": 70000}, "smtp_port"),
        ({"smtp_port": "abc"}, "smtp_port"),
        ({"smtp_host": "a b"}, "smtp_host"),
        ({"smtp_scheme": "tls"}, "smtp_scheme"),
        ({"from_address": "Acme <a@b.example>"}, "from_address"),
        ({"from_address": "a@b.example\r\nBcc: c@d.example"}, "from_address"),
        ({"from_address": "NS-EU-1-2"}, "from_address"),
        ({"from_name": "Acme\nBcc: x"}, "from_name"),
        ({"domain": "no domain"}, "domain"),
        ({"limits": [{"count": 0, "per": "1h"}]}, "limits (limit 1) count"),
        ({"limits": [{"count": 1, "per": "soon"}]}, "limits (limit 1) per"),
        ({"limits": [{"count": 1, "per": 1, "unit": "mails"}]}, "limits (limit 1) unit"),
        ({"limits": [{"count": 1, "per": 1}] * 21}, "limits"),
        ({"limits": {}}, "limits"),
        ({"over_limit": "drop"}, "over_limit"),
        ({"on_unknown": 1}, "on_unknown"),
        ({"max_age": -1}, "max_age"),
        ({"max_age": float("nan")}, "max_age"),
        ({"max_age": "forever"}, "max_age"),
        ({"max_connections": 0}, "max_connections"),
        ({"microsoft_auth": {}}, "microsoft_auth"),
        ({"smtp_user": "me"}, "smtp_user"),
        ({"smtp_user": "me", "smtp_pass": ""}, "smtp_pass"),
    ],
)
def test_a_wrong_value_is_told_by_place_and_rule(fields: dict[str, Any], place: str) -> None:
    assert fault(fields).startswith(f"tenants.acme.{place} ")


@pytest.mark.parametrize("document", [None, [], "tenants", {}, {"tenants": []}])
def test_what_is_no_document_is_refused(document: object) -> None:
    assert len(faults(document)) == 1


def test_a_tenant_without_relay_or_sender_is_refused() -> None:
    assert faults({"tenants": {"acme": {}}}) == (
        "tenants.acme.smtp_host has to be given here or in default",
        "tenants.acme.from_address or domain has to be given: mail needs a sender",
    )


def test_a_password_from_a_file_counts_like_one_that_stands_there() -> None:
    fields = ACME | {"smtp_user": "me", "smtp_pass_file": "/run/pass"}
    tenants = parse_tenants({"tenants": {"acme": fields}}, secrets={"/run/pass": "kept"})
    assert not isinstance(tenants, Faults)
    assert tenants["acme"].relay.password == "kept"


@pytest.mark.parametrize("secrets", [{}, {"/run/pass": ""}, {"/run/pass": "two\nlines"}])
def test_a_password_file_that_cannot_be_used_is_told(secrets: dict[str, str]) -> None:
    fields = ACME | {"smtp_user": "me", "smtp_pass_file": "/run/pass"}
    found = parse_tenants({"tenants": {"acme": fields}}, secrets=secrets)
    assert isinstance(found, Faults)
    assert found.errors[0].startswith("tenants.acme.smtp_pass_file must name a file")


def test_a_password_stands_in_one_place_only() -> None:
    assert "together with smtp_pass" in faults({"tenants": {"a": ACME | {"smtp_pass": "x", "smtp_pass_file": "y"}}})[0]


_KEYS = st.sampled_from(["smtp_host", "smtp_pass", "smtp_user", "hLimit", "limits", "from_address", "smtp_port", "xx"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8).map("c4n4ry".__add__),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS | st.just("c4n4ry key"), inner, max_size=3),
    max_leaves=8,
)


@given(entry=st.dictionaries(_KEYS | st.integers(), _VALUES, max_size=4), default=_VALUES)
def test_no_document_makes_it_stumble_or_quote(entry: object, default: object) -> None:
    found = parse_tenants({"default": default, "tenants": {"acme": entry}})
    if isinstance(found, Faults):
        assert "c4n4ry" not in "".join(found.errors)
