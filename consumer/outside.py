"""What stands outside, made from the settings: relays, tenants, the PII vault, hosts of attachments."""

import ssl
from math import inf
from typing import TYPE_CHECKING

from consumer.adapters.attachments import Patience, WebAttachments
from consumer.adapters.clock import SystemClock
from consumer.adapters.config_api import ConfigApi
from consumer.adapters.guard import Guard
from consumer.adapters.kafka.bearer import Bearer, Endpoint, EndpointBearer, FileBearer
from consumer.adapters.memory_contents import KnownValues
from consumer.adapters.metrics import Metrics
from consumer.adapters.microsoft import MicrosoftTokens, Waits
from consumer.adapters.smtp.dialer import Dialer, Reach
from consumer.adapters.smtp.options import PoolLimits, SmtpOptions, Timeouts
from consumer.adapters.smtp.prober import SmtpProber
from consumer.adapters.tenants_file import TenantsFile, read
from consumer.adapters.vault_file import VaultFile
from consumer.adapters.vault_http import VaultHttp
from consumer.contents import Larder, Resolver
from consumer.core.attachment import Caps
from consumer.core.network import WEB_PORTS, Borders
from consumer.core.suppression import Policy
from consumer.core.tenants import Faults
from consumer.ports import Clock, Tokens, Vault
from consumer.settings import Kafka, NetworkGuard, Oauth, Pii, Settings, Smtp, Suppression

if TYPE_CHECKING:
    from consumer.adapters.tracing import Tracing


class WrongTracingError(Exception):
    """Spans cannot go where OpenTelemetry's variables say."""


def smtp_options(smtp: Smtp) -> SmtpOptions:
    """The transport's part of the settings."""
    command = smtp.command_timeout.total_seconds()
    timeouts = Timeouts(
        connect=smtp.connect_timeout.total_seconds(),
        greeting=smtp.greeting_timeout.total_seconds(),
        tls=smtp.tls_timeout.total_seconds(),
        auth=smtp.auth_timeout.total_seconds(),
        mail=command,
        rcpt=command,
        data=smtp.data_timeout.total_seconds(),
        block=smtp.block_timeout.total_seconds(),
        body=smtp.body_timeout.total_seconds(),
    )
    limits = PoolLimits(
        connections=smtp.connections_per_relay,
        total=smtp.connections_total,
        messages=smtp.messages_per_connection,
        age=smtp.age.total_seconds(),
        idle=smtp.idle.total_seconds(),
    )
    ca_file = str(smtp.ca_file) if smtp.ca_file else None
    return SmtpOptions(timeouts, limits, smtp.allow_plaintext, smtp.hello, ca_file)


def guard_of(network: NetworkGuard) -> Guard:
    """The guard before relays, whoever names them: an address that is public, or that the operator allows."""
    return Guard(Borders.of(network.allow), network.hosts)


def prober_of(smtp: Smtp, metrics: Metrics, clock: Clock, reach: Reach, tokens: Tokens) -> SmtpProber:
    """The way to relays without a mail, past the same guard as with one."""
    options = smtp_options(smtp)
    dialer = Dialer(clock, options, on_stages=metrics.stages, reach=reach, tokens=tokens)
    return SmtpProber(dialer, clock, options.timeouts, smtp.validation_timeout.total_seconds())


def resolver_of(settings: Settings, metrics: Metrics, clock: Clock) -> tuple[Resolver, Vault]:
    """What has what requests refer to, and the vault in it, which may have to be closed."""
    about, vault = settings.attachments, vault_of(settings.pii)
    guard = Guard(Borders.of(settings.network.allow, ports=WEB_PORTS))
    patience = Patience(
        connect=about.connect_timeout.total_seconds(),
        read=about.read_timeout.total_seconds(),
        total=about.timeout.total_seconds(),
    )
    tls = ssl.create_default_context()
    if about.ca_file is not None:
        tls.load_verify_locations(about.ca_file)
    web = WebAttachments(clock, guard.connector, patience, tls=tls, on_end=metrics.attachment)
    caps = Caps(about.count, about.each, about.total)
    return Resolver(vault, web, caps, Larder(about.memory)), vault


