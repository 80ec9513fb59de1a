"""The tenant directory behind config-api: `GET {url}/tenants/{tenant}/email`.

What was answered holds for a while and is then asked for again with its ETag, once at a time for each tenant.
While config-api is away, or answers what cannot be used, what was known stays in force, however old; only who
was never known has to wait. An answer may hold a password: nothing of it is told, only places and rules.
"""

import asyncio
import re
import ssl
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TypeAlias
from urllib.parse import quote

import aiohttp
import orjson
import structlog
from typing_extensions import override
from yarl import URL

from consumer.core.tenant import Tenant, Unavailable, UnknownTenant
from consumer.core.tenants import Faults, Plain, parse_tenants
from consumer.ports import Clock, Tenants

LARGEST_ANSWER = 262_144
MOST_KNOWN = 100_000
MOST_ABSENT = 10_000  # names come from requests: who makes some up shall not push the known ones out

_NAME = re.compile(r"[^\x00-\x20\x7f-\xa0\ud800-\udfff]{1,128}")  # as in core.tenants; what has no UTF-8 is no name
_ETAG = re.compile(r"[!-~]{1,256}")  # RFC 9110, 8.8.3, less what is not ASCII
_DOTS = frozenset((".", ".."))  # would lead to another place of the API

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds: how long an answer is waited for, how long it holds, and how long the answer that there is none."""

    connect: float = 2.0
    total: float = 5.0
    holds: float = 30.0
    absent_holds: float = 5.0


@dataclass(frozen=True, slots=True)
class Access:
    """How we are let in, and whom we trust besides the system's authorities."""

    bearer: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class State:
    """How it stands with config-api: tenants known, how many of them could not be asked for again, and the last answer."""

    tenants: int = 0
    stale: int = 0
    reachable: bool = True


@dataclass(frozen=True, slots=True)
class _Known:
    tenant: Tenant
    etag: str | None
    until: float = 0.0


class _Unchanged(Enum):
    """304: what is known still holds."""

    UNCHANGED = auto()


_UNCHANGED = _Unchanged.UNCHANGED
_AWAY = Unavailable("config")
_Answer: TypeAlias = _Known | _Unchanged | UnknownTenant | Faults | Unavailable


