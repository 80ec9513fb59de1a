"""Events in files: one as JSON, or one a line as JSON Lines."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from consumer.client import events
from consumer.core.record import Coordinates, Record

_ASSUMED_TENANT = "tenant"
_NOWHERE = Coordinates(0, 0)


@dataclass(frozen=True, slots=True)
class Found:
    """An event as it stands in a file. `place` is the file's name, with the line where a file holds several."""

    place: str
    content: bytes

    @property
    def fields(self) -> dict[str, object]:
        """What it says, as far as it is a JSON object."""
        found = parsed(self.content)
        return cast("dict[str, object]", found) if isinstance(found, dict) else {}

    @property
    def wrapped(self) -> bool:
        """Whether it is a structured CloudEvent; otherwise it is data alone."""
        return "specversion" in self.fields

    def record(self, tenant: str | None, type_: str, at: float) -> Record:
        """The record that it would be; data alone gets the tenant and the type in headers."""
        raw = events.raw(self.content, tenant=tenant or _ASSUMED_TENANT, event_id=None)
        headers = raw.headers if self.wrapped else (*raw.headers, ("operation", type_.encode()))
        return Record(_NOWHERE, raw.key, raw.value, headers, at)


def read(path: Path) -> tuple[Found, ...] | str:
    """The events of a file (- is stdin), or why it cannot be read. Whether they are right is not looked at."""
    name = "stdin" if str(path) == "-" else str(path)
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        return f"{name}: cannot be read: {error.strerror}"
    lines = [(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if len(lines) > 1 and parsed(lines[0][1]) is not None and parsed(content) is None:
        return tuple(Found(f"{name}:{number}", line) for number, line in lines)
    return (Found(name, content),)


def parsed(content: bytes) -> object:
    """The JSON value, or None for what is none."""
    try:
        return cast("object", json.loads(content))
    except (ValueError, RecursionError):
        return None
