"""Twins in memory of the PII vault and of the hosts of attachments."""

from collections.abc import Collection, Mapping

from typing_extensions import override

from consumer.core.attachment import Fetched, File, Gone, NoRoom, Refusal, Refused, Wanted, fetched
from consumer.core.filename import filename
from consumer.core.resolve import Values
from consumer.core.tenant import Unavailable
from consumer.ports import Allot, Attachments, Vault


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


class KnownFiles(Attachments):
    """Hosts with the files handed over, by URL. An ending in place of a file is what comes of it."""

    def __init__(self, files: Mapping[str, bytes | Fetched | Gone | Refused | Unavailable] | None = None) -> None:
        self.files = dict(files or {})
        self.asked: list[str] = []

    @override
    async def fetch(self, wanted: Wanted, room: int, allot: Allot) -> File:
        self.asked.append(wanted.url)
        found = self.files.get(wanted.url, Gone())
        if not isinstance(found, bytes):
            return found
        if len(found) > room:
            return Refused(Refusal.TOO_LARGE)
        if not allot(len(found)):
            return NoRoom(len(found))
        file = fetched(found, filename=filename("", wanted.url.partition("?")[0]))
        return file if wanted.sha256 in (None, file.sha256) else Refused(Refusal.CHANGED)
