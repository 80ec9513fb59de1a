"""How a connection to a relay went that carries no mail, and what may be told of it.

A relay may repeat what was said to it. Nobody who asks for a test is told the password that way, nor a user
name that the request did not have.
"""

import re
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from consumer.core.attempt import NotSent, Stage
from consumer.core.outcome import Timed
from consumer.core.reply import Reply
from consumer.core.resolve import MASKED
from consumer.core.tenant import Relay

DNS, TCP, GREETING, TLS, AUTH = "dns", "tcp", "greeting", "tls", "auth"

_PLACES = {Stage.CONNECT: TCP, Stage.GREETING: GREETING, Stage.TLS: TLS, Stage.AUTH: AUTH}
_OTHER_PLACES = {"dns": DNS, "plaintext-not-allowed": TLS}
_SHORTEST = 3
"""What is shorter stands in any text by chance: it is masked as a whole word only."""


WORDS: Mapping[str, str] = {
    "config-unavailable": "the tenant's configuration cannot be had at this moment",
    "dns": "there is no address for this host name",
    "not-allowed": "not allowed",
    "unreachable": "nothing answers there",
    "timeout": "no answer came in time",
    "connection-lost": "the connection was lost",
    "certificate": "the certificate is not of a trusted authority, has expired, or is another host's",
    "tls-failed": "TLS could not be agreed on",
    "starttls-not-offered": "the relay offers no STARTTLS, so no login was sent",
    "plaintext-not-allowed": "this host may not be used without TLS",
    "ca-file": "the authority's certificates cannot be read",
    "auth-not-offered": "the relay offers no way to log in that could be used",
    "malformed-reply": "what answers there does not speak SMTP",
    "reply-too-long": "the relay's answer had no end",
    "token-unavailable": "no token could be had for the account at this moment",
}
"""What a reason means to people, where it does not say it all."""


@dataclass(frozen=True, slots=True)
class Reached:
    """The relay was connected to, secured and logged in to, where there was a login."""

    stages: tuple[Timed, ...]
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """It ended before that, in the last of these stages."""

    stages: tuple[Timed, ...]
    reason: str
    reply: Reply | None = None


Probed: TypeAlias = Reached | Stopped


def place(ended: NotSent) -> str:
    """The stage where a conversation ended, in the words of tests and validations."""
    return _OTHER_PLACES.get(ended.reason, _PLACES.get(ended.stage, ended.stage.value))


def discreet_reply(reply: Reply | None, relay: Relay, *, own_user: bool) -> Reply | None:
    """The reply without the password, in whatever form; without the user name, too, unless it is the request's own."""
    if reply is None:
        return None
    user = relay.user or ""
    secrets = {*_forms(relay.password or ""), *_forms(f"\0{user}\0{relay.password or ''}")}
    secrets.update(_forms(relay.microsoft.client_secret if relay.microsoft else ""))
    secrets.update(_encoded(user) if own_user else _forms(user))
    return replace(reply, text=_masked(reply.text, secrets))


def without_token(text: str, user: str, token: str) -> str:
    """What a relay said, without the token that it was logged in to with, in whatever form."""
    return _masked(text, {*_forms(token), *_forms(f"user={user}\1auth=Bearer {token}\1\1")})


def _masked(text: str, secrets: Collection[str]) -> str:
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = re.sub(_pattern(secret), MASKED, text, flags=re.IGNORECASE)
    return text


def _forms(secret: str) -> Iterator[str]:
    if secret:
        yield secret
        yield from _encoded(secret)


def _encoded(secret: str) -> Iterator[str]:
    """As AUTH says it (RFC 4954, 4), with its padding or without."""
    if secret:
        encoded = b64encode(secret.encode()).decode()
        yield from (encoded, encoded.rstrip("="))


def _pattern(secret: str) -> str:
    escaped = re.escape(secret)
    return escaped if len(secret) >= _SHORTEST else rf"(?<!\w){escaped}(?!\w)"
