"""Stand-ins for config-api, PII vault and an attachment host, in one server: for tests, the demo, and trying things out.

    python -m devtools.stand_ins --tenants tenants.yaml --values values.yaml --files folder

The tenants file is the consumer's own, the values file a mapping of PII tokens to what they stand for. Both
are read again for every answer, so that a change shows at once.
"""

import argparse
import asyncio
import hashlib
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import orjson
import yaml
from aiohttp import web

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
"""Takes the place of the answer that would be given otherwise."""

Table: TypeAlias = Callable[[], Mapping[str, Any]]
"""What is there at this moment, by name."""


class StandIns:
    """Serves what its tables hold, and remembers what it was asked for. `instead` answers everything, where it is set."""

    def __init__(
        self,
        tenants: Table | Mapping[str, Any] | None = None,
        values: Table | Mapping[str, str] | None = None,
        files: Mapping[str, bytes | Answer] | Path | None = None,
    ) -> None:
        self.asked: list[str] = []
        self.bodies: list[Any] = []
        self.instead: Answer | None = None
        self.port = 0
        self._tenants = _table(tenants)
        self._values = _table(values)
        self._files = files or {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> None:
        application = web.Application(middlewares=[self._seen], client_max_size=2**24)
        application.router.add_get("/tenants/{tenant}/email", self._tenant)
        application.router.add_post("/resolve", self._resolve)
        application.router.add_get("/files/{name}", self._file)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _seen(self, request: web.Request, handler: Answer) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.rel_url.raw_path_qs}")
        return await (self.instead or handler)(request)

    async def _tenant(self, request: web.Request) -> web.Response:
        entry = self._tenants().get(request.match_info["tenant"])
        if entry is None:
            return web.json_response({"error": "unknown tenant"}, status=404)
        body = orjson.dumps(entry)
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        return web.Response(body=body, content_type="application/json", headers={"ETag": etag})

    async def _resolve(self, request: web.Request) -> web.Response:
        tokens = await request.json()
        self.bodies.append(tokens)
        values = self._values()
        return web.json_response({token: values[token] for token in tokens if token in values})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if isinstance(self._files, Path):
            path = self._files / Path(name).name
            return web.FileResponse(path) if path.is_file() else web.Response(status=404)
        found = self._files.get(name)
        if found is None:
            return web.Response(status=404)
        return web.Response(body=found) if isinstance(found, bytes) else await found(request)


def _table(given: Table | Mapping[str, Any] | None) -> Table:
    if callable(given):
        return given
    table = given if given is not None else {}
    return lambda: table


def tenants_in(path: Path) -> Table:
    """The entries of a tenants file; who names no relay has what stands in `default`, too."""

    def read() -> Mapping[str, Any]:
        document = _yaml(path)
        default = document.get("default") or {}
        entries = document.get("tenants") or {}
        return {str(name): entry if "smtp_host" in entry else default | entry for name, entry in entries.items()}

    return read


def values_in(path: Path) -> Table:
    return lambda: {str(token): str(value) for token, value in _yaml(path).items()}


def _yaml(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text("utf-8")) or {}


async def _run(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stand_ins = StandIns(
        tenants_in(arguments.tenants) if arguments.tenants else None,
        values_in(arguments.values) if arguments.values else None,
        arguments.files,
    )
    await stand_ins.listen(arguments.host, arguments.port)
    print(f"listening on http://{arguments.host}:{stand_ins.port}", flush=True)
    await stop.wait()
    await stand_ins.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m devtools.stand_ins", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tenants", type=Path, help="a tenants file: GET /tenants/{tenant}/email")
    parser.add_argument("--values", type=Path, help="a YAML mapping of PII tokens to values: POST /resolve")
    parser.add_argument("--files", type=Path, help="a folder of attachments: GET /files/{name}")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
