"""Three envelopes, read into one event. Golden cases after the Kafka protocol binding for CloudEvents 1.0.2."""

import base64
from random import Random

import orjson
import pytest
from cloudevents.core.bindings.kafka import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.core.envelope import Event, Refused, header_by_header, tenant_of, unwrap
from consumer.core.feedback import KINDS as FEEDBACK
from consumer.core.outcome import Subject
from consumer.core.record import Coordinates, Headers, Record
from tests.builders import record

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BINARY = {
    "content-type": "application/json",
    "ce_specversion": "1.0",
    "ce_type": "email.send-email.v1",
    "ce_source": "/mycontext/subcontext",
    "ce_id": "1234-1234-1234",
    "ce_tenant": "acme",
}
STRUCTURED = {
    "specversion": "1.0",
    "type": "email.send-email.v1",
    "source": "/mycontext/subcontext",
    "id": "1234-1234-1234",
    "tenant": "acme",
}
DATA = {"a": 1}
STRUCTURED_TYPE: Headers = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)

UNKNOWN_TYPE = (
    "unknown, expected email.send-email.v1 or email.send-test-email.v1 or email.validate-credentials.v1"
    " or email.parked-command.v1"
)


def headers(*more: tuple[str, bytes], without: str = "", **changed: str) -> Headers:
    """The headers of a binary event, changed by name."""
    given = {name: value for name, value in (BINARY | changed).items() if name != without}
    return (*((name, value.encode()) for name, value in given.items()), *more)


def binary(*more: tuple[str, bytes], without: str = "", **changed: str) -> Event | Refused:
    return unwrap(record(DATA, headers=headers(*more, without=without, **changed)))


def structured(**changed: object) -> Event | Refused:
    members = {name: value for name, value in (STRUCTURED | {"data": DATA} | changed).items() if value != "absent"}
    return unwrap(record(members, headers=STRUCTURED_TYPE))


def plain(*given: tuple[str, bytes], value: bytes | None = b'{"a":1}') -> Event | Refused:
    return unwrap(Record(Coordinates(2, 5), None, value, given))


def errors(result: Event | Refused) -> tuple[str, ...]:
    assert isinstance(result, Refused)
    return (result.outcome.type, *result.outcome.errors)


def event(result: Event | Refused) -> Event:
    assert isinstance(result, Event), result
    return result


def test_the_bindings_example_in_binary_mode() -> None:
    got = event(binary(("ce_time", b"2020-11-05T11:22:33Z"), ("ce_comexampleextension1", b"value")))
    assert (got.id, got.tenant, got.data) == ("1234-1234-1234", "acme", DATA)
    assert got.subject.type == "email.send-email.v1"


def test_the_bindings_example_in_structured_mode() -> None:
    got = event(
        structured(time="2020-11-05T11:22:33Z", comexampleextension1="value", datacontenttype="application/json")
    )
    assert (got.id, got.tenant, got.data) == ("1234-1234-1234", "acme", DATA)


def test_plain_json_has_its_attributes_in_headers() -> None:
    got = event(plain(("tenant", b"acme"), ("request_id", b"r-1"), ("operation", b"send-email")))
    assert (got.id, got.tenant, got.data, got.subject.type) == ("r-1", "acme", DATA, "email.send-email.v1")


def test_plain_json_without_request_id_is_known_by_where_it_lies() -> None:
    assert event(plain(("tenant", b"acme"))).id == "2:5"
    assert event(plain(("tenant", b"acme"), ("email_origin", b"1:77"))).id == "1:77"


@given(tenant=st.text("abcäöé-._09", min_size=1, max_size=20), id_=st.text("abc 漢:/%20-", min_size=1, max_size=40))
def test_what_a_cloudevents_library_writes_is_read_in_both_modes(tenant: str, id_: str) -> None:
    attributes = {"id": id_, "source": "/a", "type": "email.send-email.v1", "specversion": "1.0", "tenant": tenant}
    written = CloudEvent({**attributes, "datacontenttype": "application/json"}, DATA)
    for message in (to_binary_event(written), to_structured_event(written)):
        as_headers = tuple(message.headers.items())
        got = event(unwrap(Record(Coordinates(0, 0), None, message.value, as_headers)))
        assert (got.id, got.tenant, got.data) == (id_, tenant, DATA)