def tokens_of(oauth: Oauth, clock: Clock) -> MicrosoftTokens:
    """Who gives out tokens."""
    ca_file = str(oauth.ca_file) if oauth.ca_file else None
    return MicrosoftTokens(clock, ca_file=ca_file, waits=Waits(total=oauth.timeout.total_seconds()))


def tenants_of(settings: Settings, metrics: Metrics, clock: Clock) -> TenantsFile | ConfigApi | Faults:
    """The directory of tenants, or what is wrong with it."""
    path, url = settings.tenants.file, settings.tenants.url
    if url is not None:
        return ConfigApi(
            url,
            clock,
            plain=settings.smtp.allow_plaintext,
            on_change=lambda state: metrics.config_api(ok=state.reachable and not state.stale, tenants=state.tenants),
        )
    if path is None:
        return Faults(("CONSUMER_TENANTS__FILE: not set",))
    first = read(path, plain=settings.smtp.allow_plaintext)
    if isinstance(first, Faults):
        return first
    metrics.tenants_file(ok=True, tenants=len(first.tenants))
    return TenantsFile(
        path,
        first,
        plain=settings.smtp.allow_plaintext,
        on_change=lambda state: metrics.tenants_file(ok=state.ok, tenants=state.tenants),
    )


def bearer_of(kafka: Kafka) -> Bearer | None:
    """Who has the tokens that the brokers are shown; None where the login is another."""
    if kafka.sasl_mechanism != "OAUTHBEARER":
        return None
    if kafka.sasl_oauth_token_file is not None:
        return FileBearer(kafka.sasl_oauth_token_file, kafka.sasl_oauth_extensions)
    if (
        kafka.sasl_oauth_token_url is None
        or kafka.sasl_oauth_client_id is None
        or kafka.sasl_oauth_client_secret is None
    ):
        return None  # the rules of the settings do not let it come to this
    endpoint = Endpoint(
        kafka.sasl_oauth_token_url,
        kafka.sasl_oauth_client_id,
        kafka.sasl_oauth_client_secret.get_secret_value(),
        kafka.sasl_oauth_scope,
        str(kafka.sasl_oauth_ca_file) if kafka.sasl_oauth_ca_file else None,
        kafka.request_timeout.total_seconds(),
    )
    return EndpointBearer(endpoint, kafka.sasl_oauth_extensions, elapsed=SystemClock().elapsed)


def tracing_of(settings: Settings) -> "Tracing | None":
    """Spans around all that is done; None, with nothing imported, where they are off. Raises `WrongTracingError`."""
    if not settings.tracing.enabled:
        return None
    from consumer.adapters.tracing import Tracing, TracingError, Where  # noqa: PLC0415

    where = Where(settings.topics.requests, settings.kafka.group_id, settings.kafka.client_id)
    try:
        return Tracing(where)
    except TracingError as error:
        raise WrongTracingError(str(error)) from error


def suppression_of(suppression: Suppression) -> Policy | None:
    """When recipients are suppressed; None where that is off."""
    if suppression.key is None:
        return None
    lasts = suppression.complaint_for
    return Policy(
        key=suppression.key.get_secret_value().encode(),
        bounces=suppression.bounces,
        bounce_for=suppression.bounce_for.total_seconds(),
        complaints=suppression.complaints,
        complaint_for=inf if lasts is None else lasts.total_seconds(),
        within=suppression.within.total_seconds(),
        least=suppression.least,
        warning=suppression.warning,
        critical=suppression.critical,
    )


def vault_of(pii: Pii) -> VaultHttp | VaultFile | KnownValues:
    """The vault; where none is configured, one that knows no token."""
    if pii.url is not None:
        return VaultHttp(pii.url)
    return KnownValues() if pii.file is None else VaultFile(pii.file)
