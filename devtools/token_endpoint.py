"""A stand-in for Microsoft Entra's token endpoint: as much of it as a client with a secret asks for."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import web

from devtools.certificates import Certificates

Answer = Callable[[], Awaitable[web.StreamResponse]]


@dataclass
class TokenEndpoint:
    """Gives tokens `token-1`, `token-2`, ... to who knows the secret. `instead` answers in its place, where it is set."""

    certificates: Certificates
    secret: str
    lifetime: int = 3_600
    instead: Answer | None = None
    port: int = 0
    given: list[str] = field(default_factory=list[str])
    asked: int = 0
    scopes: list[str] = field(default_factory=list[str])
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def authority(self) -> str:
        return f"https://localhost:{self.port}"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.get("/{tenant}/v2.0/.well-known/openid-configuration", self._described),
                web.post("/{tenant}/oauth2/v2.0/token", self._token),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(self.certificates.chain, self.certificates.key)
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    def knows(self, user: str, token: str) -> bool:
        """Whether a relay should let this mailbox in with the token: for `Manner.xoauth2`."""
        return bool(user) and token in self.given

    async def _described(self, request: web.Request) -> web.StreamResponse:
        tenant = request.match_info["tenant"]
        if tenant == "nobody":
            return _refusal("invalid_tenant", "AADSTS90002: Tenant 'nobody' not found.")
        base = f"{self.authority}/{tenant}"
        return web.json_response(
            {
                "issuer": f"{base}/v2.0",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            }
        )

    async def _token(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        self.was_asked.set()
        if self.instead is not None:
            return await self.instead()
        form = await request.post()
        self.scopes.append(str(form.get("scope")))
        if form.get("client_secret") != self.secret:
            said = f"AADSTS7000215: Invalid client secret provided: {form.get('client_secret')}"
            return _refusal("invalid_client", said)
        self.given.append(f"token-{len(self.given) + 1}")
        return web.json_response({"token_type": "Bearer", "expires_in": self.lifetime, "access_token": self.given[-1]})


def _refusal(error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=401)
