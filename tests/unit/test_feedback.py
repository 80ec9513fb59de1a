"""Feedback as it stands on the wire, read into types."""

from typing import Any

import jsonschema_rs
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from consumer.adapters.schemas import load
from consumer.core.feedback import Ear, Feedback, Refused, Told
from tests.builders import record

SCHEMA = load("feedback.v1")
VALIDATOR = jsonschema_rs.validator_for(SCHEMA, validate_formats=True)
EAR = Ear(SCHEMA)
HEADERS = (("tenant", b"acme"), ("request_id", b"f-1"))
BOUNCE = {"kind": "bounce", "recipient": "ann@example.com", "code": "5.1.1"}
DIGEST = "0a1b2c3d:" + "ab" * 16

anything = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.text(max_size=3), max_size=2)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["bounce", "complaint", "block", "unblock", "Bounce", ""]) | anything,
        "recipient": st.sampled_from(["ann@example.com", "NS-EU-1-A", "ann", "a b@example.com", ""]) | anything,
        "digest": st.sampled_from([DIGEST, DIGEST.upper(), DIGEST + "\n", "ab" * 16]) | anything,
        "code": st.sampled_from(["5.1.1", "4.2.2", "5.1", "6.1.1", "5.1.1111"]) | anything,
        "until": st.sampled_from(["2026-11-21T15:00:00Z", "2026-11-21", "2026-02-30T15:00:00Z"]) | anything,
        "Kind": anything,
    },
)


def model_takes(data: object) -> bool:
    try:
        Told.model_validate(data)
    except ValidationError:
        return False
    return True


@settings(max_examples=1000, deadline=None)
@given(bodies | anything)
@example(BOUNCE)
@example({"kind": "block", "digest": DIGEST, "until": "2026-11-21T15:00:00Z"})
@example({"kind": "complaint", "recipient": "ann@example.com", "code": "5.1.1"})
@example({"kind": "bounce", "recipient": "ann@example.com", "until": "2026-11-21T15:00:00Z"})
@example({"kind": "unblock", "recipient": "NS-EU-1-A", "digest": DIGEST})
def test_the_types_take_what_the_schema_takes_and_nothing_else(data: Any) -> None:  # noqa: ANN401
    assert model_takes(data) == VALIDATOR.is_valid(data)


STRUCTURED = {
    "specversion": "1.0",
    "id": "f-1",
    "source": "/bounces",
    "type": "email.feedback.v1",
    "tenant": "acme",
    "data": BOUNCE,
}
BINARY = (
    *(("content-type", b"application/json"), ("ce_specversion", b"1.0"), ("ce_id", b"f-1"), ("ce_source", b"/b")),
    *(("ce_type", b"email.feedback.v1"), ("ce_tenant", b"acme")),
)


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        pytest.param(BOUNCE, HEADERS, id="plain"),
        pytest.param(BOUNCE, (*HEADERS, ("operation", b"feedback")), id="plain-with-operation"),
        pytest.param(STRUCTURED, (("content-type", b"application/cloudevents+json"),), id="structured"),
        pytest.param(BOUNCE, BINARY, id="binary"),
        pytest.param(b"\x00\x00\x00\x00\x07" + orjson.dumps(BOUNCE), HEADERS, id="confluent"),
    ],
)
def test_it_is_heard_in_each_envelope(value: Any, headers: Any) -> None:  # noqa: ANN401
    heard = EAR.hear(record(value, headers=headers))
    assert isinstance(heard, Feedback)
    assert (heard.tenant, heard.id, heard.subject.type) == ("acme", "f-1", "email.feedback.v1")
    assert (heard.told.kind, heard.told.recipient, heard.told.code) == ("bounce", "ann@example.com", "5.1.1")


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        pytest.param(b"{", HEADERS, id="not-json"),
        pytest.param(None, HEADERS, id="nothing"),
        pytest.param({"kind": "bounce"}, HEADERS, id="nobody"),
        pytest.param({**BOUNCE, "c4n4ry": 1}, HEADERS, id="strange-field"),
        pytest.param({**BOUNCE, "recipient": "c4n4ry c4n4ry"}, HEADERS, id="no-address"),
        pytest.param(BOUNCE, (), id="no-tenant"),
        pytest.param(BOUNCE, (*HEADERS, ("operation", b"send-email")), id="a-request"),
    ],
)
def test_what_is_none_is_told_without_its_content(value: Any, headers: Any) -> None:  # noqa: ANN401
    refused = EAR.hear(record(value, headers=headers))
    assert isinstance(refused, Refused)
    assert refused.outcome.errors
    assert "c4n4ry" not in str(refused)


def test_its_body_tells_nobody_whom_it_is_about() -> None:
    assert "ann" not in repr(Told.model_validate(BOUNCE))
