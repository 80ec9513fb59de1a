"""Kafka in memory: the twin of the ports `Source` and `Journal`, for as many processes as share it."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto

from typing_extensions import override

from consumer.core.ending import Concluded
from consumer.core.metadata import Foreign, decode
from consumer.core.packed import Packed
from consumer.core.parking import Entry
from consumer.core.past import Past, past_of
from consumer.core.record import ORIGIN_HEADER, Coordinates, Headers, Record
from consumer.core.suppression_list import Gathered, Listed
from consumer.core.tick import Tick
from consumer.ports import FencedError, Journal, Mailbag, Opened, Source, Suppressions, UncertainError


class Fault(Enum):
    """What may happen to a commit."""

    LOST = auto()  # it never arrives
    ANSWER_LOST = auto()  # it is in, and nobody hears of it
    FORGOTTEN = (
        auto()
    )  # it is said to be in and is not: the broker is killed before it ends that, and the next finds nobody
    DIES_BEFORE = auto()  # the process never gets further: it was not sent
    DIES_AFTER = auto()  # nor here: it is in


@dataclass
class MemoryKafka:
    """The topics of one group. `fault` is asked before each commit."""

    partitions: int
    requests: list[list[Record]] = field(init=False)
    outcomes: list[list[tuple[Concluded, float]]] = field(init=False)
    parked: list[dict[int, Entry]] = field(init=False)
    feedback: list[list[Record]] = field(init=False)
    suppressions: list[dict[bytes, Listed]] = field(init=False)
    heard: dict[int, int] = field(default_factory=dict[int, int])
    committed: dict[int, tuple[int, str]] = field(default_factory=dict[int, tuple[int, str]])
    epochs: dict[int, int] = field(default_factory=dict[int, int])
    fault: Callable[[int], Fault | None] = lambda _: None
    gone: set[Coordinates] = field(default_factory=set[Coordinates])  # deleted from the request topic

    def __post_init__(self) -> None:
        self.requests = [[] for _ in range(self.partitions)]
        self.outcomes = [[] for _ in range(self.partitions)]
        self.parked = [{} for _ in range(self.partitions)]
        self.feedback = [[] for _ in range(self.partitions)]
        self.suppressions = [{} for _ in range(self.partitions)]
        self.arrived = asyncio.Event()
        self.told = asyncio.Event()

    def produce(
        self, partition: int, value: bytes | None, *, key: bytes | None = None, headers: Headers = (), at: float = 0.0
    ) -> Coordinates:
        """Append a record."""
        place = Coordinates(partition, len(self.requests[partition]))
        self.requests[partition].append(Record(place, key, value, headers, at))
        self.arrived.set()
        return place

    def apply(self, partition: int, tick: Tick, now: float) -> None:
        self.outcomes[partition] += [(concluded, now) for concluded in tick.outcomes]
        for parked in tick.parked:
            if isinstance(parked, int):
                self.parked[partition].pop(parked, None)
            else:
                self.parked[partition][parked.offset] = parked
        for home, record in tick.forwards:
            headers = (*record.headers, (ORIGIN_HEADER, str(record.at).encode()))
            self.produce(home, record.value, key=record.key, headers=headers, at=record.timestamp)
        self._learn(partition, tick.learnt)
        self.committed[partition] = (tick.position, tick.metadata)

    def tell(self, partition: int, value: bytes | None, *, headers: Headers = (), at: float = 0.0) -> Coordinates:
        """Append a record of feedback."""
        place = Coordinates(partition, len(self.feedback[partition]))
        self.feedback[partition].append(Record(place, None, value, headers, at))
        self.told.set()
        return place

    def _learn(self, partition: int, learnt: Gathered) -> None:
        for listed in learnt.entries:
            if listed.entry is None:
                self.suppressions[partition].pop(listed.mark, None)
            else:
                self.suppressions[partition][listed.mark] = listed
        if learnt.position is not None:
            self.heard[partition] = learnt.position
        for home, record in learnt.forwards:
            headers = (*record.headers, (ORIGIN_HEADER, str(record.at).encode()))
            self.tell(home, record.value, headers=headers, at=record.timestamp)

    @property
    def all_outcomes(self) -> list[Concluded]:
        return [concluded for partition in self.outcomes for concluded, _ in partition]


class MemorySource(Source):
    """One member of the group. `mine` is what the group says is its."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self._kafka = kafka
        self._positions: dict[int, int] = {}
        self.mine: set[int] = set()

    @override
    async def fetch(self, partitions: Collection[int], most: int, within: float) -> list[Record]:
        found = self._take(partitions, most)
        if not found:
            self._kafka.arrived.clear()
            try:
                async with asyncio.timeout(within):
                    await self._kafka.arrived.wait()
            except TimeoutError:
                return []
            found = self._take(partitions, most)
        return found

    def _take(self, partitions: Collection[int], most: int) -> list[Record]:
        found: list[Record] = []
        for number in partitions:
            start = self._positions.get(number, 0)
            batch = self._kafka.requests[number][start : start + most - len(found)]
            self._positions[number] = start + len(batch)
            found += batch
        return found

    @override
    def seek(self, partition: int, offset: int) -> None:
        self._positions[partition] = offset
        self._kafka.arrived.set()

    @override
    async def reread(self, places: Collection[Coordinates]) -> list[Record]:
        await asyncio.sleep(0)
        kept = self._kafka.requests
        there = (place for place in places if place not in self._kafka.gone)
        return [kept[place.partition][place.offset] for place in there if place.offset < len(kept[place.partition])]

    @override
    async def unread(self, partitions: Collection[int]) -> Mapping[int, int]:
        await asyncio.sleep(0)
        positions = {number: self._positions.get(number, 0) for number in partitions}
        return {number: at for number, at in positions.items() if at < len(self._kafka.requests[number])}

    @override
    async def member(self, partition: int) -> bool:
        await asyncio.sleep(0)
        return partition in self.mine


