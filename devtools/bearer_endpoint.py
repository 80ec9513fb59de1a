"""A stand-in for an authorization server: tokens for clients with a secret (RFC 6749, 4.4), such as Kafka takes in tests."""

import base64
import json
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import unquote_plus

from aiohttp import web

from devtools.certificates import Certificates


def unsecured(subject: str, lifetime: float, *, now: float | None = None) -> str:
    """A token that nobody has signed (RFC 7515, A.5): what Kafka's login module takes where nothing else is set up."""
    issued = time.time() if now is None else now
    claims = {"sub": subject, "iat": issued, "exp": issued + lifetime}
    return f"{_part({'alg': 'none'})}.{_part(claims)}."


def _part(claims: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


@dataclass
class BearerEndpoint:
    """Gives tokens to who knows the secret. `instead` answers in its place, where it is set."""

    certificates: Certificates
    client: str = "mailer"
    secret: str = "s3cr3t"  # noqa: S105  it guards nothing
    lifetime: float = 3_600
    make: Callable[[str, float], str] = unsecured
    instead: Callable[[], Awaitable[web.StreamResponse]] | None = None
    asked: int = 0
    forms: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    port: int = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/token"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.post("/token", self._token)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(self.certificates.chain, self.certificates.key)
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _token(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        form = await request.post()
        self.forms.append({name: str(value) for name, value in form.items()})
        if self.instead is not None:
            return await self.instead()
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        client, _, secret = base64.b64decode(given).decode().partition(":")
        if scheme != "Basic" or (unquote_plus(client), unquote_plus(secret)) != (self.client, self.secret):
            said = f"no client {client} with the secret {secret}"
            return web.json_response({"error": "invalid_client", "error_description": said}, status=401)
        token = self.make(self.client, self.lifetime)
        return web.json_response({"token_type": "Bearer", "expires_in": self.lifetime, "access_token": token})
