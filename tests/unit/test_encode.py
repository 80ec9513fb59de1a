"""Each ending as its readers get it."""

from dataclasses import replace
from typing import Any

import jsonschema_rs
import orjson
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
from hypothesis import given
from hypothesis import strategies as st

from consumer.adapters.schemas import load
from consumer.core import reply
from consumer.core.encode import kind, outcome_event
from consumer.core.outcome import (
    Accepted,
    Cancelled,
    Declined,
    Duplicate,
    Expired,
    Failed,
    Invalid,
    Obeyed,
    Outcome,
    RateLimited,
    Refusal,
    Rejected,
    Subject,
    Suppressed,
    Timed,
    Unknown,
    Unresolvable,
    Validated,
    Why,
)
from consumer.core.record import Coordinates
from consumer.core.reply import Reply

TESTED = jsonschema_rs.validator_for(load("send-test-email.outcome.v1"))
VALIDATED = jsonschema_rs.validator_for(load("validate-credentials.outcome.v1"))
ANSWERED = jsonschema_rs.validator_for(load("parked-command.outcome.v1"))
OUTCOMES = jsonschema_rs.validator_for(load("send-email.outcome.v1"))
AT, NOW = 1_700_000_000.25, 1_700_000_001.0
SUBJECT = Subject(
    at=Coordinates(3, 12),
    origin=Coordinates(1, 40),
    tenant="acme",
    id="r-1",
    type="email.send-email.v1",
    correlation_id="c-1",
    traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
    tracestate="rojo=1,congo=2",
)
GONE = Refusal("bob@example.com", Reply(550, "no such user", "5.1.1"))
GONE_BODY = {
    "recipient": "bob@example.com",
    "code": 550,
    "enhancedCode": "5.1.1",
    "response": "550 5.1.1 no such user",
}
BLOCKED = "All recipients are blocked: too many bounces or complaints."
TIMED_OUT = "No relay took the mail in time; the last reason was: relay-down"
TAKEN_BACK = "The request was cancelled before a relay took the mail."
IN_DOUBT = "The relay may or may not have the mail, and nobody can find out."

