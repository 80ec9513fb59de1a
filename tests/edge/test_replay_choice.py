"""Which requests a replay asks for again: what failed last, and never unsaid what was sent or may have been."""

import json

import pytest

from consumer.cli.replay import Choice, Chosen
from consumer.client import Emission, OutcomeEvent, events
from consumer.core.timestamp import format_timestamp

NOW = 1_700_000_000.0


def ended(kind: str, id_: str = "r-1", *, tenant: str = "acme", ago: float = 60.0, type_: str = "") -> OutcomeEvent:
    data = {"type": type_} if type_ else {}
    return OutcomeEvent(kind, "", tenant, id_, f"0:{id_}", format_timestamp(NOW - ago), data)


def again(*outcomes: OutcomeEvent, **about: object) -> list[str]:
    given = {"tenant": None, "kinds": frozenset(), "since": 3600.0, "until": 0.0, "sent_too": False} | about
    chosen = Chosen(Choice(**given), NOW)  # type: ignore[arg-type]
    for one in outcomes:
        chosen.look(one)
    return [f"{one.tenant}/{one.id}" for one in chosen.again()]


@pytest.mark.parametrize("kind", ["rejected", "suppressed", "rate-limited", "expired", "invalid", "unresolvable"])
def test_what_failed_is_asked_for_again(kind: str) -> None:
    assert again(ended(kind)) == ["acme/r-1"]


@pytest.mark.parametrize("kind", ["accepted", "unknown", "duplicate", "cancelled", "obeyed", "declined"])
def test_what_did_not_fail_is_not(kind: str) -> None:
    assert again(ended(kind)) == []


@pytest.mark.parametrize("kind", ["accepted", "unknown"])
def test_what_may_have_been_sent_has_to_be_said_twice(kind: str) -> None:
    assert again(ended(kind), kinds=frozenset({kind})) == []
    assert again(ended(kind), kinds=frozenset({kind}), sent_too=True) == ["acme/r-1"]
    assert again(ended(kind), sent_too=True) == []


@pytest.mark.parametrize("last", ["accepted", "unknown", "cancelled"])
def test_the_last_ending_decides(last: str) -> None:
    assert again(ended("rejected"), ended(last)) == []
    assert again(ended("rejected"), ended("duplicate")) == ["acme/r-1"]
    assert again(ended("expired"), ended("rejected"), kinds=frozenset({"expired"})) == []


def test_what_was_sent_once_is_left_out_whatever_came_after_it() -> None:
    assert again(ended("unknown"), ended("rejected")) == []


def test_tenant_type_and_time_choose() -> None:
    outcomes = (
        ended("invalid", "a", type_="unknown-tenant"),
        ended("invalid", "b", type_="invalid-json"),
        ended("invalid", "c", type_="unknown-tenant", tenant="other"),
        ended("invalid", "d", type_="unknown-tenant", ago=7200.0),
    )
    assert again(*outcomes, tenant="acme", kinds=frozenset({"unknown-tenant"})) == ["acme/a"]
    assert again(*outcomes, until=300.0, since=9000.0) == ["acme/d"]


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        (events.STRUCTURED, b'{"specversion": "1.0", "id": "r-1", "data": {}}'),
        ((("ce_id", b"r-1"), ("ce_type", b"x")), b"{}"),
        ((("tenant", b"acme"), ("Request_ID", b"r-1")), b"{}"),
        ((("tenant", b"acme"),), b"{}"),
    ],
    ids=["structured", "binary", "plain", "plain without an id"],
)
def test_a_second_mail_gets_another_id_however_its_request_is_wrapped(
    headers: tuple[tuple[str, bytes], ...], value: bytes
) -> None:
    repeated = events.repeated(Emission(b"acme", value, headers), "r-2")
    ids = [text for name, text in repeated.headers if name.lower() in {"ce_id", "request_id"}]
    ids += [json.loads(repeated.value)["id"].encode()] if headers == events.STRUCTURED else []
    assert (repeated.key, ids) == (b"acme", [b"r-2"])