@pytest.mark.parametrize(
    "content_type",
    ["application/cloudevents+json", "Application/CloudEvents+JSON", "application/cloudevents+json ; charset=utf-8"],
)
def test_structured_mode_is_known_by_its_content_type_in_any_case_of_letters(content_type: str) -> None:
    members = STRUCTURED | {"data": DATA}
    assert event(unwrap(record(members, headers=(("Content-Type", content_type.encode()),)))).data == DATA


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "TEXT/JSON", "application/vnd.acme+json"])
def test_data_may_be_any_kind_of_json(content_type: str) -> None:
    assert event(binary(**{"content-type": content_type})).data == DATA
    assert event(structured(datacontenttype=content_type)).data == DATA
    assert event(plain(("tenant", b"acme"), ("content-type", content_type.encode()))).data == DATA


def test_names_of_headers_are_read_in_any_case_of_letters() -> None:
    shouted = tuple((name.upper(), value) for name, value in headers())
    assert event(unwrap(record(DATA, headers=shouted))).tenant == "acme"
    assert event(plain(("Tenant", b"acme"), ("Request_ID", b"r-1"))).id == "r-1"


def test_values_of_headers_are_utf_8_and_nothing_is_percent_decoded() -> None:
    assert event(binary(ce_id="100%25 ä")).id == "100%25 ä"


@pytest.mark.parametrize("prefix", [b"\x00\x00\x00\x00\x2a", b"\xef\xbb\xbf", b"\x00\x00\x00\x00\x2a\xef\xbb\xbf"])
def test_a_prefix_of_confluent_or_a_byte_order_mark_is_tolerated(prefix: bytes) -> None:
    given = (("tenant", b"acme"), ("__value_schema_id", b"\x01\xff\xfe"))
    assert event(plain(*given, value=prefix + b'{"a":1}')).data == DATA


def test_data_in_base64_is_json_too() -> None:
    encoded = base64.b64encode(orjson.dumps(DATA)).decode()
    assert event(structured(data="absent", data_base64=encoded)).data == DATA
    assert errors(structured(data="absent", data_base64="!")) == ("invalid-event", "/data_base64: not base64")
    assert errors(structured(data="absent", data_base64="aGFsbG8="))[0] == "invalid-json"
    assert errors(structured(data="absent", data_base64=5))[0] == "invalid-json"


def test_data_is_there_once() -> None:
    said = ("invalid-event", "/data: expected either data or data_base64")
    assert errors(structured(data="absent")) == said
    assert errors(structured(data_base64="e30=")) == said


@pytest.mark.parametrize("name", ["id", "source", "type", "specversion", "tenant"])
def test_a_missing_attribute_is_named(name: str) -> None:
    assert errors(binary(without=f"ce_{name}")) == ("invalid-event", f"header ce_{name}: missing")
    assert errors(structured(**{name: "absent"})) == ("invalid-event", f"/{name}: missing")
    assert errors(structured(**{name: None})) == ("invalid-event", f"/{name}: missing")


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("id", "", "empty"),
        ("id", "x" * 257, "longer than 256 characters"),
        ("id", "a\nb", "expected printable characters"),
        ("source", "", "empty"),
        ("tenant", "", "empty"),
        ("tenant", "x" * 129, "longer than 128 characters"),
        ("tenant", "a b", "expected no blanks"),
        ("tenant", "a\x00b", "expected printable characters"),
        ("specversion", "0.3", "only 1.0 is read"),
        (
            "type",
            "email.canary.v1",
            UNKNOWN_TYPE,
        ),
        ("expirytime", "tomorrow", "expected a time after RFC 3339 with its offset"),
        ("expirytime", "2026-11-21T10:00:00", "expected a time after RFC 3339 with its offset"),
        ("correlationid", "x" * 257, "longer than 256 characters"),
    ],
)
def test_an_attribute_that_breaks_its_rule_is_named_and_not_quoted(name: str, value: str, error: str) -> None:
    assert errors(binary(**{f"ce_{name}": value})) == ("invalid-event", f"header ce_{name}: {error}")
    assert errors(structured(**{name: value})) == ("invalid-event", f"/{name}: {error}")