NOT_ASKED = {
    "recipient": "NS-EU-1-A",
    "type": "blocked",
    "response": "not sent: the recipient is on the tenant's suppression list",
}
ENDINGS: list[tuple[str, Outcome, dict[str, Any]]] = [
    (
        "accepted",
        Accepted(("ann@example.com",), (GONE,), "me@acme.example", "250 2.0.0 queued as 1", "<m@acme.example>", AT),
        {
            "status": 204,
            "message": "The relay accepted the mail for 1 of 2 recipients.",
            "accepted": ["ann@example.com"],
            "rejected": ["bob@example.com"],
            "rejectedErrors": [GONE_BODY],
            "envelope": {"from": "me@acme.example", "to": ["ann@example.com", "bob@example.com"]},
            "response": "250 2.0.0 queued as 1",
            "messageId": "<m@acme.example>",
            "sentAt": "2023-11-14T22:13:20.250Z",
        },
    ),
    (
        "accepted",
        Accepted(
            ("ann@example.com",), (Refusal("NS-EU-1-A", reply.BLOCKED),), "me@acme.example", "250 ok", "<m@a>", AT
        ),
        {
            "status": 204,
            "message": "The relay accepted the mail for 1 of 2 recipients.",
            "accepted": ["ann@example.com"],
            "rejected": ["NS-EU-1-A"],
            "rejectedErrors": [NOT_ASKED],
            "envelope": {"from": "me@acme.example", "to": ["ann@example.com"]},
            "response": "250 ok",
            "messageId": "<m@a>",
            "sentAt": "2023-11-14T22:13:20.250Z",
        },
    ),
    (
        "rejected",
        Rejected(Reply(550, "no such user", "5.1.1"), (GONE,), "<m@acme.example>"),
        {
            "status": 422,
            "type": "rejected",
            "error": "The relay refused the mail for good: 550 5.1.1 no such user",
            "message": "The relay refused the mail for good: 550 5.1.1 no such user",
            "accepted": [],
            "rejected": ["bob@example.com"],
            "rejectedErrors": [GONE_BODY],
            "response": "550 5.1.1 no such user",
            "messageId": "<m@acme.example>",
        },
    ),
    (
        "rejected",
        Rejected(Reply(550, "go away")),
        {
            "status": 422,
            "type": "rejected",
            "error": "The relay refused the mail for good: 550 go away",
            "message": "The relay refused the mail for good: 550 go away",
            "accepted": [],
            "rejected": [],
            "rejectedErrors": [],
            "response": "550 go away",
        },
    ),
    (
        "suppressed",
        Suppressed(("NS-EU-1-A",)),
        {
            "status": 429,
            "type": "blocked",
            "error": BLOCKED,
            "message": BLOCKED,
            "accepted": [],
            "rejected": ["NS-EU-1-A"],
            "rejectedErrors": [NOT_ASKED],
        },
    ),
    (
        "rate-limited",
        RateLimited(12.1),
        {
            "status": 429,
            "type": "rate-limited",
            "error": "The tenant's limit is reached; there is room again in 13 s.",
            "message": "The tenant's limit is reached; there is room again in 13 s.",
            "retryAfter": 13,
        },
    ),
    (
        "expired",
        Expired("relay-down", 4),
        {
            "status": 408,
            "type": "expired",
            "error": TIMED_OUT,
            "message": TIMED_OUT,
            "reason": "relay-down",
            "attempts": 4,
            "accepted": [],
            "rejected": [],
            "rejectedErrors": [],
        },
    ),
    (
        "duplicate",
        Duplicate("duplicate", Coordinates(1, 2)),
        {
            "status": 409,
            "type": "duplicate",
            "error": "This request was taken before.",
            "message": "This request was taken before.",
            "original": {"partition": 1, "offset": 2},
        },
    ),
    (
        "duplicate",
        Duplicate("conflict", Coordinates(1, 2)),
        {
            "status": 409,
            "type": "conflict",
            "error": "Another request was taken before under this id.",
            "message": "Another request was taken before under this id.",
            "original": {"partition": 1, "offset": 2},
        },
    ),
    (
        "invalid",
        Invalid("invalid-request", ("/to: a", "/cc: b")),
        {
            "status": 400,
            "type": "invalid-request",
            "error": "/to: a; /cc: b",
            "message": "/to: a; /cc: b",
            "errors": ["/to: a", "/cc: b"],
        },
    ),
    (
        "invalid",
        Invalid("unknown-tenant", ("tenant: unknown",)),
        {
            "status": 404,
            "type": "unknown-tenant",
            "error": "tenant: unknown",
            "message": "tenant: unknown",
            "errors": ["tenant: unknown"],
        },
    ),
    (
        "unresolvable",
        Unresolvable("pii-unresolved", ("/to/0: unknown",)),
        {
            "status": 424,
            "type": "pii-unresolved",
            "error": "/to/0: unknown",
            "message": "/to/0: unknown",
            "errors": ["/to/0: unknown"],
        },
    ),
    (
        "unresolvable",
        Unresolvable("attachment-too-large", ("/attachments/0: too large",), too_large=True),
        {
            "status": 413,
            "type": "attachment-too-large",
            "error": "/attachments/0: too large",
            "message": "/attachments/0: too large",
            "errors": ["/attachments/0: too large"],
        },
    ),
    (
        "unknown",
        Unknown("link-lost", "<m@acme.example>", AT),
        {
            "status": 504,
            "type": "unknown",
            "error": IN_DOUBT,
            "message": IN_DOUBT,
            "reason": "link-lost",
            "messageId": "<m@acme.example>",
            "sentAt": "2023-11-14T22:13:20.250Z",
        },
    ),
    (
        "cancelled",
        Cancelled("rcpt 450", 2, (GONE,)),
        {
            "status": 410,
            "type": "cancelled",
            "error": TAKEN_BACK,
            "message": TAKEN_BACK,
            "reason": "rcpt 450",
            "attempts": 2,
            "accepted": [],
            "rejected": ["bob@example.com"],
            "rejectedErrors": [GONE_BODY],
        },
    ),
]
DECLINED: list[tuple[Why, int, str]] = [
    ("not-parked", 404, "No request with this id is parked for this tenant."),
    ("in-flight", 409, "The request is being worked on at this moment."),
    ("window-full", 409, "The request waits for a slot of its tenant's window, and no command exceeds a limit."),
    ("queued", 409, "The request stands in its tenant's queue, which keeps its order."),
    ("expired", 408, "The command's time was up before it was read."),
    (
        "config-unavailable",
        503,
        "A part was sent, and without its tenant's configuration nobody can say how it ended.",
    ),
]
ANSWERS: list[tuple[str, Outcome, dict[str, Any]]] = [
    (
        "obeyed",
        Obeyed("promote", "r-1"),
        {"status": 204, "message": "The parked request is due now.", "command": "promote", "id": "r-1"},
    ),
    *(
        (
            "declined",
            Declined(why, "cancel", "r-1"),
            {"status": status, "type": why, "error": text, "message": text, "command": "cancel", "id": "r-1"},
        )
        for why, status, text in DECLINED
    ),
    (
        "invalid",
        Invalid("invalid-request", ("/id: a",)),
        {"status": 400, "type": "invalid-request", "error": "/id: a", "message": "/id: a", "errors": ["/id: a"]},
    ),
]


