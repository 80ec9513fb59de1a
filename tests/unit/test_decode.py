"""Any record becomes a request or a refusal that quotes nothing."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from consumer.adapters.schemas import load, requests
from consumer.core.attribute import RULES
from consumer.core.decode import Decoder, Refused
from consumer.core.record import Coordinates, Headers, Record
from consumer.core.request import Request
from tests.builders import PLAIN_HEADERS, body, email, record

DECODER = Decoder(requests())
ADDRESS = "an e-mail address (local part up to 64 characters, no quotes, no display name) or a PII token"
CANARY = "cAnArY"


def decoded(value: dict[str, Any]) -> Request:
    request = DECODER.decode(record(value))
    assert isinstance(request, Request), request
    return request


def refused(value: object) -> tuple[str, ...]:
    got = DECODER.decode(record(orjson.dumps(value)))
    assert isinstance(got, Refused)
    return (got.outcome.type, *got.outcome.errors)


def test_a_valid_record_is_a_request() -> None:
    got = DECODER.decode(
        record(body(), timestamp=1.5, headers=(*PLAIN_HEADERS, ("expirytime", b"1970-01-01T00:01:00Z")))
    )
    assert isinstance(got, Request)
    assert (got.id, got.tenant, got.email, got.received, got.expires) == ("r-1", "acme", email(), 1.5, 60.0)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({"subjct": "x"}, "/: unknown field (did you mean `subject`?)", id="misspelt"),
        pytest.param({CANARY: "x"}, "/: unknown field", id="strange"),
        pytest.param({"recipient": "a@b"}, "/: expected at most one of `recipient` and `to`", id="both"),
        pytest.param({"message": "a"}, "/: expected at most one of `message` and `text`", id="both-bodies"),
        pytest.param(
            {"to": None}, "/: expected at least one recipient in `to`, `recipient`, `cc` or `bcc`", id="no-recipient"
        ),
        pytest.param(
            {"to": []}, "/: expected at least one recipient in `to`, `recipient`, `cc` or `bcc`", id="empty-recipients"
        ),
        pytest.param({"text": None}, "/: expected at least one of `text`, `message` and `html`", id="no-body"),
        pytest.param({"text": ""}, "/text: expected at least 1 characters", id="empty-body"),
        pytest.param({"to": ["a@b"] * 5000}, "/to: expected at most 1000 items", id="5000-recipients"),
        pytest.param(
            {"to": ["a@b"] * 600, "cc": ["a@b"] * 600},
            "/: expected at most 1000 recipients in to, cc and bcc",
            id="1200-recipients",
        ),
        pytest.param({"from": "a@b"}, "/: expected `connection` together with `from`", id="from-alone"),
        pytest.param({"connection": {"port": 25}}, "/connection: `server` is missing", id="no-server"),
        pytest.param({"connection": {"server": "a", "port": 0}}, "/connection/port: expected at least 1", id="port-0"),
        pytest.param(
            {"connection": {"server": "a", "port": 70000}}, "/connection/port: expected at most 65535", id="port-70000"
        ),
        pytest.param(
            {"connection": {"server": "a", "port": "abc"}},
            "/connection/port: expected a port from 1 to 65535, as an integer or in digits",
            id="port-abc",
        ),
        pytest.param(
            {"connection": {"server": "a", "scheme": "tls"}},
            '/connection/scheme: expected one of ["smtp","smtps",""]',
            id="scheme",
        ),
        pytest.param(
            {"subject": "a\r\nBcc: x"},
            "/subject: expected one line without control characters, or a PII token",
            id="subject-crlf",
        ),
        pytest.param({"subject": "x" * 999}, "/subject: expected at most 998 characters", id="subject-long"),
        pytest.param({"subject": None, "hLimit": 0}, "/hLimit: expected at least 1", id="limit"),
        pytest.param({"subject": 5}, '/subject: expected type "string"', id="type"),
        pytest.param({"to": ["a@b\r\nRCPT TO:<c@d>"]}, f"/to/0: expected {ADDRESS}", id="address-crlf"),
        pytest.param({"to": ["a@b", "a,b@c"]}, f"/to/1: expected {ADDRESS}", id="address-comma"),
        pytest.param({"cc": ['"a@b,c"@d']}, f"/cc/0: expected {ADDRESS}", id="address-quotes"),
        pytest.param(
            {"to": ["a@xn--zz"]}, "/to/0: expected a domain and a length that a relay can take", id="no-a-label"
        ),
        pytest.param(
            {"from": "ä" * 33 + "@b", "connection": {"server": "a"}},
            "/from: expected a domain and a length that a relay can take",
            id="octets",
        ),
        pytest.param(
            {"headers": {"Bcc": "a@b"}},
            "/headers: expected header names of printable ASCII that the mail does not set itself",
            id="own-header",
        ),
        pytest.param(
            {"headers": {CANARY: "a\nb"}}, "/headers/*: expected one line without control characters", id="header-lf"
        ),
        pytest.param({"attachments": [{"uri": "x", "url": "http://a"}]}, "/attachments/0: unknown field", id="closed"),
        pytest.param(
            {"sendAt": "2026-02-30T10:00:00Z"}, "/sendAt: expected a time after RFC 3339 with its offset", id="no-day"
        ),
    ],
)
def test_a_fault_is_named_by_place_and_rule(fields: dict[str, Any], error: str) -> None:
    said = refused(body(**fields))
    assert said[0] == "invalid-request"
    assert any(text.startswith(error) for text in said[1:]), said


@pytest.mark.parametrize("value", [[], "x", 5, None, True, [body()]], ids=str)
def test_data_that_is_no_object_is_refused(value: object) -> None:
    assert refused(value)[:2] == ("invalid-request", '/: expected type "object"')


def test_faults_beyond_the_tenth_are_not_told() -> None:
    assert len(refused(body(to=["x"] * 900))) == 11


@pytest.mark.parametrize("name", [*load("send-email.v1")["properties"], "strange"])
@pytest.mark.parametrize("depth", [200, 250, 256, 1000])
def test_data_nested_a_thousand_deep_is_refused(name: str, depth: int) -> None:
    lists = b"[" * depth + b"]" * depth
    objects = b'{"url":' * depth + b"1" + b"}" * depth
    for deep in (lists, objects, b"[%b]" % objects):
        assert isinstance(DECODER.decode(record(b'{"to":["a@b"],"text":"x","%b":%b}' % (name.encode(), deep))), Refused)


def test_what_only_the_types_refuse_is_still_an_ending() -> None:
    headers = (("tenant", b"acme"), ("request_id", b"r-1"), ("operation", b"send-test-email"))
    got = Decoder({name: {} for name in requests()}).decode(record({"email": 5}, headers=headers))
    assert isinstance(got, Refused)
    assert got.outcome.errors == ("/: expected another form",)


def test_of_equal_keys_the_last_counts() -> None:
    got = DECODER.decode(record(b'{"to":["a@b"],"text":"one","text":"two"}'))
    assert isinstance(got, Request)
    assert got.email.text == "two"


def test_equal_content_has_an_equal_digest_whatever_its_order() -> None:
    one, other = body(cc=["a@b"], bcc=["c@d"]), body(bcc=["c@d"], cc=["a@b"])
    assert decoded(one).digest == decoded(dict(reversed(other.items()))).digest
    assert decoded(one).digest != decoded(body(cc=["c@d"], bcc=["a@b"])).digest
    assert len(decoded(one).digest) == 16


mutations = st.sampled_from(
    ["specversion", "tenant", "ce_id", "ce_type", "content-type", "traceparent", "tracestate", "ce_x", CANARY]
)
header_values = st.binary(max_size=40) | st.sampled_from(
    [b"1.0", b"acme", b"application/json", b"application/cloudevents+json", b"email.send-email.v1", CANARY.encode()]
)
header_lists = st.lists(st.tuples(mutations | st.text(max_size=10), header_values), max_size=6).map(tuple)
leaf = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
junk = st.recursive(leaf, lambda i: st.lists(i, max_size=3) | st.dictionaries(st.text(max_size=5), i, max_size=3))
names = st.sampled_from([*load("send-email.v1")["properties"], CANARY, "data", "specversion"])
canaries = st.sampled_from(
    [
        CANARY,
        [CANARY],
        {CANARY: CANARY},
        [{CANARY: 1}],
        {"server": CANARY + "\n"},
        {"url": CANARY},
        {"X": CANARY + "\n"},
    ]
)
bodies = st.dictionaries(names, canaries | junk, max_size=4).map(lambda more: orjson.dumps(body() | more))
values = st.none() | st.binary(max_size=60) | bodies | st.tuples(bodies, st.integers(0, 80)).map(lambda v: v[0][: v[1]])


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=values, headers=header_lists | st.just(PLAIN_HEADERS))
@example(value=b"\x00", headers=PLAIN_HEADERS)
def test_any_record_is_a_request_or_a_refusal_that_quotes_nothing(value: bytes | None, headers: Headers) -> None:
    got = DECODER.decode(Record(Coordinates(0, 0), None, value, headers))
    if isinstance(got, Refused):
        assert CANARY not in repr(got.outcome)
        assert all(len(error) <= 200 for error in got.outcome.errors)
        assert len(got.outcome.errors) <= 3 * len(RULES) + 1  # each twice, and not UTF-8, and missing; and the value
    else:
        assert isinstance(got, Request)
