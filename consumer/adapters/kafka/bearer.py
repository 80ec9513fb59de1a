"""Tokens that the brokers take in place of a password (SASL OAUTHBEARER, RFC 7628).

Each connection asks for one. From a file it is read each time: whoever rotates it needs no restart. From a token endpoint
(RFC 6749, 4.4) it is kept, and renewed ahead of its end; one request at a time, however many connections ask; and after a
failure none for a while. What the endpoint says is never told, only codes of it: it may quote what it was sent.
"""

# The library has types for half of itself.
# pyright: reportMissingTypeStubs=false

import asyncio
import base64
import re
import ssl
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import quote_plus

import aiohttp
import orjson
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaError
from typing_extensions import override

LARGEST = 65_536
RENEW, USABLE = 0.8, 0.95
"""By which part of a token's life there is a new one, and until which the old one does where there is none."""

ASSUMED_LIFE = 60.0
"""Seconds that a token is kept whose endpoint does not say how long it lives (RFC 6749, 5.1: it should)."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, 2.1
_SETTING = "CONSUMER_KAFKA__SASL_OAUTH_"
_URL = f"{_SETTING}TOKEN_URL"
_REMEDIES = {  # the codes of RFC 6749, 5.2
    "invalid_client": f"check {_SETTING}CLIENT_ID and {_SETTING}CLIENT_SECRET",
    "invalid_grant": f"check {_SETTING}CLIENT_ID and {_SETTING}CLIENT_SECRET",
    "invalid_request": "is this the token endpoint?",
    "invalid_scope": f"check {_SETTING}SCOPE",
    "unauthorized_client": "the client has to be allowed the grant client_credentials",
    "unsupported_grant_type": "it has to know the grant client_credentials",
}


class NoBearerError(KafkaError):
    """There is no token. The text names the setting, what is wrong and what mends it, and never quotes."""


class Bearer(AbstractTokenProvider):
    """Gives each connection its token, and the extensions that go with it (RFC 7628, 3.1)."""

    def __init__(self, extensions: Mapping[str, str]) -> None:
        self._extensions = extensions

    @override
    @abstractmethod
    async def token(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]  the library's says None
        """A token that holds. Bounded; raises `NoBearerError`."""
        ...

    @override
    def extensions(self) -> dict[str, str]:
        return dict(self._extensions)


class FileBearer(Bearer):
    """The token in a file, as it is now."""

    def __init__(self, path: Path, extensions: Mapping[str, str]) -> None:
        super().__init__(extensions)
        self._path = path

    @override
    def __repr__(self) -> str:
        return f"<FileBearer {self._path}>"

    @override
    async def token(self) -> str:
        # A file system that hangs must not hold the loop.
        text = await asyncio.to_thread(self._read)
        if not _TOKEN.fullmatch(text):
            raise NoBearerError(f"{_SETTING}TOKEN_FILE must name a file that holds one token and nothing else")
        return text

    def _read(self) -> str:
        try:
            with self._path.open("rb") as file:
                return file.read(LARGEST).decode("ascii", "replace").strip()
        except OSError as error:
            raise NoBearerError(f"{_SETTING}TOKEN_FILE cannot be read: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where tokens come from, and as whom they are asked for; `within` in seconds."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None
    ca_file: str | None = None
    within: float = 10.0


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds after a failure: the first time, and at most."""

    first: float = 1.0
    longest: float = 30.0


@dataclass(frozen=True, slots=True)
class _Held:
    value: str = field(repr=False)
    renew: float
    expires: float