def test_an_attribute_that_is_no_text_is_refused() -> None:
    assert errors(structured(tenant=5)) == ("invalid-event", "/tenant: not a string")


@pytest.mark.parametrize("name", ["ce_id", "CE_ID", "content-type", "ce_tenant"])
def test_the_same_attribute_twice_is_refused(name: str) -> None:
    assert errors(binary((name, b"application/json"))) == ("invalid-event", f"header {name.lower()}: given twice")


def test_a_plain_header_twice_is_refused_and_others_may_come_as_often_as_they_like() -> None:
    assert errors(plain(("tenant", b"a"), ("Tenant", b"b"))) == ("invalid-event", "header tenant: given twice")
    assert event(plain(("tenant", b"a"), ("b3", b"1"), ("b3", b"2"), ("traceparent", b"x"), ("traceparent", b"y")))


def test_the_name_of_an_unknown_attribute_is_not_quoted() -> None:
    twice = (("ce_canary", b"1"), ("ce_canary", b"2"), ("ce_canary", b"3"))
    assert errors(binary(*twice)) == ("invalid-event", "header ce_*: given twice")
    assert errors(binary(("ce_canary", b"\xff"))) == ("invalid-event", "header ce_*: not UTF-8")


def test_a_batch_and_other_formats_are_refused() -> None:
    for content_type, said in (
        (b"application/cloudevents-batch+json", "batches are not taken, send one event a record"),
        (b"application/cloudevents+avro", "of the event formats only application/cloudevents+json is read"),
        (b"application/cloudevents", "of the event formats only application/cloudevents+json is read"),
    ):
        got = unwrap(record(b"[]", headers=(("content-type", content_type),)))
        assert errors(got) == ("invalid-event", f"header content-type: {said}")


def test_data_that_says_it_is_not_json_is_refused() -> None:
    assert errors(binary(**{"content-type": "text/plain"})) == ("invalid-event", "header content-type: expected JSON")
    assert errors(structured(datacontenttype="text/xml")) == ("invalid-event", "/datacontenttype: expected JSON")


def test_a_structured_event_is_an_object() -> None:
    got = unwrap(record(b"[]", headers=STRUCTURED_TYPE))
    assert errors(got) == ("invalid-event", "/: expected an object")


def test_plain_json_without_a_tenant_is_refused() -> None:
    assert errors(plain()) == ("invalid-event", "header tenant: missing")


def test_an_event_that_forgot_its_content_type_is_told_so() -> None:
    said = errors(plain(value=orjson.dumps(STRUCTURED | {"data": DATA})))
    assert said[-1] == "header content-type: for a structured CloudEvent say application/cloudevents+json"


def test_an_unknown_operation_is_refused() -> None:
    said = errors(plain(("tenant", b"acme"), ("operation", b"send-fax")))
    assert said == (
        "invalid-event",
        f"header operation: {UNKNOWN_TYPE}",
    )


def test_what_could_be_read_is_known_of_a_refused_event() -> None:
    got = binary(("ce_correlationid", b"c-1"), ("ce_traceparent", TRACE.encode()), ce_source="")
    assert isinstance(got, Refused)
    assert got.subject == Subject(
        Coordinates(0, 7), Coordinates(0, 7), "acme", "1234-1234-1234", "email.send-email.v1", "c-1", TRACE
    )


def test_time_trace_and_correlation_are_carried() -> None:
    got = event(structured(expirytime="1970-01-01T00:01:00Z", correlationid="c-1", traceparent=TRACE))
    assert (got.expires, got.subject.correlation_id, got.subject.traceparent) == (60.0, "c-1", TRACE)


def test_a_trace_in_a_header_of_its_own_is_carried_and_one_that_is_none_is_ignored() -> None:
    assert event(plain(("tenant", b"a"), ("traceparent", TRACE.encode()))).subject.traceparent == TRACE
    assert event(binary(("ce_traceparent", b"canary"))).subject.traceparent is None
    assert event(binary(("ce_traceparent", b"canary"), ("traceparent", TRACE.encode()))).subject.traceparent == TRACE


