"""What an operator may want to change about sending."""

from dataclasses import dataclass, field

from consumer.core.circuit import Pauses


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds, a stage each. From MAIL on the least that RFC 5321, 4.5.3.2 allows: less for the final dot makes copies.

    With TLS at connect, `greeting` bounds the handshake too. `block` is for a part of the body, `body` for the reply to it.
    """

    connect: float = 10.0
    greeting: float = 60.0
    tls: float = 10.0
    auth: float = 30.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0
    body: float = 600.0


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How many connections, how long. `total` is over all pools; times are in seconds.

    Mails of a pool may have leave to send while they wait for a connection: as many as the relay takes while a grant is
    under way, which is `grant` seconds at least; no fewer than `ahead` and no more than `most_ahead`.
    """

    connections: int = 10
    total: int = 500
    messages: int = 500
    age: float = 300.0
    idle: float = 30.0
    ahead: int = 10
    most_ahead: int = 500
    grant: float = 0.08
    pauses: Pauses = field(default_factory=Pauses)
    quit: float = 1.0


@dataclass(frozen=True, slots=True)
class SmtpOptions:
    """`allow_plaintext` names the hosts that may be written to without TLS, or is True for all.

    `hello` is our name in EHLO; None says our address instead (RFC 5321, 4.1.3).
    `ca_file` holds authorities to trust beside the system's, for every relay.
    """

    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: PoolLimits = field(default_factory=PoolLimits)
    allow_plaintext: bool | frozenset[str] = False
    hello: str | None = None
    ca_file: str | None = None

    def allows_plaintext(self, host: str) -> bool:
        return host in self.allow_plaintext if isinstance(self.allow_plaintext, frozenset) else self.allow_plaintext