WRONG = Reply(535, "wrong user or password", "5.7.8")
WRONG_TEXT = (
    "It came as far as auth: the relay said 535 5.7.8 wrong user or password "
    "(wrong user or password; where the account has two factors, an application password)"
)
REACHED = (Timed("dns", 0.0011), Timed("tcp", 0.25), Timed("auth", 1.0))
ON_THE_WAY = [{"stage": "dns", "ms": 1.1}, {"stage": "tcp", "ms": 250.0}, {"stage": "auth", "ms": 1000.0}]
NO_SECRET = (
    "It came as far as auth: token-refused AADSTS7000215 "
    "(wrong client secret: client_secret is the secret's value, not its id)"
)
TRIALS: list[tuple[str, Outcome, dict[str, Any]]] = [
    (
        "failed",
        Failed("auth", "token-refused AADSTS7000215", stages=REACHED),
        {
            "status": 422,
            "success": False,
            "type": "auth-failed",
            "error": NO_SECRET,
            "message": NO_SECRET,
            "stage": "auth",
            "stages": ON_THE_WAY,
            "reason": "token-refused AADSTS7000215",
        },
    ),
    (
        "failed",
        Failed("auth", "refused", WRONG, REACHED),
        {
            "status": 422,
            "success": False,
            "type": "auth-failed",
            "error": WRONG_TEXT,
            "message": WRONG_TEXT,
            "stage": "auth",
            "stages": ON_THE_WAY,
            "reason": "refused",
            "response": "535 5.7.8 wrong user or password",
        },
    ),
    (
        "failed",
        Failed("tls", "starttls-not-offered", stages=REACHED[:1]),
        {
            "status": 502,
            "success": False,
            "type": "tls-failed",
            "error": "It came as far as tls: the relay offers no STARTTLS, so no login was sent",
            "message": "It came as far as tls: the relay offers no STARTTLS, so no login was sent",
            "stage": "tls",
            "stages": ON_THE_WAY[:1],
            "reason": "starttls-not-offered",
        },
    ),
    (
        "failed",
        Failed("config", "config-unavailable"),
        {
            "status": 503,
            "success": False,
            "type": "config-failed",
            "error": "It came as far as config: the tenant's configuration cannot be had at this moment",
            "message": "It came as far as config: the tenant's configuration cannot be had at this moment",
            "stage": "config",
            "reason": "config-unavailable",
        },
    ),
    (
        "validated",
        Validated(REACHED, login=True, reply=Reply(235, "welcome", "2.7.0")),
        {
            "status": 204,
            "success": True,
            "message": "The relay took the login.",
            "stage": "auth",
            "stages": ON_THE_WAY,
            "response": "235 2.7.0 welcome",
        },
    ),
    (
        "validated",
        Validated(REACHED[:2], login=False),
        {
            "status": 204,
            "success": True,
            "message": "The relay can be used; there was nothing to log in with.",
            "stage": "tcp",
            "stages": ON_THE_WAY[:2],
        },
    ),
    (
        "expired",
        Expired("", 0),
        {
            "status": 408,
            "success": False,
            "type": "expired",
            "error": "Its time was up before anything was done.",
            "message": "Its time was up before anything was done.",
            "reason": "",
            "attempts": 0,
            "accepted": [],
            "rejected": [],
            "rejectedErrors": [],
        },
    ),
]


@pytest.mark.parametrize(("name", "outcome", "body"), TRIALS, ids=[f"{e[0]}-{n}" for n, e in enumerate(TRIALS)])
def test_each_ending_of_a_validation_says_whether_it_was_a_success(
    name: str, outcome: Outcome, body: dict[str, Any]
) -> None:
    subject = replace(SUBJECT, type="email.validate-credentials.v1")
    headers, value = outcome_event(subject, outcome, source="/group/email.requests", now=NOW)
    assert orjson.loads(value) == body
    assert kind(outcome) == name
    assert dict(headers)["ce_type"] == b"email.validate-credentials.outcome.v1"
    VALIDATED.validate(orjson.loads(value))


@pytest.mark.parametrize("outcome", [one for _, one, _ in ENDINGS] + [one for _, one, _ in TRIALS], ids=repr)
def test_each_ending_of_a_validation_or_a_test_keeps_its_schema(outcome: Outcome) -> None:
    for type_, schema in (("validate-credentials", VALIDATED), ("send-test-email", TESTED)):
        if isinstance(outcome, Accepted | Validated) and schema is not (
            TESTED if isinstance(outcome, Accepted) else VALIDATED
        ):
            continue
        subject = replace(SUBJECT, type=f"email.{type_}.v1")
        headers, value = outcome_event(subject, outcome, source="/group/email.requests", now=NOW)
        assert dict(headers)["ce_type"] == f"email.{type_}.outcome.v1".encode()
        schema.validate(orjson.loads(value))


