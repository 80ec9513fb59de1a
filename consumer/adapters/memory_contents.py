"""Twins in memory of the PII vault and of the hosts of attachments."""

from collections.abc import Collection, Mapping
from hashlib import sha256

from typing_extensions import override

from consumer.core.attachment import Fetched, File, Gone, Refusal, Refused, Wanted
from consumer.core.filename import filename
from consumer.core.resolve import Values
from consumer.core.tenant import Unavailable
from consumer.ports import Vault


class KnownValues(Vault):
    """A vault of the values handed over."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.down = False
        self._values = dict(values or {})

    @override
    async def resolve(self, tokens: Collection[str]) -> Values | Unavailable:
        if self.down:
            return Unavailable("vault")
        return Values({token: self._values[token] for token in tokens if token in self._values})


class KnownFiles:
    """Hosts with the files handed over, by URL. An ending in place of a file is what comes of it."""

    def __init__(self, files: Mapping[str, bytes | Gone | Refused | Unavailable] | None = None) -> None:
        self._files = dict(files or {})

    async def fetch(self, wanted: Wanted, room: int) -> File:
        found = self._files.get(wanted.url, Gone())
        if not isinstance(found, bytes):
            return found
        if len(found) > room:
            return Refused(Refusal.TOO_LARGE)
        digest = sha256(found).hexdigest()
        if wanted.sha256 not in (None, digest):
            return Refused(Refusal.CHANGED)
        return Fetched(found, "application/octet-stream", filename("", wanted.url), digest)
