"""What a verdict, a bounce, a complaint or somebody's decision teaches about a recipient of a tenant.

An address is known here only by its mark: a keyed hash over tenant and address, so that a list that gets lost tells
nobody's address, and nothing of whether two tenants write to the same person.
"""

import hmac
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import inf
from typing import NamedTuple
from unicodedata import normalize

from consumer.core.address import parse_recipient
from consumer.core.attempt import Answered, Attempt, InDoubt, Lapsed, NotSent, Withheld
from consumer.core.mail import Address

DAY = 86_400.0

TEACHING = frozenset(("5.1.1", "5.1.2", "5.1.3", "5.1.10"))
"""Verdicts on the recipient (RFC 3463, 3.2; RFC 7505, 4.2). Policy, credentials and what is only for now are none."""

MOST_MARKS = 20
"""Events that an entry remembers; a threshold is no higher."""

OWN = b""
"""In place of an event's id: a relay's verdict in a conversation of our own, which is learnt once by its tick."""


class Kind(StrEnum):
    """What teaches. A closed set: metrics use it as a label."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    BLOCK = "block"
    UNBLOCK = "unblock"


_RANK = (Kind.BOUNCE, Kind.COMPLAINT, Kind.BLOCK)


@dataclass(frozen=True, slots=True)
class Policy:
    """When a recipient is suppressed and for how long; times in seconds, `inf` is for good."""

    key: bytes = field(repr=False)
    bounces: int = 1
    bounce_for: float = 90 * DAY
    complaints: int = 1
    complaint_for: float = inf
    within: float = 30 * DAY  # what is older counts no more
    least: int = 1_000  # recipients in 24 hours, below which a bounce rate says nothing
    warning: float = 0.05
    critical: float = 0.10

    @property
    def key_id(self) -> str:
        """Tells one key from another, and nothing of it."""
        return _hash(self.key, "key id", 4).hex()

    def mark(self, tenant: str, address: str) -> bytes:
        """16 bytes for an address of a tenant, however it is written."""
        return _hash(self.key, f"{tenant}\0{normal(address)}", 16)


def normal(address: str) -> str:
    """The same text for all spellings of one mailbox: its domain as A-labels, and no upper case anywhere.

    Local parts may differ by case (RFC 5321, 2.4), but nobody's does; and one list for both is the safe side.
    """
    return normalize("NFC", parse_recipient(address) or address).lower()


def _hash(key: bytes, text: str, size: int) -> bytes:
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256")[:size]


class Remembered(NamedTuple):
    """An event that counts: when, what, and the start of its id's hash (or `OWN`)."""

    at: int
    kind: Kind
    id: bytes


@dataclass(frozen=True, slots=True)
class Suppression:
    """What is known of one recipient. It is in force up to `until` (seconds since the epoch); 0: never was.

    `kind` and `reason` say what it rests on: the strongest of what is in force.
    """

    kind: Kind
    reason: str
    since: int
    last: int
    until: float = 0.0
    bounces: int = 0
    complaints: int = 0
    remembered: tuple[Remembered, ...] = ()

    def holds(self, now: float) -> bool:
        return now < self.until

    def expires(self, policy: Policy) -> float:
        """When nothing of it counts any more."""
        return max(self.until, self.last + policy.within)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One event about one recipient. `id` tells a second copy of it from a second event; `until` is a block's."""

    kind: Kind
    reason: str
    at: float
    id: bytes = OWN
    until: float = inf


def learn(known: Suppression | None, lesson: Lesson, policy: Policy) -> Suppression | None:
    """What is known now. The same event twice changes nothing, and only an unblock ever shortens anything."""
    if lesson.kind is Kind.UNBLOCK:
        return None
    at = int(lesson.at)
    if known is None:
        known = Suppression(lesson.kind, lesson.reason, at, at)
    elif lesson.id != OWN and any(one.id == lesson.id for one in known.remembered):
        return known
    known = _counted(known, lesson, at, policy)
    until = _until(known, lesson, policy)
    if until is None:
        return known
    held = known.holds(lesson.at)
    kind, reason = lesson.kind, lesson.reason
    if held and _RANK.index(known.kind) > _RANK.index(kind):
        kind, reason = known.kind, known.reason
    since = known.since if held else at
    return replace(known, kind=kind, reason=reason, since=since, until=max(until, known.until))


def _counted(known: Suppression, lesson: Lesson, at: int, policy: Policy) -> Suppression:
    still = (one for one in known.remembered if one.at > lesson.at - policy.within)
    return replace(
        known,
        last=max(known.last, at),
        bounces=known.bounces + (lesson.kind is Kind.BOUNCE),
        complaints=known.complaints + (lesson.kind is Kind.COMPLAINT),
        remembered=(*still, Remembered(at, lesson.kind, lesson.id))[-MOST_MARKS:],
    )


def _until(known: Suppression, lesson: Lesson, policy: Policy) -> float | None:
    """Up to when the lesson suppresses; None: it does not."""
    count = sum(one.kind is lesson.kind for one in known.remembered)
    match lesson.kind:
        case Kind.BOUNCE:
            return lesson.at + policy.bounce_for if count >= policy.bounces else None
        case Kind.COMPLAINT:
            return lesson.at + policy.complaint_for if count >= policy.complaints else None
        case Kind.BLOCK:
            return lesson.until
        case Kind.UNBLOCK:
            return None


@dataclass(frozen=True, slots=True)
class Bounced:
    """A recipient that a relay has refused as one that is not there. Its repr tells no address."""

    address: Address = field(repr=False)
    code: str


def bounced(recipients: tuple[Address, ...], attempt: Attempt) -> tuple[Bounced, ...]:
    """The recipients that this attempt teaches something about: verdicts on each, or on the body for a single one."""
    match attempt:
        case Answered():
            replies = attempt.recipients
            if len(recipients) == 1 and attempt.data is not None and 200 <= replies[0].code < 300:
                replies = (attempt.data,)
        case InDoubt():
            replies = attempt.recipients
        case NotSent() | Lapsed() | Withheld():  # about the mail, its sender or us
            return ()
    taught: list[Bounced] = []
    for address, reply in zip(recipients, replies, strict=False):
        if reply.code // 100 == 5 and reply.enhanced in TEACHING:
            taught.append(Bounced(address, reply.enhanced))
    return tuple(taught)