IDS = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param(f"00-{IDS}-01", f"00-{IDS}-01", id="sampled"),
        pytest.param(f"00-{IDS}-00", f"00-{IDS}-00", id="not sampled"),
        pytest.param(f"cc-{IDS}-03-what-comes", f"00-{IDS}-01", id="a version to come"),
        pytest.param(f"cc-{IDS}-02", f"00-{IDS}-00", id="a flag to come"),
        pytest.param(f"00-{IDS}-01-more", None, id="more than version 00 has"),
        pytest.param(f"cc-{IDS}-01.more", None, id="more without its hyphen"),
        pytest.param(f"ff-{IDS}-01", None, id="the version that is none"),
        pytest.param(f"00-{IDS.upper()}-01", None, id="upper case"),
        pytest.param(f"00-{'0' * 32}-b7ad6b7169203331-01", None, id="no trace"),
        pytest.param(f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01", None, id="no parent"),
        pytest.param(f"cc-{IDS}-01-{'x' * 500}", None, id="too long"),
        pytest.param("", None, id="empty"),
        pytest.param("\xff", None, id="not UTF-8"),
    ],
)
def test_a_trace_is_kept_as_version_00_has_it_and_a_bad_one_is_no_error(given: str, kept: str | None) -> None:
    assert event(binary(("ce_traceparent", given.encode("latin-1")))).subject.traceparent == kept
    assert event(plain(("tenant", b"a"), ("traceparent", given.encode("latin-1")))).subject.traceparent == kept


def test_a_traces_state_is_carried_with_the_parent_that_it_came_with() -> None:
    given = (("traceparent", TRACE.encode()), ("tracestate", b"rojo=1, congo=2"))
    assert event(plain(("tenant", b"a"), *given)).subject.tracestate == "rojo=1,congo=2"
    assert event(structured(traceparent=TRACE, tracestate="rojo=1")).subject.tracestate == "rojo=1"
    assert (
        event(binary(("ce_traceparent", TRACE.encode()), ("ce_tracestate", b"rojo=1"))).subject.tracestate == "rojo=1"
    )
    both = (("ce_traceparent", TRACE.encode()), *given)
    assert event(binary(*both)).subject.tracestate is None
    assert (
        event(binary(("ce_traceparent", b"none"), ("ce_tracestate", b"x=1"), *given)).subject.tracestate
        == "rojo=1,congo=2"
    )


def test_states_of_several_headers_are_one_list_and_a_bad_one_is_no_error() -> None:
    parent = ("traceparent", TRACE.encode())
    several = (parent, ("tracestate", b"rojo=1"), ("Tracestate", b"congo=2"))
    assert event(plain(("tenant", b"a"), *several)).subject.tracestate == "rojo=1,congo=2"
    for bad in (b"CANARY", b"\xff=1", b""):
        subject = event(plain(("tenant", b"a"), parent, ("tracestate", bad))).subject
        assert (subject.traceparent, subject.tracestate) == (TRACE, None)
    assert event(structured(traceparent=TRACE, tracestate=7)).subject.tracestate is None


def test_a_trace_that_comes_twice_or_is_no_text_is_no_error() -> None:
    twice = (("ce_traceparent", TRACE.encode()), ("ce_traceparent", TRACE.encode()))
    assert event(binary(*twice)).subject.traceparent is None
    assert event(structured(traceparent=7)).subject.traceparent is None


