"""TLS as we ask for it: a verified certificate of that host, TLS 1.2 or later."""

import asyncio
import ssl
from pathlib import Path
from time import monotonic

from typing_extensions import override

Changed = tuple[int, ...]


class _Noted(ssl.SSLObject):
    """Knows when it was shaken hands on: TLS at connect and the greeting come in one step of the library."""

    shaken_at: float | None = None

    @override
    def do_handshake(self) -> None:
        super().do_handshake()
        self.shaken_at = monotonic()


def since_handshake(ssl_object: object) -> float | None:
    """Seconds since TLS was agreed on; None where it was not, or nobody noted it."""
    if isinstance(ssl_object, _Noted) and ssl_object.shaken_at is not None:
        return monotonic() - ssl_object.shaken_at
    return None


class Contexts:
    """TLS contexts by the extra authority they trust, beside that of `for_all`. A changed file is read again."""

    def __init__(self, for_all: str | None = None) -> None:
        self._for_all = for_all
        self._contexts: dict[str | None, tuple[Changed, ssl.SSLContext]] = {}

    async def trusting(self, ca_file: str | None) -> ssl.SSLContext:
        """A context over the system's store and these files. OSError where one is none (ssl.SSLError is one)."""
        files = tuple(file for file in (self._for_all, ca_file) if file)
        changed = await asyncio.to_thread(_changed, files) if files else ()
        found = self._contexts.get(ca_file)
        if found is None or found[0] != changed:
            # Off the loop: reading the system's store takes tens of milliseconds.
            found = changed, await asyncio.to_thread(_context, files)
            self._contexts[ca_file] = found
        return found[1]


def _changed(files: tuple[str, ...]) -> Changed:
    return tuple(Path(file).stat().st_mtime_ns for file in files)


def _context(files: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.sslobject_class = _Noted
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for file in files:
        context.load_verify_locations(cafile=file)
    return context