class MemoryJournal(Journal):
    """One process's producers."""

    def __init__(self, kafka: MemoryKafka, now: Callable[[], float]) -> None:
        self._kafka = kafka
        self._now = now
        self._epochs: dict[int, int] = {}

    @override
    async def open(self, partition: int) -> Opened:
        await asyncio.sleep(0)
        self._epochs[partition] = self._kafka.epochs[partition] = self._kafka.epochs.get(partition, 0) + 1
        position, text = self._kafka.committed.get(partition, (None, ""))
        metadata = Foreign("none") if position is None else decode(text, position)
        return Opened(position, metadata, 0, len(self._kafka.requests[partition]))

    @override
    async def past(self, partition: int, since: float) -> Iterable[Past]:
        return [past_of(concluded, at) for concluded, at in self._kafka.outcomes[partition] if at >= since]

    @override
    async def parked(self, partition: int) -> Packed:
        found = Packed(partition)
        for entry in self._kafka.parked[partition].values():
            found.put(entry)
        return found

    @override
    async def suppressions(self, partition: int) -> Suppressions:
        return Suppressions(list(self._kafka.suppressions[partition].values()), self._kafka.heard.get(partition))

    @override
    async def commit(self, partition: int, tick: Tick) -> None:
        await asyncio.sleep(0)
        if partition not in self._epochs:
            raise UncertainError("closed")
        if self._epochs[partition] != self._kafka.epochs[partition]:
            raise FencedError
        fault = self._kafka.fault(partition)
        if fault not in (Fault.LOST, Fault.FORGOTTEN, Fault.DIES_BEFORE):
            self._kafka.apply(partition, tick, self._now())
        if fault in (Fault.DIES_BEFORE, Fault.DIES_AFTER):
            await asyncio.Event().wait()
        if fault is not None:
            del self._epochs[partition]
            if fault is not Fault.FORGOTTEN:
                raise UncertainError(fault.name)

    @override
    async def close(self, partition: int) -> None:
        self._epochs.pop(partition, None)


class MemoryMailbag(Mailbag):
    """A topic as one process reads it outside of the group; `written` says that there is more."""

    def __init__(self, topic: list[list[Record]], written: asyncio.Event) -> None:
        self._topic = topic
        self._written = written

    @override
    async def fetch(self, positions: Mapping[int, int | None], most: int, within: float) -> list[Record]:
        found = self._there(positions)[:most]
        if positions and not found:
            self._written.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._written.wait()
            found = self._there(positions)[:most]
        return found

    def _there(self, positions: Mapping[int, int | None]) -> list[Record]:
        return [record for number, at in positions.items() for record in self._topic[number][at or 0 :]]
