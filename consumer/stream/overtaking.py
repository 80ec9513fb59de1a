"""Requests from behind a flood: where no more may be taken in turn, those further on are looked at for others' sake.

A tenant that has enough in line is left behind: its records stay in Kafka, and are taken in their turn. Those of others
are taken there and then. So what is taken of one tenant is always taken in its order, and whoever comes behind a flood
waits for it no longer than it takes to read past it, however long it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from consumer.core.envelope import tenant_of
from consumer.core.partition import ROOM

if TYPE_CHECKING:
    from consumer.core.record import Record
    from consumer.stream.owned import Owned, World

AT_ONCE = 250
"""Records that are looked at in one go: that takes some 2 ms."""

BREATH = 0.004
"""Seconds between two such looks of a busy process: sending goes on beside them, which then take a third of the time."""

BUSY = 2.0
"""The patience (`Room`) from which on a process is: its thread wants half of a processor."""

FEW = 50
"""Requests in line: who has as many is left behind."""


@dataclass(slots=True)
class _Look:
    """How far a partition was looked at, and the first and the last record of each tenant that was left behind.

    `back` is when (by `Clock.elapsed`) it was last asked who is to be gone back to.
    """

    epoch: int
    at: int
    back: float
    left: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])


class Overtaking:
    """What is behind floods, for all partitions that are open in this process."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._looks: dict[int, _Look] = {}
        self._crowded: dict[int, float] = {}  # partitions, and since when

    async def run(self, owned: Mapping[int, Owned]) -> None:
        """Look for ever wherever partitions are crowded."""
        world = self._world
        while True:
            self._choose(owned)
            positions = {number: look.at for number, look in self._looks.items() if owned[number].room_for(look.at)}
            if positions:
                await self._look(positions, owned)
                continue
            if not self._looks:
                await world.further.fetch({}, AT_ONCE, world.pace.fetch_within)  # it lets go of what it holds
            await asyncio.sleep(world.pace.look_for_room)

    async def _look(self, positions: Mapping[int, int], owned: Mapping[int, Owned]) -> None:
        records = await self._world.further.fetch(positions, AT_ONCE, self._world.pace.fetch_within)
        for number, batch in groupby(records, key=lambda record: record.at.partition):
            look, ours = self._looks[number], owned.get(number)
            if ours is not None and ours.open and ours.epoch == look.epoch:
                self._pass(ours, look, batch)
        now = self._world.clock.elapsed()
        for number in positions:
            look, ours = self._looks[number], owned.get(number)
            if ours is not None and (not records or now - look.back >= self._world.pace.look_for_room):
                look.back = now
                self._go_back(ours, look)
        if records:
            await asyncio.sleep(BREATH if self._world.room.patience >= BUSY else 0)

    def _pass(self, ours: Owned, look: _Look, records: Iterable[Record]) -> None:
        for record in records:
            offset = record.at.offset
            if offset < look.at:
                continue  # of another fetch than was asked for
            tenant = tenant_of(record)
            first, last = look.left.get(tenant, (offset, -1))
            # Whoever has been left behind is so until the last of these was taken: else it would be out of order.
            if last >= ours.position or ours.in_line(tenant) >= FEW:
                look.left[tenant] = (first if last >= ours.position else offset, offset)
            elif ours.room_for(offset):
                ours.overtake(record)
            else:
                return
            look.at = offset + 1

    def _go_back(self, ours: Owned, look: _Look) -> None:
        """To the first of those who were left behind and have nobody in line any more, unless it comes soon."""
        far = ours.position + ROOM
        back = {tenant: first for tenant, (first, _) in look.left.items() if first > far and not ours.in_line(tenant)}
        for tenant in back:
            del look.left[tenant]
        look.at = min(back.values(), default=look.at)

    def _choose(self, owned: Mapping[int, Owned]) -> None:
        """Begin where it has been crowded for a while, and end where everybody is taken in turn again."""
        now, pace = self._world.clock.elapsed(), self._world.pace
        queue, full = self._world.queue, sum(one.parked for one in owned.values()) >= pace.parked
        found = {number for number, one in owned.items() if one.open and (queue.crowded or one.crowded) and not full}
        self._crowded = {number: self._crowded.get(number, now) for number in found}
        for number, look in tuple(self._looks.items()):
            one = owned.get(number)
            if one is None or one.epoch != look.epoch or (number not in found and look.at <= one.position):
                del self._looks[number]
        for number, since in self._crowded.items():
            if now - since >= pace.overtake_after and number not in self._looks:
                self._looks[number] = _Look(owned[number].epoch, owned[number].position, now)


__all__ = ["AT_ONCE", "FEW", "Overtaking"]
