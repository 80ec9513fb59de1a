"""How one conversation with a relay can end.

Before the end of the body nothing can have been delivered; after the relay's reply
to the body everything is known; in between nobody can tell (RFC 1047; RFC 5321,
4.5.3.2.6 and 6.1).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from consumer.core.frozen import frozen
from consumer.core.reply import Reply


class Stage(StrEnum):
    """Where in the conversation something happened. A closed set: metrics use it as a label."""

    CONNECT = "connect"
    GREETING = "greeting"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"


@frozen
class Answered:
    """The relay took its decision. `recipients` has a reply each, in the order of the mail's recipients.

    `data` is the reply to the body, or to DATA where that was refused; None where no recipient was left to send to.
    `at` is when that reply came, in seconds since the epoch.
    """

    recipients: tuple[Reply, ...]
    data: Reply | None
    at: float


@dataclass(frozen=True, slots=True)
class NotSent:
    """Provably nothing was handed over: the conversation ended before the body did.

    `reply` is the relay's own word where it had one; `reason` is from a closed set and never quotes.
    """

    stage: Stage
    reason: str
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The body went out and no reply came: nobody can know."""

    reason: str
    recipients: tuple[Reply, ...] = ()


@dataclass(frozen=True, slots=True)
class Lapsed:
    """Leave to send was not given, or had run out before the body: nothing was handed over."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """Nothing was tried: the relay has failed of late, and is left alone until then (seconds since the epoch).

    `reason` is that of the attempt that failed: a stage and codes, or one from a closed set.
    """

    reason: str
    until: float


Attempt: TypeAlias = Answered | NotSent | InDoubt | Lapsed | Withheld
