"""The typed request for a test mail and the published schema are the same contract."""

from typing import Any

import jsonschema_rs
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from consumer.adapters.schemas import load
from consumer.core.decode import Refused
from consumer.core.outcome import Invalid
from consumer.core.record import Headers
from consumer.core.request import Request
from consumer.core.send_test_email import SendTestEmail, as_tested
from consumer.core.tenant import Relay, Tenant
from tests.builders import record, tenant
from tests.unit.test_decode import DECODER
from tests.unit.test_send_email import address, anything, connection, field, like

VALIDATOR = jsonschema_rs.validator_for(load("send-test-email.v1"), validate_formats=True)
HEADERS: Headers = (("tenant", b"acme"), ("request_id", b"t-1"), ("operation", b"send-test-email"))
SAMPLE = {
    "email": "user@example.com",
    "smtp_host": "string",
    "smtp_port": "string",
    "smtp_user": "string",
    "smtp_pass": "string",
    "from_name": "string",
    "from_address": "string",
    "microsoft_auth": {},
}
FILLED_IN = {"smtp_port": "587", "from_address": "string@example.com"}
SEED = SAMPLE | FILLED_IN
ACCOUNT = {"tenant_id": "acme.example", "client_id": "2f6c-01", "client_secret": "op en~"}
RENAMED = {
    "server": "smtp_host",
    "port": "smtp_port",
    "user": "smtp_user",
    "password": "smtp_pass",
    "scheme": "smtp_scheme",
}
accounts = st.fixed_dictionaries(
    {},
    optional={
        "tenant_id": like("acme.example", "2f6c-01", "", ".", "a b", "x" * 253, "x" * 254),
        "client_id": like("2f6c-01", "", "a.b", "x" * 64, "x" * 65),
        "client_secret": like("op en~", "", "a\tb", "x" * 4097),
    },
)
accesses = st.builds(
    lambda fields, more: {RENAMED.get(name, name): value for name, value in fields.items()} | more,
    connection,
    st.fixed_dictionaries({}, optional={"microsoft_auth": accounts | st.just(ACCOUNT) | anything}),
)
fields = st.one_of(
    field(address, ["email", "from_address"]),
    field(like("Acme", "", "x" * 256, "x" * 257, "a\nb"), ["from_name"]),
    field(anything, ["Email", "to", "smtp_Host"]),
)
requests = st.builds(
    lambda start, access, more: start | access | dict(more),
    st.sampled_from([SEED, {"email": "ann@example.com"}, {}]),
    accesses | st.just({}),
    st.lists(fields, max_size=2),
)


def model_takes(data: object) -> bool:
    try:
        SendTestEmail.model_validate(data)
    except ValidationError:
        return False
    return True


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests | anything)
@example(SEED)
@example({**SEED, "from_address": "NS-EU-1-A"})
@example({**SEED, "from_address": "a" * 65 + "@b.c"})
@example({**SEED, "smtp_port": None})
@example(SAMPLE)
@example({**SEED, "microsoft_auth": ACCOUNT})
@example({**SEED, "microsoft_auth": ACCOUNT | {"authority": "https://login.example"}})
@example({**SEED, "microsoft_auth": ACCOUNT | {"client_secret": None}})
@example({**SEED, "microsoft_auth": {"tenant_id": "acme.example"}})
def test_schema_and_model_take_the_same_requests(data: object) -> None:
    data = orjson.loads(orjson.dumps(data))
    assert VALIDATOR.is_valid(data) is model_takes(data)


def test_the_first_seeds_sample_is_taken_as_it_stands() -> None:
    got = SendTestEmail.model_validate(SEED)
    assert (got.email, got.smtp_host, got.smtp_port) == ("user@example.com", "string", 587)
    assert not got.by_token


def test_of_the_first_seeds_sample_only_what_breaks_its_own_rules_or_is_no_address_has_to_be_filled_in() -> None:
    got = decoded(**SAMPLE)
    assert isinstance(got, Refused)
    assert {error.partition(":")[0].strip("/") for error in got.outcome.errors} == set(FILLED_IN)
    assert isinstance(decoded(**SEED), Request)


