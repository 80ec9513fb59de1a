"""How to reach a relay and as whom, as far as a request says it; its tenant's configuration says the rest.

What the tenant has stored to log in with goes to the host that it is stored with and to no other:
whoever may ask for a test must not be able to have the password sent to a host of his own.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from consumer.core import wire
from consumer.core.closed import Closed
from consumer.core.send_email import as_port, as_scheme
from consumer.core.tenant import DEFAULT_PORTS, Relay, Scheme, Tenant

_TLS_AT_CONNECT = 465  # RFC 8314, 3.3


class Access(Closed):
    """A relay and a login. An empty user says that there is no login; None is what the request does not say."""

    smtp_host: Annotated[str, StringConstraints(max_length=253, pattern=wire.HOST)] | None = None
    smtp_port: Annotated[int, BeforeValidator(as_port), Field(ge=1, le=65535)] | None = None
    smtp_scheme: Annotated[Scheme, BeforeValidator(as_scheme)] | None = None
    smtp_user: Annotated[str, StringConstraints(max_length=320, pattern=wire.USER)] | None = None
    smtp_pass: Annotated[str, StringConstraints(max_length=4096, pattern=wire.PASSWORD)] | None = None

    @property
    def no_login(self) -> bool:
        return self.smtp_user == ""


def missing(asked: Access, tenant: Tenant) -> tuple[str, ...]:
    """What a request has to say that names another host than its tenant's: the stored login does not go there."""
    if asked.no_login or _at_home(asked, tenant) or not _login_expected(asked, tenant):
        return ()
    return tuple(_lacking(asked))


def relay_of_access(asked: Access, tenant: Tenant) -> Relay:
    """The tenant's relay, with what the request says instead. Nothing may be `missing`."""
    stored, home = tenant.relay, _at_home(asked, tenant)
    host = stored.host if home else asked.smtp_host or stored.host
    scheme = _scheme(asked, tenant)
    port = asked.smtp_port or (stored.port if home and scheme is stored.scheme else DEFAULT_PORTS[scheme])
    user = asked.smtp_user if asked.smtp_user is not None or not home else stored.user
    password = asked.smtp_pass if asked.smtp_pass is not None or not home else stored.password
    if not user:
        user = password = None
    return replace(stored, host=host, port=port, scheme=scheme, user=user, password=password)


def _lacking(asked: Access) -> Iterator[str]:
    for name, given in (("smtp_user", asked.smtp_user), ("smtp_pass", asked.smtp_pass)):
        if given is None:
            yield f"/{name}: expected together with `smtp_host`: the stored login goes to the stored host only"


def _login_expected(asked: Access, tenant: Tenant) -> bool:
    return tenant.relay.user is not None or asked.smtp_user is not None or asked.smtp_pass is not None


def _at_home(asked: Access, tenant: Tenant) -> bool:
    return asked.smtp_host is None or asked.smtp_host.lower() == tenant.relay.host.lower()


def _scheme(asked: Access, tenant: Tenant) -> Scheme:
    """As asked; as stored, where nothing else is asked for; else by the port. Never plain by accident."""
    if asked.smtp_scheme is not None:
        return asked.smtp_scheme
    if _at_home(asked, tenant) and asked.smtp_port in (None, tenant.relay.port):
        return tenant.relay.scheme
    return Scheme.SMTPS if asked.smtp_port == _TLS_AT_CONNECT else Scheme.SMTP
