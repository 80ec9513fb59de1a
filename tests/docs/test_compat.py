"""The gate in front of the published schemas lets through what breaks nobody, and nothing else."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from consumer.adapters.schemas import load
from devtools import compat

Change = Callable[[dict[str, Any]], object]

REQUEST = load("send-email.v1")
OUTCOME = load("send-email.outcome.v1")


def changed(schema: dict[str, Any], change: Change) -> dict[str, Any]:
    copied = copy.deepcopy(schema)
    change(copied)
    return copied


def backward(change: Change) -> list[str]:
    return list(compat.narrower(changed(REQUEST, change), REQUEST))


def forward(change: Change) -> list[str]:
    return list(compat.narrower(OUTCOME, changed(OUTCOME, change)))


def field(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return schema["properties"][name]


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        lambda s: s["properties"].update(new={"type": "string"}),
        lambda s: s.update(description="other words"),
        lambda s: s["definitions"]["body"].update(maxLength=99_999_999),
        lambda s: field(s, "onUnknown")["enum"].append("ask"),
        lambda s: field(s, "hLimit").pop("maximum"),
    ],
    ids=["nothing", "a new field", "words", "a wider bound", "one more word", "a bound less"],
)
def test_what_a_producer_does_not_notice_passes(change: Change) -> None:
    assert backward(change) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["properties"].pop("bcc"),
        lambda s: s.update(required=["subject"]),
        lambda s: s["definitions"]["body"].update(maxLength=10),
        lambda s: s["definitions"]["body"].update(type="object"),
        lambda s: s["definitions"]["subject"].update(pattern="^[a-z]*$"),
        lambda s: field(s, "onUnknown")["enum"].remove("resend"),
        lambda s: field(s, "cc").pop("$ref") and field(s, "cc").update(type="array", maxItems=1),
        lambda s: s["allOf"].pop(),
        lambda s: s["allOf"].append({"required": ["subject"]}),
        lambda s: s["definitions"]["connection"]["properties"].pop("user"),
    ],
    ids=["gone", "required", "shorter", "type", "pattern", "word", "ref", "rule less", "rule more", "nested"],
)
def test_what_a_producer_would_notice_does_not(change: Change) -> None:
    assert backward(change)


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        lambda s: s["properties"].update(new={"type": "string"}),
        lambda s: s["required"].append("new"),
        lambda s: field(s, "attempts").update(maximum=5),
    ],
    ids=["nothing", "a new field", "one more that is always there", "a tighter bound"],
)
def test_what_a_reader_of_outcomes_does_not_notice_passes(change: Change) -> None:
    assert forward(change) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["properties"].pop("messageId"),
        lambda s: s["required"].remove("status"),
        lambda s: field(s, "attempts").pop("minimum"),
        lambda s: field(s, "accepted").update(items={"type": "integer"}),
        lambda s: field(s, "status").update(type="string"),
    ],
    ids=["gone", "no longer always there", "a wider bound", "items", "type"],
)
def test_what_a_reader_of_outcomes_would_notice_does_not(change: Change) -> None:
    assert forward(change)


def test_an_outcome_that_is_closed_would_break_its_readers() -> None:
    closed = changed(OUTCOME, lambda s: s.update(additionalProperties=False))
    assert list(compat.narrower(closed, OUTCOME))


def test_each_published_schema_goes_on_from_what_was_accepted_last() -> None:
    accepted = {file.name for file in compat.HISTORY.glob("*.json")}
    assert accepted >= {"send-email.v1.json", "send-email.outcome.v1.json"}
    assert [fault for name in accepted for fault in compat.compare(name)] == []
