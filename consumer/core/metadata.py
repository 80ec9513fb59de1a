"""What the offset commit says beside the offset: what is under way below it, and what was overtaken above.

`1.NONCE.TICK.LIST`: a version, the writer's nonce, the number of its tick (so that a writer who got no answer can
find out whether that tick is in), and every offset below the committed one that is
not settled, or that is parked and holds an open intent. Kafka takes at most 4,096 bytes.

The list is base64 of varints, from the highest offset down: the distance to the one before (at first
to the committed offset), shifted left by one; the lowest bit says whether the offset holds an intent.

`2.NONCE.TICK.LIST.OVERTAKEN` where requests from behind a flood were taken out of their turn: base64 of varints, for each
run of them from the lowest up, how many offsets lie between it and the one before (at first the committed offset), shifted
left by one; where the lowest bit is set, it is followed by how many of the run follow its first, less one: most stand alone.
The list then begins behind the last of them, and names those of them that are not settled.
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
"""Bytes, before base64, that unsettled and overtaken offsets may take. With `INTENTS` and the rest that makes 4,059."""

OVERTAKEN = 1_200
"""Of these as many as may be for overtaken offsets, settled or not."""

RESERVED = 500
"""Of these as many as are only for them: else a flood, which takes whatever room there is, would leave none."""

_JUMP = 10
"""Bytes of the widest varint of an offset: the distance from the lowest overtaken one down to the highest below."""

INTENTS = 200
"""Open intents of parked requests at most: they may lie far apart, and are then of five bytes each."""

_NEXT = b"\x02"  # a distance of one, without intent

_FORM = re.compile(
    r"(?:1|(?P<second>2))\.(?P<nonce>[0-9a-z]{1,32})\.(?P<tick>[0-9]{1,18})\.(?P<list>[A-Za-z0-9+/=]*)"
    r"(?(second)\.(?P<overtaken>[A-Za-z0-9+/=]+))"
)

_NONE = Runs()


@dataclass(frozen=True, slots=True)
class Metadata:
    """All in ascending order; an offset stands in one of the first two only. `overtaken` are spans, both ends in them."""

    nonce: str
    tick: int = 0
    unsettled: tuple[int, ...] = ()
    intents: tuple[int, ...] = ()
    overtaken: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Foreign:
    """Not written by a consumer of ours. `reason` quotes nothing."""

    reason: str


def encode(
    nonce: str, tick: int, unsettled: Runs, intents: Collection[int], position: int, overtaken: Runs = _NONE
) -> str:
    """The text to commit with `position`, in time that grows with runs and intents. What is in both is an intent.

    Its length is for the caller to check against `LONGEST`.
    """
    distances = bytearray()
    above = position if overtaken.highest is None else overtaken.highest + 1
    for first, last, mark in _spans(unsettled, sorted(intents)):
        distances += varint.write((above - last) << 1 | mark)
        distances += _NEXT * (last - first)
        above = first
    packed = b"".join(map(varint.write, _numbers(overtaken, position)))
    text = f"{nonce}.{tick}.{b64encode(distances).decode()}"
    return f"2.{text}.{b64encode(packed).decode()}" if overtaken else f"1.{text}"


def _numbers(overtaken: Runs, position: int) -> Iterator[int]:
    """What is written of the overtaken, number by number."""
    below = position
    for first, last in overtaken:
        yield (first - below) << 1 | (last > first)
        if last > first:
            yield last - first - 1
        below = last + 1


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


def room(number: int, lowest: int, position: int, most: int, octets: int) -> int:
    """How many of the next offsets may be taken, for at most `most` of them to need so many octets at most.

    `number` are listed below `position` already, from `lowest` up; whichever are settled first, it holds.
    """
    farther = _farther(position + most - lowest)
    fits = max((octets - sum(farther[full:])) // (full + 1) for full in range(len(farther) + 1))
    return min(most, fits) - number


def octets_below(number: int, lowest: int, position: int) -> int:
    """How many octets so many offsets from `lowest` up to `position` need at most, whichever they are."""
    return number + sum(min(number, farther) for farther in _farther(position - lowest))


def _farther(span: int) -> list[int]:
    """How many offsets within a span may need a second octet, a third, and so on.

    One costs an octet, and another for each power of 128 that the distance to the one before exceeds 64: the distances
    add up to the span, so only so many can.
    """
    return [number for shift in range(6, 63, 7) if (number := span >> shift)]


def octets_overtaken(overtaken: Runs, unsettled: int, position: int, more: int | None = None) -> int:
    """How many octets overtaken offsets need at most, of which so many are not settled; `more` is one that may join them."""
    if overtaken.highest is None and more is None:
        return 0
    above = max(offset for offset in (overtaken.highest, more) if offset is not None) + 1
    widest = varint.size((above - position) << 1)
    octets = _JUMP + unsettled * widest + sum(map(varint.size, _numbers(overtaken, position)))
    return octets if more is None else octets + 2 * widest + 1


def decode(text: str, position: int) -> Metadata | Foreign:
    """What was committed with `position`. Never raises, whatever another client wrote there."""
    form = _FORM.fullmatch(text)
    if form is None or len(text) > LONGEST:
        return Foreign("not of the form 1.NONCE.TICK.LIST" if text else "empty")
    try:
        overtaken = tuple(_runs(b64decode(form["overtaken"] or "", validate=True), position))
        above = overtaken[-1][1] + 1 if overtaken else position
        marks = list(_offsets(b64decode(form["list"], validate=True), above))
    except (binascii.Error, ValueError, IndexError):
        return Foreign("its list of offsets is broken")
    known = Runs.of(overtaken)
    if any(offset >= position and offset not in known for offset, _ in marks):
        return Foreign("its list of offsets is broken")
    unsettled, intents = _ascending(marks, intent=False), _ascending(marks, intent=True)
    return Metadata(form["nonce"], int(form["tick"]), unsettled, intents, overtaken)


def _runs(packed: bytes, position: int) -> Iterator[tuple[int, int]]:
    below, at = position, 0
    while at < len(packed):
        number, at = varint.read(packed, at)
        first = last = below + (number >> 1)
        if number & 1:
            more, at = varint.read(packed, at)
            last += more + 1
        yield first, last
        below = last + 1


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
