"""Tokens of Microsoft Entra for mailboxes of Microsoft 365, by msal's client credentials, off the loop.

One request at a time for an account, whoever waits for it; a new one ahead of expiry, while the old one is in use;
and after a failure none for a while: neither a wrong secret nor an endpoint that is away becomes a flood. What the
endpoint says is never told, only codes of it: it may quote what it was sent.
"""

# msal has types for half of itself.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import asyncio
import re
import ssl
import time
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlencode

import urllib3
from typing_extensions import override

from consumer.core.tenant import MicrosoftAccount
from consumer.ports import Clock, NoToken, Tokens

LARGEST_ANSWER = 262_144
MOST_ACCOUNTS = 10_000
THREADS = 8
NEW = 60.0
"""Seconds for which a token is new: where a relay refuses it, that is no matter of its age."""

AHEAD = 0.75
"""By which part of a token's life there is a new one."""

UNAVAILABLE = "token-unavailable"
REFUSED = "token-refused"

_CODE = re.compile(r"AADSTS[0-9]{4,8}")
_NO_TOKEN = NoToken(UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Waits:
    """In seconds: for one answer, and after a failure: first and at most; `refused` is where the account is at fault."""

    total: float = 10.0
    first: float = 1.0
    longest: float = 60.0
    refused: float = 60.0


class _AwayError(Exception):
    """The endpoint cannot answer now. `after`: in so many seconds, as it says itself."""

    def __init__(self, after: float = 0.0) -> None:
        super().__init__()
        self.after = after


class _RefusedError(Exception):
    """The endpoint has an answer, and it is no."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class _Refusal:
    ending: NoToken
    after: float = 0.0


@dataclass(slots=True)
class _Account:
    """What is known of one, and the request that is under way for it. Times are the clock's `elapsed`."""

    token: str | None = field(default=None, repr=False)
    since: float = 0.0
    renew: float = 0.0
    expires: float = 0.0
    refusal: NoToken = _NO_TOKEN
    not_before: float = 0.0
    pause: float = 0.0
    flight: "asyncio.Future[_Token | _Refusal] | None" = field(default=None, repr=False)

    def held(self, now: float) -> str | None:
        return self.token if now < self.expires else None


class MicrosoftTokens(Tokens):
    """Asks an authority for tokens. Made within a running loop; `aclose` it."""

    def __init__(self, clock: Clock, *, ca_file: str | None = None, waits: Waits | None = None) -> None:
        self._clock = clock
        self._waits = waits or Waits()
        self._accounts: OrderedDict[MicrosoftAccount, _Account] = OrderedDict()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tokens")
        self._endpoint = _Endpoint(ca_file, self._waits.total)

    @override
    def __repr__(self) -> str:
        return f"<MicrosoftTokens {len(self._accounts)} accounts>"

    async def aclose(self) -> None:
        """Ask nothing more; done when what is under way has ended, which is bounded."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        flights = [known.flight for known in self._accounts.values() if known.flight is not None]
        if flights:
            await asyncio.wait(flights, timeout=2 * self._waits.total)
        self._endpoint.close()

    @override
    async def get(self, account: MicrosoftAccount) -> str | NoToken:
        known = self._known(account)
        now = self._clock.elapsed()
        token = known.held(now)
        if token is not None and now < known.renew:
            return token
        if known.flight is None:
            if now < known.not_before:
                return token or known.refusal
            self._ask(account, known)
        if token is not None or known.flight is None:
            return token or known.refusal
        try:
            async with asyncio.timeout(self._waits.total):
                answer = await asyncio.shield(known.flight)
        except TimeoutError:
            return _NO_TOKEN
        return answer.value if isinstance(answer, _Token) else answer.ending

    @override
    def drop(self, account: MicrosoftAccount, token: str) -> bool:
        known = self._known(account)
        if known.token != token:
            return True
        known.token, known.expires = None, 0.0
        return self._clock.elapsed() - known.since >= NEW

    def _known(self, account: MicrosoftAccount) -> _Account:
        known = self._accounts.get(account)
        if known is None:
            known = self._accounts[account] = _Account()
        self._accounts.move_to_end(account)
        if len(self._accounts) > MOST_ACCOUNTS:
            self._accounts.popitem(last=False)
        return known

    def _ask(self, account: MicrosoftAccount, known: _Account) -> None:
        loop = asyncio.get_running_loop()
        known.flight = loop.run_in_executor(self._threads, self._endpoint.token, account)
        known.flight.add_done_callback(lambda flight: self._learn(known, flight))

    def _learn(self, known: _Account, flight: "asyncio.Future[_Token | _Refusal]") -> None:
        known.flight = None
        if flight.cancelled():
            return
        answer, now = flight.result(), self._clock.elapsed()
        if isinstance(answer, _Token):
            known.token, known.pause, known.not_before = answer.value, 0.0, 0.0
            known.since, known.renew, known.expires = now, now + AHEAD * answer.seconds, now + answer.seconds
            return
        refused = answer.ending.reason != UNAVAILABLE
        known.pause = self._waits.refused if refused else min(2 * known.pause or self._waits.first, self._waits.longest)
        known.refusal, known.not_before = answer.ending, now + max(known.pause, min(answer.after, 3_600.0))


class _Endpoint:
    """msal, in threads: one application for each authority and client."""

    def __init__(self, ca_file: str | None, within: float) -> None:
        self._ca_file = ca_file
        self._within = within
        self._pool: urllib3.PoolManager | None = None

    def token(self, account: MicrosoftAccount) -> _Token | _Refusal:
        """Ask once. Bounded; whatever goes wrong is the answer."""
        try:
            return self._token(account)
        except _RefusedError as refused:
            return _Refusal(NoToken(f"{REFUSED} {refused.code}".rstrip()))
        except _AwayError as away:
            return _Refusal(_NO_TOKEN, away.after)
        except (urllib3.exceptions.HTTPError, OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
            # Away, or not what it should be: msal takes what it is told for what it expects.
            return _Refusal(_NO_TOKEN)

    def _token(self, account: MicrosoftAccount) -> _Token | _Refusal:
        import msal  # noqa: PLC0415  5 MB that nobody needs who has no such account

        application = msal.ConfidentialClientApplication(
            account.client_id,
            client_credential=account.client_secret,
            authority=f"{account.authority}/{account.tenant_id}",
            instance_discovery=False,  # an operator has named the authority; else Microsoft's is asked about it
            http_client=_Http(self._connections(), time.monotonic() + self._within),
        )
        answer = cast("Mapping[str, object]", application.acquire_token_for_client(scopes=[account.scope]))
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            return _Refusal(_NO_TOKEN)
        return _Token(token, float(seconds) if isinstance(seconds, int | float | str) else 0.0)

    def close(self) -> None:
        """Hang up."""
        if self._pool is not None:
            self._pool.clear()

    def _connections(self) -> urllib3.PoolManager:
        if self._pool is None:
            context = ssl.create_default_context()
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self._ca_file is not None:
                context.load_verify_locations(cafile=self._ca_file)
            self._pool = urllib3.PoolManager(ssl_context=context, retries=False, timeout=self._within / 2)
        return self._pool


_TOKEN = re.compile(r"[\x21-\x7e]{1,32768}")


@dataclass(frozen=True, slots=True)
class _Response:
    """As much of an answer as msal looks at."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        """What would be raised was raised before."""


class _Http:
    """msal's way to the network: no redirects, no proxy, bounded in time and size."""

    def __init__(self, pool: urllib3.PoolManager, deadline: float) -> None:
        self._pool = pool
        self._deadline = deadline

    def get(self, url: str, *, headers: Mapping[str, str] | None = None, **_: Any) -> _Response:  # noqa: ANN401  msal's
        return self._ask("GET", url, headers, None)

    def post(
        self,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,  # noqa: ANN401  msal's
    ) -> _Response:
        return self._ask("POST", url, headers, urlencode(data or {}))

    def close(self) -> None:
        """The pool is others' too."""

    def _ask(self, method: str, url: str, headers: Mapping[str, str] | None, body: str | None) -> _Response:
        if not url.startswith("https://"):
            raise _AwayError
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        response = self._pool.request(
            method, url, body=body, headers={**form, **(headers or {})}, redirect=False, preload_content=False
        )
        try:
            text = self._read(response)
        finally:
            response.close()
        return _judged(
            _Response(response.status, text, {name.lower(): value for name, value in response.headers.items()})
        )

    def _read(self, response: urllib3.BaseHTTPResponse) -> str:
        content = bytearray()
        for piece in response.stream(4_096):
            content += piece
            if len(content) > LARGEST_ANSWER or time.monotonic() > self._deadline:
                raise _AwayError
        return content.decode("utf-8", "replace")


def _judged(response: _Response) -> _Response:
    """The answer, if it is one that msal has to read."""
    if response.status_code == 429 or response.status_code >= 500:
        after = response.headers.get("retry-after", "")
        raise _AwayError(float(after) if after.isascii() and after.isdigit() and len(after) < 9 else 0.0)
    if '"temporarily_unavailable"' in response.text:  # RFC 6749, 4.1.2.1; Entra says so with 400, too
        raise _AwayError
    if response.status_code != 200:
        found = _CODE.search(response.text)
        raise _RefusedError(found[0] if found else str(response.status_code))
    return response