@pytest.mark.parametrize(("name", "outcome", "body"), ENDINGS, ids=[f"{e[0]}-{n}" for n, e in enumerate(ENDINGS)])
def test_each_ending_has_its_body_and_keeps_the_schema(name: str, outcome: Outcome, body: dict[str, Any]) -> None:
    headers, value = outcome_event(SUBJECT, outcome, source="/group/email.requests", now=NOW)
    assert orjson.loads(value) == body
    assert kind(outcome) == name
    assert dict(headers)["x-kind"] == name.encode()
    OUTCOMES.validate(orjson.loads(value))


@pytest.mark.parametrize(("name", "outcome", "body"), ANSWERS, ids=[f"{e[0]}-{n}" for n, e in enumerate(ANSWERS)])
def test_each_answer_to_a_command_has_its_body_and_keeps_its_own_schema(
    name: str, outcome: Outcome, body: dict[str, Any]
) -> None:
    subject = replace(SUBJECT, type="email.parked-command.v1")
    headers, value = outcome_event(subject, outcome, source="/group/email.requests", now=NOW)
    assert orjson.loads(value) == body
    assert kind(outcome) == name
    assert dict(headers)["ce_type"] == b"email.parked-command.outcome.v1"
    ANSWERED.validate(orjson.loads(value))


def test_the_headers_are_attributes_and_the_journal() -> None:
    headers, _ = outcome_event(
        SUBJECT, RateLimited(1), source="/group/email.requests", now=NOW, digest=b"\x01" * 16, sent=((AT, 1), (NOW, 2))
    )
    assert dict(headers) == {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_id": b"1:40",
        "ce_source": b"/group/email.requests/1/40",
        "ce_type": b"email.send-email.outcome.v1",
        "ce_time": b"2023-11-14T22:13:21.000Z",
        "ce_partition": b"3",
        "ce_offset": b"12",
        "ce_originpartition": b"1",
        "ce_originoffset": b"40",
        "ce_tenant": b"acme",
        "ce_causationid": b"r-1",
        "ce_correlationid": b"c-1",
        "ce_traceparent": b"00-11111111111111111111111111111111-2222222222222222-01",
        "ce_tracestate": b"rojo=1,congo=2",
        "x-kind": b"rate-limited",
        "x-sent-at": b"1700000000.25:1,1700000001.0:2",
        "x-digest": b"01" * 16,
    }


def test_the_outcome_of_something_unreadable_says_only_where_it_lies() -> None:
    subject = Subject(Coordinates(0, 1), Coordinates(0, 1))
    headers, _ = outcome_event(subject, Invalid("invalid-json", ("value: empty",)), source="/g/t", now=NOW)
    names = {name for name, _ in headers}
    assert dict(headers)["ce_type"] == b"email.unknown.outcome.v1"
    assert not names & {
        "ce_tenant",
        "ce_causationid",
        "ce_correlationid",
        "ce_traceparent",
        "ce_tracestate",
        "x-sent-at",
        "x-digest",
    }


def test_a_cloudevents_library_reads_an_outcome() -> None:
    headers, value = outcome_event(SUBJECT, RateLimited(1), source="/group/email.requests", now=NOW)
    event = from_kafka_event(KafkaMessage(dict(headers), None, value))
    assert (event.get_id(), event.get_type()) == ("1:40", "email.send-email.outcome.v1")
    assert event.get_extension("causationid") == "r-1"
    assert event.get_data() == orjson.loads(value)


def test_the_largest_outcome_fits_into_a_record_of_kafka() -> None:
    long = "x" * 64 + "@" + "y" * 189
    refusals = tuple(Refusal(long, Reply(550, "z" * 10_000, "5.7.1")) for _ in range(999))
    outcome = Accepted(("a@b",), refusals, long, "250 " + "z" * 10_000, "<m@b>", AT)
    _, value = outcome_event(SUBJECT, outcome, source="/g/t", now=NOW)
    assert len(value) < 1_000_000


@given(text=st.text(st.characters(exclude_categories=())))
def test_whatever_a_relay_says_can_be_written_down(text: str) -> None:
    outcome = Rejected(Reply(550, text), (Refusal("a@b", Reply(550, text)),))
    _, value = outcome_event(replace(SUBJECT, id=None), outcome, source="/g/t", now=NOW)
    OUTCOMES.validate(orjson.loads(value))
