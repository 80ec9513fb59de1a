"""A parked entry as it lies in the parked topic: keyed by home offset, its value JSON without any payload."""

from typing import Annotated, Any, NotRequired

import orjson
from pydantic import ConfigDict, Field, TypeAdapter
from typing_extensions import TypedDict

from consumer.core.parking import Entry, Progress, Reason
from consumer.core.record import Coordinates
from consumer.core.reply import BLOCKED, Answer, Blocked, Reply

VERSION = 1

_Count = Annotated[int, Field(ge=0)]
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Time = Annotated[float, Field(allow_inf_nan=False)]  # a producer may have dated its record as it likes


class _Form(TypedDict):
    """What an entry looks like. More than this may stand there, and is not read: all that is read is named here."""

    __pydantic_config__ = ConfigDict(strict=True)  # pyright: ignore[reportGeneralTypeIssues]  how pydantic has it

    v: int
    origin: tuple[_Count, _Count]
    tenant: str
    id: str
    digest: str
    due: _Time
    deadline: _Time
    reason: str
    attempts: _Count
    answers: list[tuple[_Count, int | None, str | None]]
    response: tuple[int, str | None] | None
    sent: list[tuple[_Time, _Count]]
    last: str
    files: NotRequired[tuple[_Sha256, ...]]
    promoted: NotRequired[bool]


_FORM = TypeAdapter(_Form)


def write_entry(entry: Entry) -> tuple[bytes, bytes]:
    """Key and value. Of a relay's replies only the codes are kept: a text may hold an address."""
    progress = entry.progress
    value: dict[str, Any] = {
        "v": VERSION,
        "origin": [entry.origin.partition, entry.origin.offset],
        "tenant": entry.tenant,
        "id": entry.id,
        "digest": entry.digest.hex(),
        "due": entry.due,
        "deadline": entry.deadline,
        "reason": entry.reason.value,
        "attempts": progress.attempts,
        "answers": [_written(index, answer) for index, answer in progress.answers],
        "response": None if progress.response is None else [progress.response.code, progress.response.enhanced],
        "sent": progress.sent_at,
        "last": progress.last_reason,
    }
    if progress.files:
        value["files"] = progress.files
    if progress.promoted:
        value["promoted"] = True
    return b"%d" % entry.offset, orjson.dumps(value)


def read_entry(key: bytes | None, value: bytes | None) -> Entry | int | None:
    """The entry, or the offset alone for a tombstone; None for what is not ours or of a version to come."""
    if key is None or not key.isdigit() or len(key) > 19:
        return None
    if value is None:
        return int(key)
    try:
        return _entry(int(key), _FORM.validate_json(value))
    except ValueError:  # pydantic's own is one
        return None


def _written(index: int, answer: Answer) -> list[int | str | None]:
    return [index, None, "blocked"] if isinstance(answer, Blocked) else [index, answer.code, answer.enhanced]


def _read(code: int | None, enhanced: str | None) -> Answer:
    return BLOCKED if code is None else Reply(code, "", enhanced)


def _entry(offset: int, value: _Form) -> Entry | None:
    if value["v"] != VERSION:
        return None
    response = value["response"]
    progress = Progress(
        attempts=value["attempts"],
        answers=tuple((index, _read(code, enhanced)) for index, code, enhanced in value["answers"]),
        response=None if response is None else Reply(response[0], "", response[1]),
        sent_at=tuple(value["sent"]),
        last_reason=value["last"],
        files=value.get("files", ()),
        promoted=value.get("promoted", False),
    )
    return Entry(
        offset,
        Coordinates(*value["origin"]),
        value["tenant"],
        value["id"],
        bytes.fromhex(value["digest"]),
        value["due"],
        value["deadline"],
        Reason(value["reason"]),
        progress,
    )
