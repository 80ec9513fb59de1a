"""The published files: what they promise, and that the typed rules are the same."""

from typing import Any

import jsonschema_rs
import pytest

from consumer.adapters.schemas import load
from consumer.core import wire
from consumer.core.tenant_fields import FIELDS

REQUEST = load("send-email.v1")
OUTCOME = load("send-email.outcome.v1")
COMMAND = load("parked-command.v1")
ANSWER = load("parked-command.outcome.v1")
FEEDBACK = load("feedback.v1")
TEST = load("send-test-email.v1")
TESTED = load("send-test-email.outcome.v1")
VALIDATION = load("validate-credentials.v1")
VALIDATED = load("validate-credentials.outcome.v1")
TENANT = load("tenant.v1")

CLOSED = [REQUEST, FEEDBACK, TEST, VALIDATION, COMMAND, TENANT]
OPEN = [OUTCOME, TESTED, VALIDATED, ANSWER]
ALL = [*CLOSED, *OPEN]


def _nodes(schema: object) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [node for item in schema for node in _nodes(item)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(node for value in schema.values() for node in _nodes(value))]


@pytest.mark.parametrize("schema", ALL, ids=lambda schema: schema["title"])
@pytest.mark.parametrize("draft", [jsonschema_rs.Draft7Validator, jsonschema_rs.Draft202012Validator])
def test_each_schema_is_one_in_both_drafts(schema: dict[str, Any], draft: type[jsonschema_rs.Draft7Validator]) -> None:
    neutral = {name: value for name, value in schema.items() if name != "$schema"}
    draft(neutral)
    assert jsonschema_rs.meta.is_valid(schema)


@pytest.mark.parametrize("schema", ALL, ids=lambda schema: schema["title"])
def test_no_schema_uses_what_the_drafts_read_differently(schema: dict[str, Any]) -> None:
    apart = {"dependencies", "dependentRequired", "$defs", "additionalItems", "prefixItems", "unevaluatedProperties"}
    for node in _nodes(schema):
        assert not apart & set(node)
        assert "$ref" not in node or set(node) == {"$ref"}
        assert not isinstance(node.get("items"), list)


@pytest.mark.parametrize("schema", CLOSED, ids=lambda schema: schema["title"])
def test_requests_and_tenants_are_closed_at_every_level(schema: dict[str, Any]) -> None:
    for node in _nodes(schema):
        if node.get("type") == "object" or "object" in node.get("type", []):
            assert "additionalProperties" in node


def test_outcomes_are_open_at_every_level_and_so_is_their_type() -> None:
    for schema in OPEN:
        assert all("additionalProperties" not in node for node in _nodes(schema))
        assert "enum" not in schema["properties"]["type"]


@pytest.mark.parametrize("schema", [TEST, VALIDATION], ids=["test", "validation"])
def test_what_stands_in_place_of_a_tenants_configuration_has_the_same_rules_everywhere(schema: dict[str, Any]) -> None:
    connection, fields = REQUEST["definitions"]["connection"]["properties"], schema["properties"]
    assert fields["smtp_host"] == connection["server"]
    assert schema["definitions"]["port"] == REQUEST["definitions"]["port"]
    assert fields["smtp_scheme"]["enum"] == connection["scheme"]["enum"]
    assert fields["smtp_user"]["pattern"] == connection["user"]["pattern"] == wire.USER
    assert fields["smtp_pass"] == connection["password"]
    account = schema["definitions"]["microsoftAuth"]["properties"]
    assert account == TEST["definitions"]["microsoftAuth"]["properties"]
    assert account["tenant_id"]["pattern"] == wire.DIRECTORY
    assert account["client_id"]["pattern"] == wire.APPLICATION
    assert account["client_secret"]["pattern"] == wire.PASSWORD


def test_a_test_mails_addresses_have_the_rules_of_other_addresses() -> None:
    assert TEST["definitions"]["address"] == REQUEST["definitions"]["address"]
    assert TEST["definitions"]["mailbox"]["pattern"] == wire.MAILBOX
    assert TEST["properties"]["from_name"]["pattern"] == wire.LINE


def test_the_types_have_the_rules_of_the_schema() -> None:
    definitions = REQUEST["definitions"]
    connection = definitions["connection"]["properties"]
    assert {
        wire.ADDRESS: definitions["address"]["pattern"],
        wire.LOCAL_FITS.pattern: definitions["address"]["allOf"][0]["pattern"],
        wire.RECIPIENT: definitions["recipient"]["pattern"],
        wire.RECIPIENT_FITS.pattern: definitions["recipient"]["allOf"][0]["pattern"],
        wire.LINE: definitions["subject"]["pattern"],
        wire.HOST: connection["server"]["pattern"],
        wire.PORT.pattern: definitions["port"]["pattern"],
        wire.USER: connection["user"]["pattern"],
        wire.PASSWORD: connection["password"]["pattern"],
        wire.HEADER_NAME: definitions["headers"]["propertyNames"]["pattern"],
    } == {pattern: pattern for pattern in (
        wire.ADDRESS, wire.LOCAL_FITS.pattern, wire.RECIPIENT, wire.RECIPIENT_FITS.pattern, wire.LINE,
        wire.HOST, wire.PORT.pattern, wire.USER, wire.PASSWORD,
        wire.HEADER_NAME,
    )}  # fmt: skip
    assert definitions["attachment"]["pattern"] == definitions["url"]["pattern"]
    assert FEEDBACK["definitions"] == {name: definitions[name] for name in ("recipient", "timestamp")}
    assert definitions["headerValue"]["pattern"] == wire.LINE


def test_the_keys_of_a_tenant_are_those_that_are_read() -> None:
    assert TENANT["definitions"]["tenant"]["properties"].keys() == FIELDS.keys()


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({}, id="empty"),
        pytest.param(
            {
                "default": {"smtp_host": "relay.example.com", "smtp_port": "587", "smtp_scheme": "smtp"},
                "tenants": {"acme": {"hLimit": 10, "limits": [{"count": 5, "per": "1d", "unit": "recipients"}]}},
            },
            id="default-and-tenant",
        ),
        pytest.param(
            {"tenants": {"acme": {"max_age": 90, "over_limit": "reject", "domain": "acme.example"}}}, id="age"
        ),
    ],
)
def test_a_tenants_file_is_taken(entry: dict[str, Any]) -> None:
    assert jsonschema_rs.validator_for(TENANT).is_valid(entry)


@pytest.mark.parametrize(
    "tenant",
    [
        {"smpt_host": "relay"},
        {"smtp_port": 70000},
        {"smtp_port": 0},
        {"hLimit": 0},
        {"limits": [{"count": 5}]},
        {"limits": [{"count": 5, "per": "1 week"}]},
        {"smtp_scheme": "tls"},
        {"from_address": "Ann <ann@example.com>"},
        {"microsoft_auth": {"client_id": "x"}},
    ],
    ids=lambda tenant: str(next(iter(tenant))),
)
def test_a_tenant_with_a_fault_is_refused(tenant: dict[str, Any]) -> None:
    assert not jsonschema_rs.validator_for(TENANT).is_valid({"tenants": {"acme": tenant}})
