"""Why an attempt ended where it did: a closed set, for outcomes and metrics, and never a quote."""

from enum import StrEnum

from consumer.core import network
from consumer.core.attempt import NotSent, Stage
from consumer.core.reply import Reply


class Reason(StrEnum):
    REFUSED = "refused"  # the relay said no
    CLOSING = "closing"  # the relay said 421 and leaves
    TIMEOUT = "timeout"
    TOO_SLOW = "too-slow"  # leave to send ran out before the relay was ready for the body
    CONNECTION_LOST = "connection-lost"
    DNS = "dns"  # no address for this name
    UNREACHABLE = "unreachable"  # no address took a connection
    NOT_ALLOWED = network.NOT_ALLOWED  # none of its addresses may be connected to
    MALFORMED_REPLY = "malformed-reply"
    REPLY_TOO_LONG = "reply-too-long"
    UNEXPECTED_REPLY = "unexpected-reply"  # of a class that this command cannot have
    UNSOLICITED_REPLY = "unsolicited-reply"  # to nothing that we had asked
    PLAINTEXT_NOT_ALLOWED = "plaintext-not-allowed"
    STARTTLS_NOT_OFFERED = "starttls-not-offered"
    CERTIFICATE = "certificate"  # not of a trusted authority, expired, or another host's
    CA_FILE = "ca-file"  # ours to mend: it cannot be read
    TLS_FAILED = "tls-failed"
    AUTH_NOT_OFFERED = "auth-not-offered"
    TOO_LARGE_FOR_RELAY = "too-large-for-relay"
    SMTPUTF8_NOT_OFFERED = "smtputf8-not-offered"
    BAD_ADDRESS = "bad-address"
    BARE_LINE_END = "bare-line-end"
    SHUTTING_DOWN = "shutting-down"


OURS = frozenset((Reason.NOT_ALLOWED, Reason.PLAINTEXT_NOT_ALLOWED, Reason.CA_FILE))
"""What we decide ourselves, without a word to the relay: each mail is told so."""


class EndedError(Exception):
    """A conversation cannot go on. It never leaves this package: it becomes an ending."""

    def __init__(self, stage: Stage, reason: str, reply: Reply | None = None) -> None:
        super().__init__(stage, reason)
        self.ending = NotSent(stage, reason, reply)


def refused(reply: Reply) -> Reason:
    """What a reply means that is not the one hoped for."""
    if reply.code == 421:  # RFC 5321, 3.8
        return Reason.CLOSING
    return Reason.REFUSED if reply.code >= 400 else Reason.UNEXPECTED_REPLY
