"""Every setting, with its type, its default and what it is for. Nothing here is read a second time later."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

from consumer.settings.texts import (
    CaFile,
    Duration,
    Extensions,
    Host,
    Hosts,
    Name,
    Networks,
    Places,
    ReadableFile,
    Secret,
    Servers,
    Size,
    SuppressionKey,
    TopicName,
    Url,
)

Count = Annotated[int, Field(ge=1)]


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)


class Kafka(_Group):
    bootstrap_servers: Annotated[Servers | None, Field(validate_default=False)] = None
    """Where Kafka is: host:port, several with commas. Has to be set."""
    group_id: Name = "email-consumer"
    """The consumer group; also the first part of each transactional id."""
    group_instance_id: Name | None = None
    """Makes this process a static member. Must differ from process to process: two with the same both consume.
    Workers add their number to it."""
    client_id: Name = "email-consumer"
    """How this process names itself in the broker's logs and quotas."""
    session_timeout: Duration = _seconds(15)
    """After this long without a heartbeat the group gives this process's partitions to others."""
    heartbeat_interval: Duration = _seconds(1.5)
    """How often membership is proved; at most a third of the session timeout."""
    transaction_timeout: Duration = _seconds(10)
    """After this long the broker aborts a transaction; shorter than the session timeout."""
    request_timeout: Duration = _seconds(10)
    """How long one answer of the broker is waited for."""
    retry_backoff: Duration = _seconds(0.5)
    """The pause between attempts to reach a broker that is away."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How the connection to the brokers is secured."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "PLAIN"
    """How this process logs in, with a SASL protocol."""
    sasl_username: Name | None = None
    """As whom this process logs in, with a SASL protocol and a mechanism that wants a user."""
    sasl_password: Secret | None = None
    """The password of that user."""
    sasl_oauth_token_file: ReadableFile | None = None
    """For OAUTHBEARER: the file that holds the token. Read for each connection, so it may be rotated. This or the URL."""
    sasl_oauth_token_url: Url | None = None
    """For OAUTHBEARER: the endpoint that gives out tokens (client credentials, RFC 6749, 4.4)."""
    sasl_oauth_client_id: Name | None = None
    """As whom tokens are asked for there."""
    sasl_oauth_client_secret: Secret | None = None
    """The secret of that client."""
    sasl_oauth_scope: Name | None = None
    """The scope that is asked for, where the endpoint wants one; several with blanks."""
    sasl_oauth_extensions: Extensions = Field(default={})
    """SASL extensions that the brokers want beside the token: a JSON object, such as {"logicalCluster": "lkc-1"}."""
    sasl_oauth_ca_file: CaFile | None = None
    """Certificates (PEM) of a further authority that the token endpoint may have its own from."""
    sasl_oauth_allow_plaintext: bool = False
    """Lets the token, and the secret that it is asked for with, travel without TLS: for tests, or where a mesh encrypts."""
    ssl_cafile: CaFile | None = None
    """Certificates (PEM) of the authority that the brokers' certificates come from; otherwise the system's."""

    @property
    def servers(self) -> str:
        """The bootstrap servers of settings that were loaded."""
        return self.bootstrap_servers or ""


class Topics(_Group):
    requests: TopicName = "email.requests"
    """Where requests are read."""
    outcomes: TopicName = "email.outcomes"
    """Where outcomes are published: one for each request."""
    parked: TopicName = "email.parked"
    """What waits: internal, compacted."""
    suppressions: TopicName = "email.suppressions"
    """Who must not be written to: compacted."""
    feedback: TopicName = "email.feedback"
    """Bounces, complaints, manual blocks and their ends."""
    partitions: Annotated[int, Field(ge=1, le=10_000)] = 6
    """How many partitions `topics create` gives each topic: the most processes that can share the work."""
    replication_factor: Annotated[int, Field(ge=1, le=32_767)] = 1
    """How many copies `topics create` asks for: 3 where there are three brokers."""
    retention: Duration = timedelta(days=7)
    """How long `topics create` has requests, outcomes and feedback kept; at least work.max_age and work.dedupe."""


class Tenants(_Group):
    file: ReadableFile | None = None
    """The YAML file that describes the tenants; changes take effect without a restart. This or the URL has to be set."""
    url: Url | None = None
    """The config-api that describes the tenants."""


class Pii(_Group):
    file: ReadableFile | None = None
    """A YAML file of PII tokens and their values, for trying things out."""
    url: Url | None = None
    """The PII vault."""


class Attachments(_Group):
    count: Annotated[int, Field(ge=1, le=50)] = 20
    """The most files that a mail may have attached."""
    each: Size = ByteSize(25 * 2**20)
    """The largest of them."""
    total: Size = ByteSize(35 * 2**20)
    """All of a mail's together, as they travel: base64 makes 4 octets of 3. Large providers take 35 MB."""
    memory: Size = ByteSize(512 * 2**20)
    """The most memory that they take in this process: 12 times the total or more.
    A tenant may have half of what others leave."""
    connect_timeout: Duration = _seconds(10)
    """For the name and the connection."""
    read_timeout: Duration = _seconds(20)
    """For each next piece of a file."""
    timeout: Duration = _seconds(120)
    """For a file."""
    ca_file: CaFile | None = None
    """Certificates (PEM) of further authorities that the hosts of files may have theirs from."""


