"""Files fetched from the URLs that requests name.

Every hop of a redirect is looked at like the first one and gets a connection of its own, made by
the guard that is handed in: this file decides what a URL may look like, the guard where it may lead.
A file is bounded in octets, in time and in slowness; what is gone for good is told apart from what
may come back. Nothing here tells a URL: it may be a person's data, or hold a signature.
"""

import asyncio
import re
import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from typing_extensions import override
from yarl import URL

from consumer.core.attachment import Encoder, Fetched, File, Gone, NoRoom, Refusal, Refused, Wanted
from consumer.core.filename import filename
from consumer.core.network import NotAllowedError
from consumer.core.tenant import Unavailable
from consumer.ports import Allot, Attachments, Clock

MOST_REDIRECTS = 5
_PIECE = 65_536
_SLICE = 262_144
_LONGEST_URL = 8192
_REDIRECTS = frozenset((301, 302, 303, 307, 308))  # RFC 9110, 15.4
_NOT_NOW = frozenset((408, 425, 429))
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "email-consumer"}


Connect = Callable[[str], aiohttp.BaseConnector]
"""Makes the connector for one request to a host. It ends with NotAllowedError where that may not be."""


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds: for the name and the connection, for each next piece, for all of it; and how slow is too slow."""

    connect: float = 10.0
    read: float = 20.0
    total: float = 120.0
    grace: float = 10.0
    slowest: int = 4096  # octets a second on average, once the grace is over


OnEnd = Callable[[File, float], None]
"""Told of each file, and the seconds that it took."""


def _unobserved(_file: File, _seconds: float) -> None:
    """Nobody measures."""


class WebAttachments(Attachments):
    """Fetches over HTTP and HTTPS."""

    def __init__(
        self,
        clock: Clock,
        connect: Connect,
        patience: Patience | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        on_end: OnEnd = _unobserved,
    ) -> None:
        self._clock = clock
        self._connect = connect
        self._patience = patience or Patience()
        self._tls = tls or True  # verified by the system's authorities
        self._on_end = on_end

    @override
    async def fetch(self, wanted: Wanted, room: int, allot: Allot) -> File:
        began = self._clock.elapsed()
        file = await self._ended(wanted, room, allot)
        self._on_end(file, self._clock.elapsed() - began)
        return file

    async def _ended(self, wanted: Wanted, room: int, allot: Allot) -> File:
        try:
            async with asyncio.timeout(self._patience.total):
                return await self._fetch(wanted, room, allot)
        except _EndedError as ended:
            return ended.ending
        except aiohttp.InvalidURL:
            return _NOT_ALLOWED
        except aiohttp.ClientConnectorError as error:
            return _NOT_ALLOWED if isinstance(error.os_error, NotAllowedError) else _UNAVAILABLE
        except (aiohttp.ClientError, OSError, UnicodeError):
            return _UNAVAILABLE
        except RuntimeError:  # what uvloop may raise for a lost race between two addresses of a host
            return _UNAVAILABLE

    async def _fetch(self, wanted: Wanted, room: int, allot: Allot) -> Fetched:
        url = _checked(wanted.url)
        for _ in range(1 + MOST_REDIRECTS):
            async with self._session(url) as session, self._asked(session, url) as response:
                if response.status not in _REDIRECTS:
                    return await self._file(response, wanted, room, allot)
                url = _redirected(url, response.headers.get("Location", ""))
        raise _EndedError(_NOT_ALLOWED)

    def _asked(self, session: aiohttp.ClientSession, url: URL) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return session.get(url, allow_redirects=False, ssl=self._tls)

    def _session(self, url: URL) -> aiohttp.ClientSession:
        patience = self._patience
        return aiohttp.ClientSession(
            connector=self._connect(url.raw_host or ""),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            timeout=aiohttp.ClientTimeout(
                connect=patience.connect, sock_connect=patience.connect, sock_read=patience.read
            ),
            auto_decompress=False,
            trust_env=False,
        )

    async def _file(self, response: aiohttp.ClientResponse, wanted: Wanted, room: int, allot: Allot) -> Fetched:
        refused = _refused(response.status)
        if refused is not None:
            raise _EndedError(refused)
        headers = response.headers
        kept = _Kept(room, allot)
        await self._content(response, kept)
        name = filename(headers.get("Content-Disposition", ""), response.url.raw_path)
        file = kept.encoder.ended(headers.get("Content-Type", "application/octet-stream"), name)
        if wanted.sha256 is not None and wanted.sha256.lower() != file.sha256:
            raise _EndedError(Refused(Refusal.CHANGED))
        return file

    async def _content(self, response: aiohttp.ClientResponse, kept: "_Kept") -> None:
        coding = _coding(response.headers.get("Content-Encoding", "identity"))
        kept.expect(response.content_length or 0)
        began, came = self._clock.elapsed(), 0
        async for piece in response.content.iter_chunked(_PIECE):
            came += len(piece)
            if self._too_slow(came, self._clock.elapsed() - began):
                raise _EndedError(_UNAVAILABLE)
            for part in coding.decoded(piece):
                kept.add(part)
                await asyncio.sleep(0)  # a bomb goes off slowly: others get their turn
        if not coding.whole:
            raise _EndedError(_UNREADABLE)

    def _too_slow(self, octets: int, seconds: float) -> bool:
        return seconds > self._patience.grace and octets < self._patience.slowest * seconds


class _Kept:
    """What has come of a file: within the room that there is, and no more than there is memory for."""

    def __init__(self, room: int, allot: Allot) -> None:
        self.encoder = Encoder()
        self._room = room
        self._allot = allot
        self._allotted = 0

    def expect(self, octets: int) -> None:
        """So many octets will come."""
        if octets > self._room:
            raise _EndedError(_TOO_LARGE)
        if octets > self._allotted and not self._allot(octets):
            raise _EndedError(NoRoom(octets))
        self._allotted = max(self._allotted, octets)

    def add(self, part: bytes) -> None:
        octets = self.encoder.octets + len(part)
        if octets > self._allotted:
            self.expect(max(octets, min(2 * self._allotted, self._room)))
        self.encoder.add(part)


class _EndedError(Exception):
    """It ends here. It never leaves this file: it becomes an ending."""

    def __init__(self, ending: Gone | Refused | Unavailable | NoRoom) -> None:
        super().__init__(ending)
        self.ending = ending


_UNAVAILABLE = Unavailable("attachment-host")
_NOT_ALLOWED = Refused(Refusal.NOT_ALLOWED)
_TOO_LARGE = Refused(Refusal.TOO_LARGE)
_UNREADABLE = Refused(Refusal.UNREADABLE)


def _refused(status: int) -> Gone | Refused | Unavailable | None:
    """What a status means that is no redirect; None for one that comes with the file."""
    if status in (200, 203):
        return None
    if status < 300:
        return _UNREADABLE  # a part that nobody asked for, or nothing
    return _UNAVAILABLE if status >= 500 or status in _NOT_NOW else Gone()


def _redirected(url: URL, location: str) -> URL:
    target = _checked(location, url)
    if url.scheme == "https" and target.scheme == "http":
        raise _EndedError(_NOT_ALLOWED)
    return target


def _checked(text: str, base: URL | None = None) -> URL:
    """A URL that may be asked for, as it is written: a signature may be over its very letters."""
    try:
        url = URL(text, encoded=text.isascii() and " " not in text)
        url = base.join(url) if base else url
        usable = url.scheme in ("http", "https") and bool(url.host) and url.user is None and url.password is None
    except ValueError:
        raise _EndedError(_NOT_ALLOWED) from None
    if not usable or len(text) > _LONGEST_URL or _CONTROLS.search(text):
        raise _EndedError(_NOT_ALLOWED)
    return url.with_fragment(None)


class _Coding(Protocol):
    @property
    def whole(self) -> bool: ...

    def decoded(self, piece: bytes) -> Iterator[bytes]: ...


class _Identity:
    whole = True

    def decoded(self, piece: bytes) -> Iterator[bytes]:
        yield piece


class _Gzip:
    """Stores keep files compressed and send them so, whatever was asked for."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def whole(self) -> bool:
        return self._inflater.eof

    def decoded(self, piece: bytes) -> Iterator[bytes]:
        """In slices, so that who adds them up can stop a bomb."""
        more = True
        while more:
            if self._inflater.eof and piece:
                raise _EndedError(_UNREADABLE)
            part = self._inflated(piece)
            if self._inflater.unused_data:
                raise _EndedError(_UNREADABLE)
            yield part
            piece = self._inflater.unconsumed_tail
            more = bool(piece) or len(part) == _SLICE

    def _inflated(self, piece: bytes) -> bytes:
        try:
            return self._inflater.decompress(piece, _SLICE)
        except zlib.error:
            raise _EndedError(_UNREADABLE) from None


def _coding(name: str) -> _Coding:
    match name.strip().lower():
        case "identity" | "":
            return _Identity()
        case "gzip" | "x-gzip":
            return _Gzip()
        case _:
            raise _EndedError(_UNREADABLE)
