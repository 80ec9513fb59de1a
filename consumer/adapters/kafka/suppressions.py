"""The suppression list as it lies in its topic: keyed by the mark in hexadecimal digits, its value JSON with no address.

Beside the entries there is one more record in each partition: where the feedback is read on.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import Any

import orjson

from consumer.core.suppression import Kind, Remembered, Suppression
from consumer.core.suppression_list import Gathered, Listed
from consumer.ports import BrokenError

VERSION = 1
POSITION = b"feedback-position"

_MARK = 32


def write(gathered: Gathered) -> Iterator[tuple[bytes, bytes | None]]:
    """Keys and values; no value is a tombstone."""
    for listed in gathered.entries:
        yield listed.mark.hex().encode(), None if listed.entry is None else _written(listed, listed.entry)
    if gathered.position is not None:
        yield POSITION, orjson.dumps({"v": VERSION, "next": gathered.position})


def read(key: bytes, value: bytes) -> Listed | None:
    """The entry; None for what is not ours, or of a version to come."""
    try:
        return _read(bytes.fromhex(key.decode()), orjson.loads(value)) if len(key) == _MARK else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def read_all(values: Mapping[bytes, bytes], partition: int) -> Iterable[Listed]:
    """All entries, one at a time: there may be very many. Raises `BrokenError` for one that cannot be read."""
    for key, value in values.items():
        if key == POSITION:
            continue
        listed = read(key, value)
        if listed is None:
            raise BrokenError(
                f"partition {partition} of the suppression topic holds a record that is not ours, "
                "or that a newer version wrote: only this consumer writes there"
            )
        yield listed


def read_position(values: Mapping[bytes, bytes]) -> int | None:
    """Where the feedback is read on."""
    value = values.get(POSITION)
    return None if value is None else int(orjson.loads(value)["next"])


def _written(listed: Listed, entry: Suppression) -> bytes:
    value: dict[str, Any] = {
        "v": VERSION,
        "key": listed.key_id,
        "tenant": listed.tenant,
        "kind": entry.kind.value,
        "reason": entry.reason,
        "since": entry.since,
        "last": entry.last,
        "until": None if entry.until == inf else entry.until,
        "bounces": entry.bounces,
        "complaints": entry.complaints,
        "events": [[at, kind.value, id_.hex()] for at, kind, id_ in entry.remembered],
    }
    return orjson.dumps(value)


def _read(mark: bytes, value: dict[str, Any]) -> Listed | None:
    if value["v"] != VERSION:
        return None
    entry = Suppression(
        Kind(value["kind"]),
        value["reason"],
        value["since"],
        value["last"],
        inf if value["until"] is None else float(value["until"]),
        value["bounces"],
        value["complaints"],
        tuple(Remembered(at, Kind(kind), bytes.fromhex(id_)) for at, kind, id_ in value["events"]),
    )
    return Listed(mark, entry, value["tenant"], value["key"])