class Http(_Group):
    host: Host = "127.0.0.1"
    """The address that health and metrics are served on; 0.0.0.0 in a container."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """Its port; 0 takes a free one."""


class Ingress(_Group):
    host: Host = "127.0.0.1"
    """The address that `consumer ingress` takes calls on; 0.0.0.0 in a container."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8081
    """Its port; 0 takes a free one."""
    wait: Duration = _seconds(10)
    """How long a call waits for its outcome; after that it is answered with 202."""
    in_flight: Count = 500
    """The most calls under way in one process; beyond, the answer is 503."""


class Smtp(_Group):
    allow_plaintext: Hosts = False
    """Relays that mail may be handed to without TLS: a JSON list or comma list of hosts, or true for any."""
    ca_file: CaFile | None = None
    """Certificates (PEM) of further authorities that relays may have theirs from, also those that requests name."""
    connections_per_relay: Count = 10
    """The most connections to one relay with the same credentials."""
    connections_total: Count = 200
    """The most connections to all relays together."""
    messages_per_connection: Count = 500
    """After this many mails a connection is closed and a new one opened."""
    idle: Duration = _seconds(30)
    """After this long without a mail a connection is closed."""
    age: Duration = _seconds(300)
    """After this long a connection is closed, once it has nothing to do."""
    simulator: bool = False
    """Lets requests of all tenants have recipients such as accepted@simulator.invalid, which end as they say unsent."""
    hello: Host | None = None
    """The name that this process calls itself towards relays (EHLO); otherwise its address."""
    connect_timeout: Duration = _seconds(10)
    """For the name and the connection."""
    greeting_timeout: Duration = _seconds(60)
    """For the relay's greeting."""
    tls_timeout: Duration = _seconds(10)
    """For TLS."""
    auth_timeout: Duration = _seconds(30)
    """For logging in."""
    validation_timeout: Duration = _seconds(10)
    """For each of these in a validation of credentials, if that is less: somebody waits for its answer."""
    command_timeout: Duration = _seconds(300)
    """For each reply to MAIL and RCPT (RFC 5321, 4.5.3.2: five minutes)."""
    data_timeout: Duration = _seconds(120)
    """For the reply to DATA (RFC 5321, 4.5.3.2.4: two minutes)."""
    block_timeout: Duration = _seconds(180)
    """For each part of the body to be taken (RFC 5321, 4.5.3.2.5: three minutes)."""
    body_timeout: Duration = _seconds(600)
    """For the reply to the body (RFC 5321, 4.5.3.2.6: ten minutes; a shorter wait makes second copies)."""


class Oauth(_Group):
    ca_file: CaFile | None = None
    """Certificates (PEM) of further authorities that token endpoints may have theirs from."""
    timeout: Duration = _seconds(10)
    """How long a token is waited for."""


