"""Feedback: what became of a mail after a relay had taken it, and what people decided about a recipient.

It comes in the envelopes that requests come in. `schemas/feedback.v1.json` is the contract, this is the same
contract as types. Errors name the place and the rule, never the content.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, StringConstraints, ValidationError, model_validator

from consumer.core import wire
from consumer.core.attribute import Kinds, kinds
from consumer.core.closed import Closed
from consumer.core.envelope import Refused, unwrap
from consumer.core.judge import Judge
from consumer.core.outcome import Invalid, Subject
from consumer.core.record import Record
from consumer.core.suppression import TEACHING, Kind, Lesson, Policy
from consumer.core.suppression_list import event_id
from consumer.core.timestamp import parse_timestamp

FEEDBACK = "email.feedback.v1"
KINDS: Kinds = kinds({FEEDBACK: FEEDBACK, "feedback": FEEDBACK}, assumed=FEEDBACK)


class Heard(StrEnum):
    """What became of an event. A closed set: metrics use it as a label."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    BLOCK = "block"
    UNBLOCK = "unblock"
    REPEATED = "repeated"  # the same event was heard before
    NO_LESSON = "no-lesson"  # a bounce for policy, or for now: the recipient is not to blame
    FORWARDED = "forwarded"  # to its tenant's home
    UNUSABLE = "unusable"  # it breaks the contract, or its token or key is not known


def _fits(value: str) -> str:
    if wire.RECIPIENT_FITS.match(value):
        return value
    raise ValueError


def _seconds(value: object) -> object:
    return parse_timestamp(value) if isinstance(value, str) else None


class Told(Closed):
    """The body: of whom, and what."""

    kind: Literal["bounce", "complaint", "block", "unblock"]
    recipient: (
        Annotated[str, StringConstraints(max_length=254, pattern=wire.RECIPIENT), AfterValidator(_fits)] | None
    ) = None
    digest: Annotated[str, StringConstraints(pattern="^[0-9a-f]{8}:[0-9a-f]{32}$")] | None = None
    code: Annotated[str, StringConstraints(pattern=r"^[245]\.[0-9]{1,3}\.[0-9]{1,3}$")] | None = None
    until: Annotated[float, BeforeValidator(_seconds)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Told":
        if (self.recipient is None) == (self.digest is None):
            raise ValueError
        if (self.code is not None and self.kind != "bounce") or (self.until is not None and self.kind != "block"):
            raise ValueError
        return self


@dataclass(frozen=True, slots=True)
class Feedback:
    """One event; `at` is when it came to Kafka, in seconds since the epoch."""

    subject: Subject
    tenant: str
    id: str
    told: Told
    at: float


class Ear:
    """Judges feedback by its published schema, and reads it into types."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._judge = Judge(dict(schema))

    def hear(self, record: Record) -> Feedback | Refused:
        """What the record says, or what is wrong with it. Never raises for one."""
        event = unwrap(record, KINDS)
        if isinstance(event, Refused):
            return event
        errors = self._judge.errors(event.data)
        if errors:
            return Refused(event.subject, Invalid("invalid-request", errors))
        try:
            told = Told.model_validate(event.data)
        except ValidationError:  # only if schema and model differ, and tests prove that they do not
            return Refused(event.subject, Invalid("invalid-request", ("/: expected another form",)))
        return Feedback(event.subject, event.tenant, event.id, told, record.timestamp)


def lesson(feedback: Feedback) -> Lesson | None:
    """What it teaches about its recipient, if it does."""
    told = feedback.told
    kind, reason = Kind(told.kind), told.kind
    if kind is Kind.BOUNCE and told.code is not None:
        if told.code not in TEACHING:
            return None
        reason = told.code
    until = inf if told.until is None else told.until
    return Lesson(kind, reason, feedback.at, event_id(f"{feedback.tenant}\0{feedback.id}"), until)


def marked(feedback: Feedback, policy: Policy) -> bytes | None:
    """The mark of its recipient where it comes with one; None if another key made it, or it has an address."""
    key_id, _, mark = (feedback.told.digest or "").partition(":")
    return bytes.fromhex(mark) if key_id == policy.key_id else None


__all__ = ["FEEDBACK", "KINDS", "Ear", "Feedback", "Heard", "Refused", "Told", "lesson", "marked"]
