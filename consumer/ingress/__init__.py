"""Requests over HTTP, for those who have no Kafka: each call becomes an event, and its answer is that event's outcome.

Nothing is kept here. Every instance follows the outcomes by itself, so any number of them can stand side by side,
and one that dies takes nobody's mail along: what it had published has its outcome all the same.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias

import orjson
from aiohttp import web

from consumer.adapters import schemas
from consumer.adapters.metrics import CallMetrics
from consumer.client import Client, KafkaAwayError, OutcomeEvent, Submitted, TooLargeError
from consumer.core import attribute
from consumer.core.attribute import media_type
from consumer.core.judge import Judge
from consumer.core.trace import Trace, trace
from consumer.ingress.openapi import ID_HEADERS, PATHS, document

LARGEST = 900_000
"""Bytes of a body: with its envelope it has to fit into a record."""


Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_UNCOUNTED = frozenset(("/openapi.json", "/healthz", "/api/v1/solution/health"))


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an outcome is waited for, in seconds, and how many calls may be under way.

    A client has `read` seconds for its body, and `idle` seconds for the head of its first call or the next one.
    """

    wait: float = 10.0
    in_flight: int = 500
    read: float = 15.0
    idle: float = 75.0


class _RefusedError(Exception):
    """The call is answered at once: status, message and headers."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Ingress:
    """The calls. `client` has to follow the outcomes."""

    def __init__(self, client: Client, limits: Limits, metrics: CallMetrics) -> None:
        self._client = client
        self._limits = limits
        self._metrics = metrics
        metrics.room(limits.in_flight)
        self._under_way = 0
        self._document = orjson.dumps(document())
        self._judges = {type_: Judge(schemas.requests()[type_]) for type_ in PATHS.values()}

    def application(self) -> web.Application:
        """For aiohttp."""
        application = web.Application(client_max_size=LARGEST, middlewares=[self._counted])
        for path in PATHS:
            application.router.add_post(path, self._call)
        application.router.add_get("/openapi.json", self._described)
        application.router.add_get("/healthz", self._well)
        application.router.add_get("/api/v1/solution/health", self._well)
        return application

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Each call and its answer, in JSON also where it has come to the wrong path; health is not counted."""
        clock = asyncio.get_running_loop().time
        began, status = clock(), 500
        try:
            answer = await handler(request)
            status = answer.status
        except web.HTTPException as refused:
            status = refused.status
            answer = _astray(refused)
        finally:
            if request.path not in _UNCOUNTED:
                self._metrics.answered(PATHS.get(request.path), status, clock() - began)
        return answer

    async def _described(self, _: web.Request) -> web.Response:
        return _json(200, self._document)

    async def _well(self, _: web.Request) -> web.Response:
        return web.Response(text="OK")

    async def _call(self, request: web.Request) -> web.Response:
        if self._under_way >= self._limits.in_flight:
            return _told(_RefusedError(503, "too many calls are under way", Retry_After="1"), None)
        self._count(+1)
        request_id: str | None = None
        try:
            request_id = _id(request)
            return await self._answered(request, request_id)
        except _RefusedError as refused:
            return _told(refused, request_id)
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        self._under_way += more
        self._metrics.in_flight(self._under_way)

    async def _answered(self, request: web.Request, request_id: str) -> web.Response:
        type_ = PATHS[request.path]
        tenant = _tenant(request)
        data = await self._data(request, type_)
        submitted = await self._submitted(tenant, data, request_id, type_, trace=_trace(request))
        seen = await submitted.outcome(self._limits.wait)
        if seen is None:
            body = {"message": "The request was taken; its outcome is still to come.", "requestId": request_id}
            return _json(202, orjson.dumps(body), {"Request-ID": request_id})
        return _outcome(seen, request_id)

    async def _submitted(
        self, tenant: str, data: Mapping[str, object], request_id: str, type_: str, *, trace: Trace | None
    ) -> Submitted:
        """The request, once it is in Kafka."""
        parent, state = trace or (None, None)
        try:
            within = self._limits.wait
            return await self._client.submit(
                tenant,
                data,
                request_id=request_id,
                event_type=type_,
                traceparent=parent,
                tracestate=state,
                within=within,
            )
        except KafkaAwayError as error:
            self._metrics.unpublished("no-answer" if isinstance(error.__cause__, TimeoutError) else "kafka-away")
            text = "Kafka cannot be reached: call again with the same Request-ID"
            raise _RefusedError(503, text, Retry_After="5") from None
        except TooLargeError:
            self._metrics.unpublished("too-large")
            raise _RefusedError(413, "the request is larger than a record may be") from None

    async def _data(self, request: web.Request, type_: str) -> Mapping[str, object]:
        """The body, if it is what is asked for."""
        if media_type(request.headers.get("Content-Type", "")) != "application/json":
            raise _RefusedError(415, "content-type: expected application/json")
        try:
            async with asyncio.timeout(self._limits.read):
                content = await request.read()
        except TimeoutError:
            raise _RefusedError(408, "the body did not come in time", Connection="close") from None
        except web.HTTPRequestEntityTooLarge:
            raise _RefusedError(413, f"the body is larger than {LARGEST} bytes") from None
        try:
            data: Any = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise _RefusedError(400, f"not JSON, line {error.lineno}, column {error.colno}") from None
        errors = self._judges[type_].errors(data)
        if errors:
            raise _RefusedError(400, "; ".join(errors))
        return data