@pytest.mark.parametrize(
    ("value", "error"),
    [
        pytest.param(None, "value: null", id="null"),
        pytest.param(b"", "value: empty", id="empty"),
        pytest.param(b"\x00\x00\x00\x00\x01", "value: not JSON, line 1, column 1", id="only-a-prefix"),
        pytest.param(b"{", "value: not JSON, line 1, column 2", id="half"),
        pytest.param(b'{"a": NaN}', "value: not JSON, line 1, column 7", id="nan"),
        pytest.param(b'"\\ud800"', "value: not JSON, line 1, column 2", id="lone-surrogate"),
        pytest.param(b'{"a": "\xff"}', "value: not UTF-8", id="not-utf-8"),
        pytest.param(b"[" * 5000 + b"]" * 5000, "value: not JSON, line 1, column 1026", id="deep"),
        pytest.param(b" " * 10_485_761, "value: larger than 10485760 bytes", id="large"),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(value: bytes | None, error: str) -> None:
    assert errors(plain(("tenant", b"acme"), value=value)) == ("invalid-json", error)
    structured_one = unwrap(Record(Coordinates(0, 0), None, value, STRUCTURED_TYPE))
    assert errors(structured_one) == ("invalid-json", error)


@pytest.mark.parametrize(
    ("value", "given", "tenant"),
    [
        (STRUCTURED, STRUCTURED_TYPE, "acme"),
        (STRUCTURED, (*STRUCTURED_TYPE, ("tenant", b"other"), ("ce_tenant", b"other")), "acme"),
        (DATA, headers(), "acme"),
        (DATA, (*headers(), ("tenant", b"other")), "acme"),
        (DATA, (("Tenant", b"acme"),), "acme"),
        (STRUCTURED, (("tenant", b"other"),), "other"),
        (b"{", STRUCTURED_TYPE, ""),
        (None, STRUCTURED_TYPE, ""),
        (b"[1]", STRUCTURED_TYPE, ""),
        ({"tenant": 5}, STRUCTURED_TYPE, ""),
        (DATA, (), ""),
        (DATA, (("tenant", b"\xff"),), "\ufffd"),
    ],
)
def test_whose_a_record_says_it_is(value: bytes | dict[str, object] | None, given: Headers, tenant: str) -> None:
    assert tenant_of(record(value, headers=given)) == tenant


def test_a_record_of_whoever_it_is_names_the_tenant_of_its_event() -> None:
    for one in (record(STRUCTURED | {"data": DATA}, headers=STRUCTURED_TYPE), record(DATA, headers=headers())):
        assert tenant_of(one) == event(unwrap(one)).tenant


NAMES = (
    *("tenant", "request_id", "operation", "content-type", "expirytime", "correlationid", "traceparent", "tracestate"),
    *("ce_specversion", "ce_type", "ce_source", "ce_id", "ce_tenant", "ce_expirytime", "ce_correlationid", "ce_time"),
    *("ce_traceparent", "ce_tracestate", "ce_datacontenttype", "email_origin", "specversion", "source", "own", "a\nb"),
)
VALUES = (
    *(
        b"",
        b"acme",
        b"a b",
        b"x" * 129,
        b"x" * 257,
        b"\xff",
        b"a\nb",
        "\u00e4".encode(),
        b"1.0",
        b"send-email",
        b"feedback",
        b"2:5",
    ),
    *(b"email.send-email.v1", b"application/json", b"text/plain", b"application/cloudevents+json", b"x=1", b"none"),
    *(b"application/cloudevents-batch+json", b"2026-07-01T10:00:00Z", b"2026-02-30T10:00:00Z", TRACE.encode()),
)
PLAIN: Headers = (("tenant", b"acme"), ("request_id", b"r-1"), ("operation", b"send-email"))
REQUIRED = st.sampled_from([PLAIN, PLAIN[:2], headers(), headers(without="content-type"), ()])
ODD = st.tuples(
    st.sampled_from(NAMES).flatmap(lambda name: st.sampled_from([name, name.title()])), st.sampled_from(VALUES)
)


@settings(max_examples=500)
@given(
    usual=REQUIRED,
    more=st.lists(ODD, max_size=5),
    value=st.sampled_from([b'{"a":1}', b"{", b"", None]),
    order=st.randoms(),
)
def test_headers_of_a_known_shape_mean_what_they_mean_one_by_one(
    usual: Headers, more: list[tuple[str, bytes]], value: bytes | None, order: Random
) -> None:
    replaced = [*(one for one in usual if not order.getrandbits(3)), *more] if order.getrandbits(1) else [*usual, *more]
    order.shuffle(replaced)
    one = Record(Coordinates(2, 5), None, value, tuple(replaced))
    assert (known := unwrap(one)) == header_by_header(one)
    assert isinstance(known, Refused) or known.tenant == tenant_of(one)
    assert unwrap(one, FEEDBACK) == header_by_header(one, FEEDBACK)


def test_a_name_of_two_lines_is_no_second_header_of_a_shape() -> None:
    twice = (*headers(), ("ce_specversion", b""), ("a\nb", b""))
    assert errors(unwrap(record(DATA, headers=twice))) == ("invalid-event", "header ce_specversion: given twice")
