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
SEED = {
    "email": "user@example.com",
    "smtp_host": "string",
    "smtp_port": "587",
    "smtp_user": "string",
    "smtp_pass": "string",
    "from_name": "string",
    "from_address": "string@example.com",
}
RENAMED = {
    "server": "smtp_host",
    "port": "smtp_port",
    "user": "smtp_user",
    "password": "smtp_pass",
    "scheme": "smtp_scheme",
}
accesses = connection.map(lambda fields: {RENAMED.get(name, name): value for name, value in fields.items()})
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
def test_schema_and_model_take_the_same_requests(data: object) -> None:
    data = orjson.loads(orjson.dumps(data))
    assert VALIDATOR.is_valid(data) is model_takes(data)


def test_the_first_seeds_sample_is_taken_as_it_stands() -> None:
    got = SendTestEmail.model_validate(SEED)
    assert (got.email, got.smtp_host, got.smtp_port) == ("user@example.com", "string", 587)


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
    test = SendTestEmail.model_validate({"email": "canary@example.com", "smtp_pass": "canary"})
    assert "canary" not in repr(test) + str(test)
