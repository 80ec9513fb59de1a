"""A tenant as its configuration describes it, and the relay its mail goes by."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from typing_extensions import override

from consumer.core.dkim import DkimKey


class Scheme(StrEnum):
    """How the connection to a relay is secured."""

    SMTP = "smtp"  # STARTTLS, required (RFC 3207)
    SMTPS = "smtps"  # TLS at connect (RFC 8314)
    PLAIN = "plain"  # no TLS: only where an operator allows the host


DEFAULT_PORTS = {Scheme.SMTP: 587, Scheme.SMTPS: 465, Scheme.PLAIN: 25}  # RFC 6409, RFC 8314, RFC 5321


class Mode(StrEnum):
    """What becomes of a tenant's mail."""

    LIVE = "live"
    HOLD = "hold"  # it waits until the mode is another, or somebody promotes it
    DRY_RUN = "dry-run"  # the whole way, but no relay is asked
    REDIRECT_TO = "redirect-to"  # all of it goes to one address


@dataclass(frozen=True, slots=True)
class MicrosoftAccount:
    """An application of Microsoft Entra that logs in to mailboxes by tokens; its repr tells no secret.

    `authority` is another one in national clouds, and `scope` with it.
    """

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    authority: str = "https://login.microsoftonline.com"
    scope: str = "https://outlook.office365.com/.default"


@dataclass(frozen=True, slots=True)
class Relay:
    """Where a mail is handed over, and as whom. Equal relays share connections; its repr tells no password."""

    host: str
    port: int
    scheme: Scheme = Scheme.SMTP
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    max_connections: int | None = None
    microsoft: MicrosoftAccount | None = None

    @override
    def __hash__(self) -> int:
        # Asked for once a mail: all eight fields take a microsecond.
        return hash((self.host, self.port, self.user))

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` units in any `per` seconds."""

    count: int
    per: float
    unit: Literal["messages", "recipients"] = "messages"


HOUR = 3600.0
DEFAULT_HLIMIT = 10


@dataclass(frozen=True, slots=True)
class Tenant:
    """What is known of a tenant: relay, sender and limits."""

    name: str
    relay: Relay
    domain: str | None = None
    from_name: str | None = None
    from_address: str | None = None
    h_limit: int = DEFAULT_HLIMIT
    limits: tuple[Limit, ...] = ()
    over_limit: Literal["defer", "reject"] = "defer"
    on_unknown: Literal["report", "resend"] = "report"
    max_age: float | None = None
    dkim: tuple[DkimKey, ...] = ()
    on_bounce_rate: Literal["report", "hold"] = "report"
    mode: Mode = Mode.LIVE
    redirect_to: str | None = None
    simulator: bool = False


@dataclass(frozen=True, slots=True)
class UnknownTenant:
    """Nobody of that name is configured."""

    name: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A dependency cannot answer now. `what` names it from a closed set."""

    what: Literal["config", "vault", "attachment-host", "attachment-room"]
