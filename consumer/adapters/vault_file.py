"""PII tokens and their values in a YAML file, for trying things out: one mapping, no nesting.

The file is read again when it has changed; a broken one leaves the old one in force. An error says where it
is and never what stands there.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog
import yaml
from typing_extensions import override

from consumer.core.resolve import Values
from consumer.core.tenant import Unavailable
from consumer.ports import Vault

LARGEST = 5_000_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_log = structlog.stdlib.get_logger(__name__)


class BrokenVaultFileError(Exception):
    """The file cannot be used; the text says where it is wrong, not what stands there."""


class VaultFile(Vault):
    """What the file says now, or said when it was last right."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._values: Mapping[str, str] | None = None

    @override
    async def resolve(self, tokens: Collection[str]) -> Values | Unavailable:
        await asyncio.to_thread(self._look)
        known = self._values
        if known is None:
            return Unavailable("vault")
        return Values({token: known[token] for token in tokens if token in known})

    def _look(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp and stamp is not None:
            return
        try:
            self._values = read(self._path)
        except BrokenVaultFileError as error:
            if stamp != self._stamp or self._values is None:
                state = "nothing in force" if self._values is None else "the old one in force"
                _log.error("PII file broken", errors=str(error), state=state)
        self._stamp = stamp


def read(path: Path) -> Mapping[str, str]:
    """The values by token. Raises `BrokenVaultFileError`."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError):
        raise BrokenVaultFileError("the PII file cannot be read") from None
    if len(content) > LARGEST:
        raise BrokenVaultFileError(f"the PII file is larger than {LARGEST} bytes")
    try:
        return _mapping(yaml.parse(content, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        raise BrokenVaultFileError(f"the PII file is no YAML: {_place(error.problem_mark)}") from None
    except (yaml.YAMLError, ValueError):
        raise BrokenVaultFileError("the PII file is no YAML in UTF-8") from None


def _mapping(events: Iterator[yaml.Event]) -> dict[str, str]:
    """Event by event, for all that may stand there is scalars: no depth and no alias can do harm."""
    values: dict[str, str] = {}
    texts = _texts(events)
    for token in texts:
        if token in values:
            raise BrokenVaultFileError(f"the PII file has a token twice: number {len(values) + 1}")
        values[token] = next(texts, "")
    return values


def _texts(events: Iterator[yaml.Event]) -> Iterator[str]:
    for number, event in enumerate(events):
        if isinstance(event, yaml.ScalarEvent) and number >= len(_BEGIN):
            yield event.value
        elif not isinstance(event, _BEGIN[number] if number < len(_BEGIN) else _END):
            raise BrokenVaultFileError(
                f"the PII file must be one mapping of tokens to texts: {_place(event.start_mark)}"
            )


_BEGIN: tuple[tuple[type[yaml.Event], ...], ...] = (
    (yaml.StreamStartEvent,),
    (yaml.DocumentStartEvent, yaml.StreamEndEvent),  # nothing at all is a mapping of nothing
    (yaml.MappingStartEvent,),
)
_END = (yaml.MappingEndEvent, yaml.DocumentEndEvent, yaml.StreamEndEvent)


def _place(mark: Any) -> str:  # noqa: ANN401  the marks of yaml's two loaders have no common type
    return "somewhere" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
