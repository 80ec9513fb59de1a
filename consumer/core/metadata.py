"""What the offset commit says beside the offset: what is under way below it.

`1.NONCE.TICK.LIST`: a version, the writer's nonce, the number of its tick (so that a writer who got no answer can
find out whether that tick is in), and every offset below the committed one that is
not settled, or that is parked and holds an open intent. Kafka takes at most 4,096 bytes.

The list is base64 of varints, from the highest offset down: the distance to the one before (at first
to the committed offset), shifted left by one; the lowest bit says whether the offset holds an intent.
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from consumer.core import varint
from consumer.core.runs import Runs

LONGEST = 4_096
"""Bytes of metadata that a broker takes (`offset.metadata.max.bytes`)."""

LIST = 2_000
"""Bytes of the list, before base64, that unsettled offsets may take. With `INTENTS` and the rest that makes 4,054."""

INTENTS = 200
"""Open intents of parked requests at most: they may lie far apart, and are then of five bytes each."""

_NEXT = b"\x02"  # a distance of one, without intent

_FORM = re.compile(r"1\.([0-9a-z]{1,32})\.([0-9]{1,18})\.([A-Za-z0-9+/=]*)")


@dataclass(frozen=True, slots=True)
class Metadata:
    """Both lists in ascending order; an offset stands in one of them only."""

    nonce: str
    tick: int = 0
    unsettled: tuple[int, ...] = ()
    intents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Foreign:
    """Not written by a consumer of ours. `reason` quotes nothing."""

    reason: str


def encode(nonce: str, tick: int, unsettled: Runs, intents: Collection[int], position: int) -> str:
    """The text to commit with `position`, in time that grows with runs and intents. What is in both is an intent.

    Its length is for the caller to check against `LONGEST`.
    """
    distances = bytearray()
    above = position
    for first, last, mark in _spans(unsettled, sorted(intents)):
        distances += varint.write((above - last) << 1 | mark)
        distances += _NEXT * (last - first)
        above = first
    return f"1.{nonce}.{tick}.{b64encode(distances).decode()}"


def _spans(unsettled: Runs, intents: list[int]) -> Iterator[tuple[int, int, int]]:
    """Spans without intent, and intents one by one, from the highest down. Uses `intents` up."""
    for first, last in reversed(unsettled):
        high = last
        while intents and intents[-1] >= first:
            intent = intents.pop()
            if intent < high:
                yield intent + 1, high, 0
            yield intent, intent, 1
            high = min(high, intent - 1)
        if high >= first:
            yield first, high, 0
    for intent in reversed(intents):
        yield intent, intent, 1


def room(unsettled: Runs, position: int, most: int) -> int:
    """How many of the next `most` offsets may be taken for the list to keep within `LIST`, whichever are settled first.

    An offset costs a byte, and another for each power of 128 that the distance to the one before exceeds 64:
    the distances add up to the span, so only so many can.
    """
    lowest = position if unsettled.lowest is None else unsettled.lowest
    span = position + most - lowest
    if span < (LIST - most) * 62:
        return most - len(unsettled)
    farther = [number for shift in range(6, 63, 7) if (number := span >> shift)]
    fits = max((LIST - sum(farther[full:])) // (full + 1) for full in range(len(farther) + 1))
    return min(most, fits) - len(unsettled)


def decode(text: str, position: int) -> Metadata | Foreign:
    """What was committed with `position`. Never raises, whatever another client wrote there."""
    form = _FORM.fullmatch(text)
    if form is None or len(text) > LONGEST:
        return Foreign("not of the form 1.NONCE.TICK.LIST" if text else "empty")
    try:
        marks = list(_offsets(b64decode(form[3], validate=True), position))
    except (binascii.Error, ValueError, IndexError):
        return Foreign("its list of offsets is broken")
    return Metadata(form[1], int(form[2]), _ascending(marks, intent=False), _ascending(marks, intent=True))


def _ascending(marks: Iterable[tuple[int, bool]], *, intent: bool) -> tuple[int, ...]:
    return tuple(sorted(offset for offset, open_ in marks if open_ is intent))


def _offsets(packed: bytes, position: int) -> Iterator[tuple[int, bool]]:
    above, at = position, 0
    while at < len(packed):
        number, at = varint.read(packed, at)
        above -= number >> 1
        if above < 0 or number < 2:
            raise ValueError
        yield above, bool(number & 1)
