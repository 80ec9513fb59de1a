"""TLS as we ask for it: a verified certificate of that host, TLS 1.2 or later."""

import asyncio
import ssl
from pathlib import Path


class Contexts:
    """TLS contexts by the extra authority they trust. A changed file is read again."""

    def __init__(self) -> None:
        self._contexts: dict[tuple[str | None, int], ssl.SSLContext] = {}

    async def trusting(self, ca_file: str | None) -> ssl.SSLContext:
        """A context over the system's store and this file. OSError where the file is none (ssl.SSLError is one)."""
        changed = await asyncio.to_thread(_changed, ca_file) if ca_file else 0
        found = self._contexts.get((ca_file, changed))
        if found is None:
            # Off the loop: reading the system's store takes tens of milliseconds.
            found = await asyncio.to_thread(_context, ca_file)
            self._contexts = {key: value for key, value in self._contexts.items() if key[0] != ca_file}
            self._contexts[ca_file, changed] = found
        return found


def _changed(ca_file: str) -> int:
    return Path(ca_file).stat().st_mtime_ns


def _context(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    return context
