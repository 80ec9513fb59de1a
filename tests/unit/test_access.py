"""What a request says in place of its tenant's configuration, and what it never gets out of that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.access import Access, missing, relay_of_access
from consumer.core.tenant import MicrosoftAccount, Relay, Scheme, Tenant
from tests.builders import tenant

STORED = Relay("relay.acme.example", 587, Scheme.SMTP, "mailer", "stored", "/ca.pem", 3)
ACME = tenant(relay=STORED)
LOGIN = {"smtp_user": "me", "smtp_pass": "mine"}
ACCOUNT = {"tenant_id": "acme.example", "client_id": "the-client", "client_secret": "s3cret"}
MINE = MicrosoftAccount("acme.example", "the-client", "s3cret")
THEIRS = MicrosoftAccount(
    "acme.example", "stored-client", "stored", "https://login.microsoftonline.us", "https://us/.default"
)
BY_TOKEN = tenant(relay=Relay("relay.acme.example", 587, user="box@acme.example", microsoft=THEIRS))
ELSEWHERE = "expected together with `smtp_host`: the stored login goes to the stored host only"


def relay(asked: dict[str, object], of: Tenant = ACME) -> Relay:
    access = Access.model_validate(asked)
    assert missing(access, of) == ()
    return relay_of_access(access, of)


def test_whoever_says_nothing_gets_the_stored_relay() -> None:
    assert relay({}) == STORED


@pytest.mark.parametrize(
    ("asked", "host", "port", "scheme", "user", "password"),
    [
        pytest.param({"smtp_pass": "new"}, "relay.acme.example", 587, "smtp", "mailer", "new", id="password"),
        pytest.param({"smtp_user": "me"}, "relay.acme.example", 587, "smtp", "me", "stored", id="user"),
        pytest.param({"smtp_user": ""}, "relay.acme.example", 587, "smtp", None, None, id="no-login"),
        pytest.param({"smtp_port": "2525"}, "relay.acme.example", 2525, "smtp", "mailer", "stored", id="port"),
        pytest.param({"smtp_port": 465}, "relay.acme.example", 465, "smtps", "mailer", "stored", id="port-465"),
        pytest.param({"smtp_scheme": "smtps"}, "relay.acme.example", 465, "smtps", "mailer", "stored", id="smtps"),
        pytest.param(
            {"smtp_port": "465", "smtp_scheme": "smtp"}, "relay.acme.example", 465, "smtp", "mailer", "stored", id="odd"
        ),
        pytest.param({"smtp_scheme": ""}, "relay.acme.example", 587, "smtp", "mailer", "stored", id="default-scheme"),
        pytest.param({"smtp_host": "RELAY.acme.example"}, "relay.acme.example", 587, "smtp", "mailer", "stored", id="same"),
        pytest.param({"smtp_host": "other.example", **LOGIN}, "other.example", 587, "smtp", "me", "mine", id="other"),
        pytest.param({"smtp_host": "other.example", "smtp_user": ""}, "other.example", 587, "smtp", None, None, id="none"),
        pytest.param(
            {"smtp_host": "other.example", "smtp_port": 465, **LOGIN}, "other.example", 465, "smtps", "me", "mine", id="465"
        ),
    ],
)  # fmt: skip
def test_what_is_not_said_is_as_stored(
    asked: dict[str, object], host: str, port: int, scheme: str, user: str | None, password: str | None
) -> None:
    assert relay(asked) == Relay(host, port, Scheme(scheme), user, password, "/ca.pem", 3)


def test_a_tenant_that_stores_no_login_needs_none_elsewhere() -> None:
    assert relay({"smtp_host": "other.example"}, tenant(relay=Relay("relay.acme.example", 587))).user is None


@pytest.mark.parametrize("port", [587, 465])
def test_plain_text_is_for_the_stored_host_and_port_only(port: int) -> None:
    plain = tenant(relay=Relay("relay.acme.example", 25, Scheme.PLAIN))
    assert relay({}, plain).scheme is Scheme.PLAIN
    assert relay({"smtp_port": port}, plain).scheme is not Scheme.PLAIN
    assert relay({"smtp_host": "other.example"}, plain).scheme is Scheme.SMTP


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({}, ["smtp_user", "smtp_pass"]),
        ({"smtp_user": "me"}, ["smtp_pass"]),
        ({"smtp_pass": "mine"}, ["smtp_user"]),
    ],
)
def test_with_another_host_the_login_has_to_be_given(asked: dict[str, object], fields: list[str]) -> None:
    said = missing(Access.model_validate({"smtp_host": "other.example", **asked}), ACME)
    assert said == tuple(
        f"/{name}: expected together with `smtp_host`: the stored login goes to the stored host only" for name in fields
    )


def test_an_account_is_used_in_place_of_a_password_whether_stored_or_given() -> None:
    for asked in ({}, {"smtp_pass": "mine"}):
        found = relay({"smtp_user": "box", "microsoft_auth": ACCOUNT, **asked})
        assert (found.user, found.password, found.microsoft) == ("box", None, MINE)
    assert relay({"microsoft_auth": ACCOUNT}).user == "mailer"


def test_an_account_that_says_nothing_is_the_stored_one() -> None:
    assert relay({"microsoft_auth": {}}) == STORED
    assert relay({"microsoft_auth": {}}, BY_TOKEN) == BY_TOKEN.relay
    assert relay({"microsoft_auth": {}, **LOGIN}).password == "mine"


def test_in_which_cloud_an_account_is_its_tenant_has_stored() -> None:
    found = relay({"microsoft_auth": ACCOUNT}, BY_TOKEN).microsoft
    assert found == MicrosoftAccount("acme.example", "the-client", "s3cret", THEIRS.authority, THEIRS.scope)


def test_a_password_is_used_in_place_of_a_stored_account() -> None:
    found = relay({"smtp_pass": "mine"}, BY_TOKEN)
    assert (found.user, found.password, found.microsoft) == ("box@acme.example", "mine", None)


def test_without_a_user_there_is_no_account() -> None:
    assert relay({"smtp_user": "", "microsoft_auth": ACCOUNT}, BY_TOKEN).microsoft is None


def test_the_stored_account_goes_to_the_stored_host_only() -> None:
    other = {"smtp_host": "other.example"}
    assert missing(Access.model_validate(other), BY_TOKEN) == (
        f"/smtp_user: {ELSEWHERE}",
        f"/microsoft_auth: {ELSEWHERE}",
    )
    assert missing(Access.model_validate({**other, "smtp_user": "box", "microsoft_auth": {}}), BY_TOKEN) == (
        f"/microsoft_auth: {ELSEWHERE}",
    )
    assert relay({**other, **LOGIN}, BY_TOKEN).microsoft is None
    assert relay({**other, "smtp_user": "box", "microsoft_auth": ACCOUNT}).microsoft == MINE


def test_an_account_needs_a_mailbox() -> None:
    nobody = tenant(relay=Relay("relay.acme.example", 587))
    said = missing(Access.model_validate({"microsoft_auth": ACCOUNT}), nobody)
    assert said == ("/smtp_user: expected together with `microsoft_auth`: the mailbox that sends",)
    elsewhere = {"smtp_host": "other.example", "microsoft_auth": ACCOUNT}
    assert missing(Access.model_validate(elsewhere), nobody) == (f"/smtp_user: {ELSEWHERE}",)


hosts = st.sampled_from(
    ["relay.acme.example", "Relay.ACME.example", "other.example", "relay.acme.example.evil.example"]
)
given_fields = st.fixed_dictionaries(
    {},
    optional={
        "smtp_host": hosts,
        "smtp_port": st.sampled_from([25, "465", 587]),
        "smtp_scheme": st.sampled_from(["", "smtp", "smtps"]),
        "smtp_user": st.sampled_from(["", "me"]),
        "smtp_pass": st.sampled_from(["", "mine"]),
        "microsoft_auth": st.sampled_from([{}, ACCOUNT]),
    },
)


@given(asked=given_fields, of=st.sampled_from([ACME, BY_TOKEN]))
def test_the_stored_login_goes_to_the_stored_host_and_never_in_plain_text(asked: dict[str, object], of: Tenant) -> None:
    access = Access.model_validate(asked)
    if missing(access, of):
        return
    found = relay_of_access(access, of)
    assert found.scheme is not Scheme.PLAIN
    assert found.password is None or found.microsoft is None
    assert found.microsoft is None or found.user
    if found.host.lower() != "relay.acme.example":
        assert found.password != "stored"
        assert found.user not in {"mailer", "box@acme.example"}
        assert found.microsoft is None or found.microsoft.client_secret != "stored"