def test_an_account_of_microsoft_is_taken_beside_all_that_the_sample_has() -> None:
    got = decoded(**SEED | {"microsoft_auth": ACCOUNT})
    assert isinstance(got, Request)
    assert got.test is not None
    assert got.test.by_token


@pytest.mark.parametrize("lacking", ["tenant_id", "client_id", "client_secret"])
def test_an_account_is_given_whole_or_not_at_all(lacking: str) -> None:
    got = decoded(microsoft_auth={name: value for name, value in ACCOUNT.items() if name != lacking})
    assert isinstance(got, Refused)
    assert got.outcome.errors[0].startswith("/microsoft_auth: expected tenant_id, client_id and client_secret")


def decoded(**more: object) -> Request | Refused:
    got = DECODER.decode(record({"email": "ann@example.com"} | more, headers=HEADERS, timestamp=1_700_000_000.0))
    assert isinstance(got, Request | Refused)
    return got


def test_a_valid_record_is_a_request_for_a_mail_that_says_that_it_is_a_test_and_who_asked() -> None:
    got = decoded()
    assert isinstance(got, Request)
    assert got.subject.type == "email.send-test-email.v1"
    assert got.email.recipients == ("ann@example.com",)
    assert got.email.subject == "Test email for acme"
    assert got.email.text is not None
    assert got.email.text.splitlines() == [
        "This is a test email.",
        "",
        'It was asked for to find out whether email can be sent with the configuration of "acme".',
        "Now that you read it: it can.",
        "",
        "Asked for by: acme",
        "Asked for at: 2023-11-14T22:13:20.000Z",
        "Request: t-1",
        "",
        "If you did not expect it, there is nothing that you have to do.",
    ]


def test_its_recipient_may_be_a_token() -> None:
    got = decoded(email="NS-EU-1-A")
    assert isinstance(got, Request)
    assert got.email.recipients == ("NS-EU-1-A",)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({"email": None}, "/: ", id="null"),
        pytest.param({"email": "ann"}, "/email: expected an e-mail address", id="no-address"),
        pytest.param({"email": "a@xn--zz"}, "/email: expected a domain and a length", id="no-a-label"),
        pytest.param({"from_address": "a@xn--zz"}, "/from_address: expected a domain and a length", id="from"),
        pytest.param({"smtp_port": "99999"}, "/smtp_port: expected a port from 1 to 65535", id="port"),
        pytest.param({"smtp_hots": "a"}, "/: unknown field (did you mean `smtp_host`?)", id="misspelt"),
    ],
)
def test_a_fault_is_named_by_place_and_rule(fields: dict[str, Any], error: str) -> None:
    got = decoded(**fields)
    assert isinstance(got, Refused)
    assert got.outcome.type == "invalid-request"
    assert any(text.startswith(error) or not fields.get("email", "x") for text in got.outcome.errors), got


STORED = tenant(relay=Relay("relay", 25), from_name="Acme", from_address="mail@acme.example")


def configured(**asked: object) -> Tenant:
    got = as_tested(SendTestEmail.model_validate({"email": "ann@example.com"} | asked), STORED)
    assert isinstance(got, Tenant)
    return got


def test_a_test_is_sent_as_configured_but_for_what_it_says() -> None:
    assert configured() == STORED
    assert configured(from_name="Ann").from_name == "Ann"
    assert configured(from_name="").from_name is None
    assert configured(from_address="ann@acme.example").from_address == "ann@acme.example"
    assert configured(smtp_user="me", smtp_pass="mine").relay.password == "mine"


def test_a_test_without_the_login_that_its_host_needs_is_invalid() -> None:
    stored = tenant(relay=Relay("relay", 25, user="mailer", password="stored"))
    test = SendTestEmail.model_validate({"email": "ann@example.com", "smtp_host": "other"})
    assert isinstance(as_tested(test, stored), Invalid)


def test_its_repr_tells_nobodys_data() -> None:
    account = dict.fromkeys(ACCOUNT, "canary")
    test = SendTestEmail.model_validate(
        {"email": "canary@example.com", "smtp_pass": "canary", "microsoft_auth": account}
    )
    assert "canary" not in repr(test) + str(test) + repr(test.microsoft_auth) + str(test.microsoft_auth)