class NetworkGuard(_Group):
    allow: Networks = ()
    """Networks or hosts that may be connected to though they are not public (relays of tenants and
    of requests, hosts of attachments): a JSON list or comma list."""
    hosts: Places = Field(default={})
    """Where relays are really connected to: a JSON object of host[:port] to address[:port]. TLS keeps the name."""


class Work(_Group):
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """How many processes `consumer run` starts to share the work, under one address for health and metrics
    (also `--workers`). What is said of a process (in_flight, parked, connections, memory) holds for each of them."""
    in_flight: Count = 1000
    """The most requests under way in this process."""
    ahead: Count = 6000
    """The most requests that this process takes ahead of others of their tenant; beyond, the lag stays in Kafka."""
    ahead_bytes: Count = 6_291_456
    """The same in bytes of their records."""
    parked: Count = 1_000_000
    """The most requests that may wait in this process's memory; beyond, nothing new is taken and the lag stays in Kafka."""
    drain_within: Duration = _seconds(20)
    """How long a process that is asked to stop finishes what is under way."""
    grant_lifetime: Duration = _seconds(5)
    """How long leave to send holds; shorter than the transaction timeout."""
    max_age: Duration = timedelta(hours=24)
    """A request that is older than this is Expired."""
    dedupe: Duration = timedelta(hours=24)
    """How long a request id is remembered."""
    test_emails: Count = 10
    """The most test emails of a tenant in an hour. They count in its other limits, too."""
    validations: Count = 10
    """The most validations of credentials of a tenant in an hour."""
    unready_after: Duration = _seconds(30)
    """After this long without progress, though there is something to do, readiness turns off."""
    exit_after: Duration = _seconds(300)
    """After this long without progress the process ends, and whoever runs it starts a new one."""


class Suppression(_Group):
    key: SuppressionKey | None = None
    """Switches suppression on: the secret that addresses are hashed with. At least 16 characters; never change it."""
    bounces: Annotated[int, Field(ge=1, le=20)] = 1
    """So many bounces within `within` suppress a recipient."""
    bounce_for: Duration = timedelta(days=90)
    """How long bounces suppress, from the last one."""
    complaints: Annotated[int, Field(ge=1, le=20)] = 1
    """So many complaints within `within` suppress a recipient."""
    complaint_for: Duration | None = None
    """How long complaints suppress, from the last one; not set: for good."""
    within: Duration = timedelta(days=30)
    """How long a bounce or a complaint counts."""
    least: Count = 1000
    """Recipients of a tenant in 24 hours, below which its bounce rate says nothing."""
    warning: Annotated[float, Field(gt=0, le=1)] = 0.05
    """The bounce rate from which a tenant is told in metrics and log."""
    critical: Annotated[float, Field(gt=0, le=1)] = 0.10
    """The bounce rate from which a tenant with `on_bounce_rate: hold` is held."""


class Log(_Group):
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged."""
    format: Literal["auto", "json", "console"] = "auto"
    """auto: for people on a terminal, JSON otherwise."""


class Tracing(_Group):
    enabled: bool = False
    """Makes spans with OpenTelemetry (the extra `otel`); where they go is up to its own variables, OTEL_..."""


class Settings(BaseSettings):
    """All of them. Parts are handed to what needs them, not the whole."""

    model_config = SettingsConfigDict(
        env_prefix="CONSUMER_",
        env_nested_delimiter="__",
        enable_decoding=False,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    kafka: Kafka = Kafka()
    topics: Topics = Topics()
    tenants: Tenants = Tenants()
    pii: Pii = Pii()
    attachments: Attachments = Attachments()
    http: Http = Http()
    ingress: Ingress = Ingress()
    smtp: Smtp = Smtp()
    oauth: Oauth = Oauth()
    network: NetworkGuard = NetworkGuard()
    work: Work = Work()
    suppression: Suppression = Suppression()
    log: Log = Log()
    tracing: Tracing = Tracing()

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` hands over: the environment is read there, once, and checked for strangers."""
        return (init_settings,)