class EndpointBearer(Bearer):
    """Tokens of an endpoint, kept while they live."""

    def __init__(
        self,
        endpoint: Endpoint,
        extensions: Mapping[str, str],
        *,
        elapsed: Callable[[], float],
        pauses: Pauses | None = None,
    ) -> None:
        super().__init__(extensions)
        self._endpoint = endpoint
        self._elapsed = elapsed
        self._pauses = pauses or Pauses()
        self._tls = ssl.create_default_context()
        if endpoint.ca_file is not None:
            self._tls.load_verify_locations(endpoint.ca_file)
        self._one_at_a_time = asyncio.Lock()
        self._held: _Held | None = None
        self._failure = NoBearerError(f"{_URL} was not asked yet")
        self._not_before = 0.0
        self._pause = 0.0

    @override
    def __repr__(self) -> str:
        return f"<EndpointBearer {self._endpoint.url}>"

    @override
    async def token(self) -> str:
        held = self._held
        if held is not None and self._elapsed() < (held.expires if self._one_at_a_time.locked() else held.renew):
            return held.value
        async with self._one_at_a_time:
            return await self._renewed()

    async def _renewed(self) -> str:
        held, now = self._held, self._elapsed()
        if held is not None and now < held.renew:
            return held.value  # somebody else was faster
        if now >= self._not_before:
            try:
                self._held = await self._fetched(now)
            except NoBearerError as error:
                self._failed(error)
            else:
                self._pause = 0.0
                return self._held.value
        if held is not None and self._elapsed() < held.expires:
            return held.value
        raise NoBearerError(*self._failure.args)

    def _failed(self, error: NoBearerError) -> None:
        self._failure = error
        self._pause = min(max(2 * self._pause, self._pauses.first), self._pauses.longest)
        self._not_before = self._elapsed() + self._pause

    async def _fetched(self, now: float) -> _Held:
        try:
            async with asyncio.timeout(self._endpoint.within):
                status, answer = await self._asked()
        except TimeoutError as error:
            raise NoBearerError(
                f"{_URL}: the token endpoint has not answered within {self._endpoint.within:g} s"
            ) from error
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise NoBearerError(
                f"{_URL}: the token endpoint's certificate is not trusted; name its authority in {_SETTING}CA_FILE"
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoBearerError(
                f"{_URL}: the token endpoint cannot be reached: {type(error).__name__}; check the address and the way there"
            ) from error
        value, life = _granted(status, answer)
        return _Held(value, now + RENEW * life, now + USABLE * life)

    async def _asked(self) -> tuple[int, bytes]:
        """Status and body. A session of its own: it is asked every few minutes at most."""
        form = {"grant_type": "client_credentials"}
        if self._endpoint.scope is not None:
            form["scope"] = self._endpoint.scope
        # RFC 6749, 2.3.1: encoded as in a form, then as HTTP Basic; every endpoint has to take it so.
        who = f"{quote_plus(self._endpoint.client_id)}:{quote_plus(self._endpoint.client_secret)}"
        headers = {
            "Authorization": f"Basic {base64.b64encode(who.encode()).decode()}",
            "Accept": "application/json",
        }
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            # The secret goes where the operator has said, and nowhere else.
            session.post(
                self._endpoint.url, data=form, headers=headers, ssl=self._tls, allow_redirects=False
            ) as answer,
        ):
            body = b""
            async for chunk in answer.content.iter_chunked(LARGEST):
                body += chunk
                if len(body) > LARGEST:
                    break
            return answer.status, body


def _granted(status: int, body: bytes) -> tuple[str, float]:
    """The token of an answer, and the seconds that it lives."""
    answer = _object(body)
    if status != 200:
        raise NoBearerError(_refusal(status, answer))
    value, life = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise NoBearerError(f"{_URL}: the answer has no access_token; is this the token endpoint?")
    if isinstance(life, str) and life.isdecimal():  # some say it so
        life = int(life)
    known = isinstance(life, int | float) and not isinstance(life, bool) and life > 0
    return value, float(cast("float", life)) if known else ASSUMED_LIFE


def _object(body: bytes) -> Mapping[str, object]:
    """The JSON object there; an empty one where there is none."""
    try:
        found: object = orjson.loads(body) if len(body) <= LARGEST else None
    except orjson.JSONDecodeError:
        found = None
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _refusal(status: int, answer: Mapping[str, object]) -> str:
    code = answer.get("error")
    if isinstance(code, str) and code in _REMEDIES:
        return f"{_URL}: the token endpoint refuses with {status} {code}; {_REMEDIES[code]}"
    if 300 <= status < 400:
        return f"{_URL}: the token endpoint answers {status}; name the address that it redirects to"
    return f"{_URL}: the token endpoint answers {status}; is this the token endpoint?"
