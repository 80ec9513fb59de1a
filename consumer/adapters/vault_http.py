"""The PII vault over HTTP: `POST {url}/resolve` with a list of tokens, answered by an object of token to value.

Nothing is kept: values live in the mail that they were asked for. Nothing of them is told: not in an error,
not in a log. The vault is an operator's own place: no guard stands before it, no redirect and no proxy is followed.
"""

import asyncio
import ssl
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import cast

import aiohttp
import orjson
from typing_extensions import override

from consumer.core.resolve import Values
from consumer.core.tenant import Unavailable
from consumer.ports import Vault

MOST_AT_ONCE = 100
LARGEST_ANSWER = 16 * 1024 * 1024  # bodies may be tokens, too


@dataclass(frozen=True, slots=True)
class VaultPatience:
    """In seconds: for the connection, and for all tokens of a mail."""

    connect: float = 3.0
    total: float = 10.0


class VaultHttp(Vault):
    """Asks for at most so many tokens at once. Made within a running loop; `aclose` it."""

    def __init__(
        self,
        url: str,
        patience: VaultPatience | None = None,
        *,
        bearer: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url = f"{url.rstrip('/')}/resolve"
        self._patience = patience or VaultPatience()
        headers = {"User-Agent": "email-consumer", "Content-Type": "application/json", "Accept": "application/json"}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=32, ssl=tls or True),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            timeout=aiohttp.ClientTimeout(connect=self._patience.connect),
            trust_env=False,
        )

    async def aclose(self) -> None:
        await self._session.close()

    @override
    async def resolve(self, tokens: Collection[str]) -> Values | Unavailable:
        found: dict[str, str] = {}
        try:
            async with asyncio.timeout(self._patience.total):
                for some in _batches(tokens):
                    found |= await self._asked(some)
        except (aiohttp.ClientError, OSError, _NoAnswerError):
            return Unavailable("vault")
        return Values(found)

    async def _asked(self, tokens: list[str]) -> dict[str, str]:
        async with self._session.post(self._url, data=orjson.dumps(tokens), allow_redirects=False) as response:
            if response.status != 200:
                raise _NoAnswerError
            return _values(await _bounded(response), tokens)


class _NoAnswerError(Exception):
    """What came is no answer of a vault. It never leaves this file."""


def _batches(tokens: Collection[str]) -> Iterator[list[str]]:
    rest = iter(dict.fromkeys(tokens))
    while some := list(islice(rest, MOST_AT_ONCE)):
        yield some


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > LARGEST_ANSWER:
            raise _NoAnswerError
    return bytes(content)


def _values(answer: bytes, tokens: list[str]) -> dict[str, str]:
    """Of the tokens that were asked for: an unknown one is missing or null."""
    try:
        given: object = orjson.loads(answer)
    except orjson.JSONDecodeError:
        raise _NoAnswerError from None
    if not isinstance(given, dict):
        raise _NoAnswerError
    values = cast("dict[str, object]", given)
    found = {token: value for token in tokens if (value := values.get(token)) is not None}
    if not all(isinstance(value, str) for value in found.values()):
        raise _NoAnswerError
    return cast("dict[str, str]", found)
