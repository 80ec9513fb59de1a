"""What must hold between settings."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from consumer.settings.groups import Settings


@dataclass(frozen=True, slots=True)
class Rule:
    """`text` is said of the first of the settings that it is about, unless one of them is wrong by itself."""

    about: tuple[str, ...]
    holds: Callable[[Settings], bool]
    text: str


def _different_topics(s: Settings) -> bool:
    names = (s.topics.requests, s.topics.outcomes, s.topics.parked, s.topics.suppressions, s.topics.feedback)
    return len(set(names)) == len(names)


def _logs_in(s: Settings) -> bool:
    return s.kafka.security_protocol.startswith("SASL")


def _bears(s: Settings) -> bool:
    return s.kafka.sasl_mechanism == "OAUTHBEARER"


def _can_trace() -> bool:
    try:
        return find_spec("opentelemetry.sdk.trace") is not None
    except ModuleNotFoundError:
        return False


RULES: tuple[Rule, ...] = (
    Rule(
        ("kafka.bootstrap_servers",),
        lambda s: s.kafka.bootstrap_servers is not None,
        "has to be set, to host:port of Kafka",
    ),
    Rule(
        ("tenants.file", "tenants.url"),
        lambda s: s.tenants.file is not None or s.tenants.url is not None,
        "has to be set, or CONSUMER_TENANTS__URL",
    ),
    Rule(
        ("tenants.url", "tenants.file"),
        lambda s: s.tenants.file is None or s.tenants.url is None,
        "must not be set together with CONSUMER_TENANTS__FILE",
    ),
    Rule(
        ("pii.url", "pii.file"),
        lambda s: s.pii.file is None or s.pii.url is None,
        "must not be set together with CONSUMER_PII__FILE",
    ),
    Rule(
        # A process that missed two heartbeats by accident must not lose its partitions.
        ("kafka.heartbeat_interval", "kafka.session_timeout"),
        lambda s: s.kafka.heartbeat_interval * 3 <= s.kafka.session_timeout,
        "must be at most a third of CONSUMER_KAFKA__SESSION_TIMEOUT",
    ),
    Rule(
        # A transaction that outlives its owner's membership holds back every read_committed reader.
        ("kafka.transaction_timeout", "kafka.session_timeout"),
        lambda s: s.kafka.transaction_timeout < s.kafka.session_timeout,
        "must be shorter than CONSUMER_KAFKA__SESSION_TIMEOUT",
    ),
    Rule(
        # That is what stops a process that was frozen from sending once someone else has its partition.
        ("work.grant_lifetime", "kafka.transaction_timeout"),
        lambda s: s.work.grant_lifetime < s.kafka.transaction_timeout,
        "must be shorter than CONSUMER_KAFKA__TRANSACTION_TIMEOUT",
    ),
    Rule(
        ("kafka.sasl_username", "kafka.security_protocol", "kafka.sasl_mechanism"),
        lambda s: s.kafka.sasl_username is not None or not _logs_in(s) or _bears(s),
        "has to be set with a SASL protocol",
    ),
    Rule(
        ("kafka.sasl_password", "kafka.security_protocol", "kafka.sasl_mechanism"),
        lambda s: s.kafka.sasl_password is not None or not _logs_in(s) or _bears(s),
        "has to be set with a SASL protocol",
    ),
    Rule(
        ("kafka.sasl_mechanism", "kafka.security_protocol"),
        lambda s: _logs_in(s) or not _bears(s),
        "must be OAUTHBEARER only where CONSUMER_KAFKA__SECURITY_PROTOCOL is SASL_SSL or SASL_PLAINTEXT",
    ),
    Rule(
        ("kafka.sasl_mechanism", "kafka.sasl_oauth_token_file", "kafka.sasl_oauth_token_url"),
        lambda s: _bears(s) or (s.kafka.sasl_oauth_token_file is None and s.kafka.sasl_oauth_token_url is None),
        "must be OAUTHBEARER where a token file or a token URL is set: otherwise nobody uses it",
    ),
    Rule(
        ("kafka.sasl_oauth_token_url", "kafka.sasl_oauth_token_file", "kafka.sasl_mechanism"),
        lambda s: not _bears(s) or (s.kafka.sasl_oauth_token_file is None) != (s.kafka.sasl_oauth_token_url is None),
        "or CONSUMER_KAFKA__SASL_OAUTH_TOKEN_FILE, one of them, has to be set with OAUTHBEARER",
    ),
    Rule(
        ("kafka.sasl_oauth_client_id", "kafka.sasl_oauth_token_url"),
        lambda s: s.kafka.sasl_oauth_client_id is not None or s.kafka.sasl_oauth_token_url is None,
        "has to be set with CONSUMER_KAFKA__SASL_OAUTH_TOKEN_URL",
    ),
    Rule(
        ("kafka.sasl_oauth_client_secret", "kafka.sasl_oauth_token_url"),
        lambda s: s.kafka.sasl_oauth_client_secret is not None or s.kafka.sasl_oauth_token_url is None,
        "has to be set with CONSUMER_KAFKA__SASL_OAUTH_TOKEN_URL",
    ),
    Rule(
        # Who hears the token can do whatever we can, for as long as it lives.
        ("kafka.security_protocol", "kafka.sasl_mechanism", "kafka.sasl_oauth_allow_plaintext"),
        lambda s: not _bears(s) or s.kafka.security_protocol != "SASL_PLAINTEXT" or s.kafka.sasl_oauth_allow_plaintext,
        "must be SASL_SSL with OAUTHBEARER: anybody on the way could use the token. To do so all the same, set "
        "CONSUMER_KAFKA__SASL_OAUTH_ALLOW_PLAINTEXT",
    ),
    Rule(
        ("kafka.sasl_oauth_token_url", "kafka.sasl_oauth_allow_plaintext"),
        lambda s: not (s.kafka.sasl_oauth_token_url or "").startswith("http:") or s.kafka.sasl_oauth_allow_plaintext,
        "must start with https://: the client's secret goes there. To send it in the clear all the same, set "
        "CONSUMER_KAFKA__SASL_OAUTH_ALLOW_PLAINTEXT",
    ),
    Rule(
        ("kafka.security_protocol", "kafka.sasl_username", "kafka.sasl_password"),
        lambda s: _logs_in(s) or (s.kafka.sasl_username is None and s.kafka.sasl_password is None),
        "must be SASL_SSL or SASL_PLAINTEXT where a user or password is set: otherwise nobody logs in",
    ),
    Rule(
        ("topics.requests", "topics.outcomes", "topics.parked", "topics.suppressions", "topics.feedback"),
        _different_topics,
        "must differ from the other topics, and they from one another",
    ),
    Rule(
        ("topics.retention", "work.max_age"),
        lambda s: s.topics.retention >= s.work.max_age,
        "must be at least CONSUMER_WORK__MAX_AGE: a request that waits must still be there",
    ),
    Rule(
        ("topics.retention", "work.dedupe"),
        lambda s: s.topics.retention >= s.work.dedupe,
        "must be at least CONSUMER_WORK__DEDUPE: ids are remembered by the outcomes",
    ),
    Rule(
        ("suppression.warning", "suppression.critical"),
        lambda s: s.suppression.warning <= s.suppression.critical,
        "must be at most CONSUMER_SUPPRESSION__CRITICAL",
    ),
    Rule(
        # A tenant may have half of it and another half of the rest, and a mail takes up to three times its size.
        ("attachments.memory", "attachments.total"),
        lambda s: s.attachments.memory >= 12 * s.attachments.total,
        "must be at least 12 times CONSUMER_ATTACHMENTS__TOTAL: else large mails of two tenants wait for one another",
    ),
    Rule(
        ("smtp.connections_per_relay", "smtp.connections_total"),
        lambda s: s.smtp.connections_per_relay <= s.smtp.connections_total,
        "must be at most CONSUMER_SMTP__CONNECTIONS_TOTAL",
    ),
    Rule(
        ("tracing.enabled",),
        lambda s: not s.tracing.enabled or _can_trace(),
        "needs OpenTelemetry: pip install 'consumer[otel]'",
    ),
)