class ConfigApi(Tenants):
    """What config-api says, or said last. Made within a running loop; `aclose` it."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        patience: Patience | None = None,
        *,
        plain: Plain = False,
        access: Access | None = None,
        on_change: Callable[[State], None] = lambda _: None,
    ) -> None:
        self._url = url.rstrip("/")
        self._clock = clock
        self._patience = patience or Patience()
        self._plain = plain
        self._on_change = on_change
        self._memory = _Memory(self._patience)
        self._turns: dict[str, _Turn] = {}
        self._state = State()
        self._session = _session(self._patience, access or Access())

    @override
    def __repr__(self) -> str:
        away = "" if self._state.reachable else ", away"
        return f"<ConfigApi {self._state.tenants} tenants, {self._state.stale} stale{away}>"

    @property
    def state(self) -> State:
        return self._state

    async def aclose(self) -> None:
        await self._session.close()

    @override
    async def get(self, name: str) -> Tenant | UnknownTenant | Unavailable:
        if not _NAME.fullmatch(name) or name in _DOTS:
            return UnknownTenant(name)
        held = self._memory.held(name, self._clock.elapsed())
        return await self._in_turn(name) if held is None else held

    async def _in_turn(self, name: str) -> Tenant | UnknownTenant | Unavailable:
        """One asks, the others take what he learnt; if he is cancelled, the next one asks."""
        turn = self._turns.setdefault(name, _Turn())
        turn.wanted += 1
        try:
            async with turn.lock:
                held = self._memory.held(name, self._clock.elapsed())
                return await self._asked(name) if held is None else held
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._turns[name]

    async def _asked(self, name: str) -> Tenant | UnknownTenant | Unavailable:
        answer = await self._answer(name, self._memory.etag(name))
        if isinstance(answer, Faults):
            _log.error("config-api's answer cannot be used", errors=list(answer.errors))
        found = self._memory.learn(name, answer, self._clock.elapsed())
        self._tell(State(self._memory.tenants, self._memory.stale, not isinstance(answer, Unavailable)))
        return found

    async def _answer(self, name: str, etag: str | None) -> _Answer:
        # Encoded by us and left so: a name with a slash must not become two steps of a path.
        url = URL(f"{self._url}/tenants/{quote(name, safe='')}/email", encoded=True)
        headers = {"If-None-Match": etag} if etag else {}
        try:
            async with (
                asyncio.timeout(self._patience.total),
                self._session.get(url, headers=headers, allow_redirects=False) as response,
            ):
                return await self._read(name, response)
        except (aiohttp.ClientError, OSError):
            return _AWAY

    async def _read(self, name: str, response: aiohttp.ClientResponse) -> _Answer:
        match response.status:
            case 200:
                return self._parsed(name, await _bounded(response), response.headers.get("ETag"))
            case 304:
                return _UNCHANGED
            case 404:
                return UnknownTenant(name)
            case _:
                return _AWAY

    def _parsed(self, name: str, body: bytes, etag: str | None) -> _Known | Faults:
        try:
            entry: object = orjson.loads(body)
        except orjson.JSONDecodeError:
            return Faults((f"tenants.{name}: not JSON, or longer than {LARGEST_ANSWER} bytes",))
        found = parse_tenants({"tenants": {name: entry}}, plain=self._plain)
        if isinstance(found, Faults):
            return found
        return _Known(found[name], etag if etag and _ETAG.fullmatch(etag) else None)

    def _tell(self, state: State) -> None:
        before, self._state = self._state, state
        if before.reachable and not state.reachable:
            _log.error("config-api is away, what is known stays in force", tenants=state.tenants)
        elif state.reachable and not before.reachable:
            _log.info("config-api is back", tenants=state.tenants)
        if state != before:
            self._on_change(state)


class _Turn:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.wanted = 0


class _Memory:
    """What was answered, until when it holds, and for whom it is only what was answered before."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._absent: OrderedDict[str, tuple[UnknownTenant | Unavailable, float]] = OrderedDict()
        self._stale: set[str] = set()

    @property
    def tenants(self) -> int:
        return len(self._known)

    @property
    def stale(self) -> int:
        return len(self._stale)

    def etag(self, name: str) -> str | None:
        known = self._known.get(name)
        return known and known.etag

    def held(self, name: str, now: float) -> Tenant | UnknownTenant | Unavailable | None:
        """What needs not be asked for now."""
        known = self._known.get(name)
        if known is not None:
            self._known.move_to_end(name)
            return known.tenant if now < known.until else None
        absent, until = self._absent.get(name, (None, now))
        return absent if now < until else None

    def learn(self, name: str, answer: _Answer, now: float) -> Tenant | UnknownTenant | Unavailable:
        """Take an answer into force; one that is none leaves what was known."""
        known = self._known.get(name)
        if isinstance(answer, UnknownTenant):
            return self._without(name, answer, now)
        if isinstance(answer, _Known):
            known = answer
        if known is None:
            return self._without(name, _AWAY, now)
        return self._with(name, known, now, stale=isinstance(answer, Faults | Unavailable))

    def _with(self, name: str, known: _Known, now: float, *, stale: bool) -> Tenant:
        self._known[name] = replace(known, until=now + self._patience.holds)
        self._known.move_to_end(name)
        self._absent.pop(name, None)
        (self._stale.add if stale else self._stale.discard)(name)
        if len(self._known) > MOST_KNOWN:
            self._stale.discard(self._known.popitem(last=False)[0])
        return known.tenant

    def _without(self, name: str, absent: UnknownTenant | Unavailable, now: float) -> UnknownTenant | Unavailable:
        self._known.pop(name, None)
        self._stale.discard(name)
        self._absent[name] = (absent, now + self._patience.absent_holds)
        self._absent.move_to_end(name)
        if len(self._absent) > MOST_ABSENT:
            self._absent.popitem(last=False)
        return absent


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The body, or nothing where it is too long."""
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > LARGEST_ANSWER:
            return b""
    return bytes(content)


def _session(patience: Patience, access: Access) -> aiohttp.ClientSession:
    """No proxy, no cookies; redirects are not followed: an operator has named the place."""
    headers = {"Accept": "application/json", "User-Agent": "email-consumer"}
    if access.bearer is not None:
        headers["Authorization"] = f"Bearer {access.bearer}"
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=32, ssl=access.tls or True),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=headers,
        timeout=aiohttp.ClientTimeout(connect=patience.connect),
        trust_env=False,
    )