def _astray(refused: web.HTTPException) -> web.Response:
    """No such path, or no such method there."""
    headers = {"Allow": refused.headers["Allow"]} if "Allow" in refused.headers else {}
    return _json(refused.status, orjson.dumps({"message": f"{refused.reason}: see /openapi.json"}), headers)


def _tenant(request: web.Request) -> str:
    named = request.headers.getall("Tenant", [])
    error = "expected it once" if len(named) != 1 else attribute.RULES["tenant"](named[0])
    if error:
        raise _RefusedError(400, f"header Tenant: {error}")
    return named[0]


def _id(request: web.Request) -> str:
    """The seed calls it `Request ID`, which no header can be called: taken as it is usually written."""
    named = [value for header in ID_HEADERS for value in request.headers.getall(header, [])]
    if not named:
        return str(uuid.uuid4())
    error = "expected it once" if len(set(named)) > 1 else attribute.RULES["id"](named[0])
    if error:
        raise _RefusedError(400, f"header Request-ID: {error}")
    return named[0]


def _trace(request: web.Request) -> Trace | None:
    """The caller's span. Several states are one list, several parents are none (W3C Trace Context, 3.2 and 3.3.1)."""
    parent, state = (",".join(request.headers.getall(name, [])) for name in attribute.TRACE)
    return trace(parent, state)


def _outcome(seen: OutcomeEvent, request_id: str) -> web.Response:
    """The seed's answers: `message`, for credentials also `success`."""
    data = seen.data
    body = {name: data[name] for name in ("success", "message", "type") if name in data}
    headers = {"Request-ID": request_id}
    if "retryAfter" in data:
        headers["Retry-After"] = str(data["retryAfter"])
    status = int(data.get("status", 500))
    well = status == HTTPStatus.NO_CONTENT or "success" in data
    return _json(200 if well else status, orjson.dumps(body), headers)


def _told(refused: _RefusedError, request_id: str | None) -> web.Response:
    named = {"Request-ID": request_id} if request_id else {}
    return _json(refused.status, orjson.dumps({"message": refused.message}), refused.headers | named)


def _json(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


@asynccontextmanager
async def serving(
    client: Client, host: str, port: int, limits: Limits, metrics: CallMetrics | None = None
) -> AsyncGenerator[int]:
    """Calls are taken as long as this is open; the port that they come to. Raises `OSError` where it cannot listen."""
    runner = web.AppRunner(
        Ingress(client, limits, metrics or CallMetrics()).application(),
        access_log=None,
        handle_signals=False,
        # Also for the head of a first call: it is what ends connections that say nothing, or say it slowly.
        keepalive_timeout=limits.idle,
        shutdown_timeout=limits.wait * 2 + limits.read,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        # Calls under way have their answer, or their 202.
        await runner.cleanup()
