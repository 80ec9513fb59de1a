"""How to reach a relay and as whom, as far as a request says it; its tenant's configuration says the rest.

What the tenant has stored to log in with, a password or an account, goes to the host that it is stored with and to
no other: whoever may ask for a test must not be able to have the password, or a token, sent to a host of his own.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator
from typing_extensions import override

from consumer.core import wire
from consumer.core.closed import Closed
from consumer.core.tenant import DEFAULT_PORTS, MicrosoftAccount, Relay, Scheme, Tenant

_TLS_AT_CONNECT = 465  # RFC 8314, 3.3


def _as_port(value: object) -> object:
    """A port is a number, also in digits; JSON Schema knows one kind of number: 25.0 is an integer."""
    if isinstance(value, str) and wire.PORT.fullmatch(value):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_scheme(value: object) -> object:
    """An empty one is the default (second seed)."""
    if value in ("", "smtp"):
        return Scheme.SMTP
    return Scheme.SMTPS if value == "smtps" else None


class MicrosoftAuth(Closed):
    """An application of Microsoft Entra; empty, as the first seed's sample has it, it says nothing."""

    tenant_id: Annotated[str, StringConstraints(max_length=253, pattern=wire.DIRECTORY)] | None = None
    client_id: Annotated[str, StringConstraints(max_length=64, pattern=wire.APPLICATION)] | None = None
    client_secret: Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=wire.PASSWORD)] | None = None

    @override
    def __repr__(self) -> str:
        return "<MicrosoftAuth>"

    __str__ = __repr__

    @model_validator(mode="after")
    def _whole_or_empty(self) -> Self:
        if len(self.model_fields_set) not in (0, len(type(self).model_fields)):
            raise ValueError
        return self

    def account(self, stored: MicrosoftAccount | None) -> MicrosoftAccount | None:
        """The account, if it says one. In which cloud it is, the tenant's own says: a request names no host for tokens."""
        if self.tenant_id is None or self.client_id is None or self.client_secret is None:
            return None
        if stored is None:
            return MicrosoftAccount(self.tenant_id, self.client_id, self.client_secret)
        return replace(stored, tenant_id=self.tenant_id, client_id=self.client_id, client_secret=self.client_secret)


class Access(Closed):
    """A relay and a login. An empty user says that there is no login; None is what the request does not say."""

    smtp_host: Annotated[str, StringConstraints(max_length=253, pattern=wire.HOST)] | None = None
    smtp_port: Annotated[int, BeforeValidator(_as_port), Field(ge=1, le=65535)] | None = None
    smtp_scheme: Annotated[Scheme, BeforeValidator(_as_scheme)] | None = None
    smtp_user: Annotated[str, StringConstraints(max_length=320, pattern=wire.USER)] | None = None
    smtp_pass: Annotated[str, StringConstraints(max_length=4096, pattern=wire.PASSWORD)] | None = None

    microsoft_auth: MicrosoftAuth | None = None

    @property
    def no_login(self) -> bool:
        return self.smtp_user == ""

    @property
    def by_token(self) -> bool:
        """Whether it names an account, which is then used in place of a password."""
        return self.microsoft_auth is not None and self.microsoft_auth.tenant_id is not None


def missing(asked: Access, tenant: Tenant) -> tuple[str, ...]:
    """What a request has to say besides: the stored login does not go to another host, and an account needs a mailbox."""
    if asked.no_login:
        return ()
    if _at_home(asked, tenant):
        return (_NO_MAILBOX,) if asked.by_token and asked.smtp_user is None and tenant.relay.user is None else ()
    return tuple(_lacking(asked, tenant)) if _login_expected(asked, tenant) else ()


def relay_of_access(asked: Access, tenant: Tenant) -> Relay:
    """The tenant's relay, with what the request says instead. Nothing may be `missing`."""
    stored, home = tenant.relay, _at_home(asked, tenant)
    host = stored.host if home else asked.smtp_host or stored.host
    scheme = _scheme(asked, tenant)
    port = asked.smtp_port or (stored.port if home and scheme is stored.scheme else DEFAULT_PORTS[scheme])
    user = asked.smtp_user if asked.smtp_user is not None or not home else stored.user
    password, account = _proof(asked, stored, home=home) if user else (None, None)
    return replace(stored, host=host, port=port, scheme=scheme, user=user or None, password=password, microsoft=account)


_NO_MAILBOX = "/smtp_user: expected together with `microsoft_auth`: the mailbox that sends"


def _proof(asked: Access, stored: Relay, *, home: bool) -> tuple[str | None, MicrosoftAccount | None]:
    """Password or account, never both. One that is given counts, and an account before a password."""
    account = asked.microsoft_auth and asked.microsoft_auth.account(stored.microsoft)
    if account is not None:
        return None, account
    if asked.smtp_pass is not None or not home:
        return asked.smtp_pass, None
    return stored.password, stored.microsoft


def _lacking(asked: Access, tenant: Tenant) -> Iterator[str]:
    proof = "smtp_pass" if tenant.relay.microsoft is None else "microsoft_auth"
    proven = asked.by_token or asked.smtp_pass is not None
    for name, given in (("smtp_user", asked.smtp_user is not None), (proof, proven)):
        if not given:
            yield f"/{name}: expected together with `smtp_host`: the stored login goes to the stored host only"


def _login_expected(asked: Access, tenant: Tenant) -> bool:
    given = asked.by_token or asked.smtp_user is not None or asked.smtp_pass is not None
    return given or tenant.relay.user is not None


def _at_home(asked: Access, tenant: Tenant) -> bool:
    return asked.smtp_host is None or asked.smtp_host.lower() == tenant.relay.host.lower()


def _scheme(asked: Access, tenant: Tenant) -> Scheme:
    """As asked; as stored, where nothing else is asked for; else by the port. Never plain by accident."""
    if asked.smtp_scheme is not None:
        return asked.smtp_scheme
    if _at_home(asked, tenant) and asked.smtp_port in (None, tenant.relay.port):
        return tenant.relay.scheme
    return Scheme.SMTPS if asked.smtp_port == _TLS_AT_CONNECT else Scheme.SMTP
