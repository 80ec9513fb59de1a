"""Every way a request can end, each with exactly its facts.

Addresses stand here as the producer wrote them. Consume `Outcome` by `match` without
a catch-all: one ending more then fails the type check where it must be thought about.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from consumer.core.frozen import frozen
from consumer.core.parked_command import Verb
from consumer.core.record import Coordinates
from consumer.core.reply import Answer, Reply

Why: TypeAlias = Literal["not-parked", "in-flight", "window-full", "queued", "config-unavailable", "expired"]
"""Why a command changed nothing."""


@dataclass(frozen=True, slots=True)
class Timed:
    """A stage on the way to a relay, and the seconds that it took."""

    name: str
    seconds: float


@frozen
class Refusal:
    """A recipient that was refused for good, with the relay's own words, or that is blocked."""

    recipient: str
    reply: Answer


@frozen
class Accepted:
    """The relay took it for at least one recipient. `at` is when it said so, in seconds since the epoch."""

    accepted: tuple[str, ...]
    rejected: tuple[Refusal, ...]
    sender: str
    response: str
    message_id: str
    at: float


@dataclass(frozen=True, slots=True)
class Rejected:
    """The relay refused it for good."""

    reply: Reply
    rejected: tuple[Refusal, ...] = ()
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """All its recipients must not be written to."""

    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RateLimited:
    """The tenant's window is full and its policy is to refuse. `retry_after` is in seconds."""

    retry_after: float


@dataclass(frozen=True, slots=True)
class Expired:
    """Its time, or its attempts, were used up before a relay took it."""

    last_reason: str
    attempts: int
    rejected: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Its id is used up: by the same request (`duplicate`) or by another one (`conflict`)."""

    type: Literal["duplicate", "conflict"]
    original: Coordinates


@dataclass(frozen=True, slots=True)
class Invalid:
    """Nothing that can be sent. `errors` name the place and the rule, never the content."""

    type: Literal["invalid-json", "invalid-event", "invalid-request", "unknown-tenant"]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unresolvable:
    """What it refers to cannot be had: `type` says what, `too_large` makes it a 413."""

    type: str
    errors: tuple[str, ...]
    too_large: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The relay may or may not have it, and nobody can find out."""

    reason: str
    message_id: str | None
    at: float


@dataclass(frozen=True, slots=True)
class Failed:
    """Of a test mail or a validation: it came as far as `stage`, and is not tried again.

    `reason` is from a closed set and never quotes; `reply` is the relay's own word where it had one, without secrets.
    `stages` are those of a validation.
    """

    stage: str
    reason: str
    reply: Reply | None = None
    stages: tuple[Timed, ...] = ()

    @property
    def credentials(self) -> bool:
        """Whether it is the credentials that the relay refused, or who gives out tokens for it."""
        refused = self.reason.startswith("token-refused") if self.reply is None else not self.reply.transient
        return self.stage == "auth" and refused


@dataclass(frozen=True, slots=True)
class Validated:
    """Of a validation: the relay can be used. `login` says whether there was something to log in with."""

    stages: tuple[Timed, ...]
    login: bool
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """It was parked, and somebody took it back before a relay took it."""

    last_reason: str
    attempts: int
    rejected: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Obeyed:
    """Of a command: the parked request with this id has ended, or is due now."""

    command: Verb
    id: str


@dataclass(frozen=True, slots=True)
class Declined:
    """Of a command: nothing was changed. `type` says why."""

    type: Why
    command: Verb
    id: str


Outcome: TypeAlias = (
    Accepted
    | Rejected
    | Suppressed
    | RateLimited
    | Expired
    | Duplicate
    | Invalid
    | Unresolvable
    | Unknown
    | Failed
    | Validated
    | Cancelled
    | Obeyed
    | Declined
)


@frozen
class Subject:
    """What an outcome is about: the attributes of its request, as far as they could be read."""

    at: Coordinates
    origin: Coordinates
    tenant: str | None = None
    id: str | None = None
    type: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None


Kind: TypeAlias = Literal[
    "accepted",
    "rejected",
    "suppressed",
    "rate-limited",
    "expired",
    "duplicate",
    "conflict",
    "invalid-json",
    "invalid-event",
    "invalid-request",
    "unknown-tenant",
    "unresolvable",
    "unknown",
    "failed",
    "validated",
    "cancelled",
    "obeyed",
    "not-parked",
    "in-flight",
    "window-full",
    "queued",
    "config-unavailable",
]


def kind_of(outcome: Outcome) -> Kind:  # noqa: C901, PLR0911  an ending a line
    """Its name, from a closed set: what metrics and log lines call it."""
    match outcome:
        case Accepted():
            return "accepted"
        case Rejected():
            return "rejected"
        case Suppressed():
            return "suppressed"
        case RateLimited():
            return "rate-limited"
        case Expired():
            return "expired"
        case Duplicate() | Invalid() | Declined():
            return outcome.type
        case Unresolvable():
            return "unresolvable"
        case Unknown():
            return "unknown"
        case Failed():
            return "failed"
        case Validated():
            return "validated"
        case Cancelled():
            return "cancelled"
        case Obeyed():
            return "obeyed"
