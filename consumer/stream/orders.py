"""Commands about what is parked, carried out by the owner of the partition that holds it: nobody else writes there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumer.core.ending import Concluded, Ending
from consumer.core.obey import answer, declined, done, obey
from consumer.core.outcome import Expired
from consumer.core.parking import Entry
from consumer.core.partition import Partition, Work
from consumer.core.record import Coordinates, Record
from consumer.core.request import Command
from consumer.stream.takeover import GONE

if TYPE_CHECKING:
    from consumer.stream.owned import World


class Orders:
    """The commands of one partition."""

    def __init__(self, number: int, world: World) -> None:
        self._number = number
        self._world = world

    async def obey(self, work: Work, command: Command, state: Partition) -> tuple[tuple[Work, Ending], ...]:
        """How the command ends, and before it the request that it has ended: both belong into one tick."""
        found = obey(command, state, self._world.clock.now())
        if not isinstance(found, Entry):
            return ((work, found),)
        parked, ending = await self._cancel(found, state)
        if ending is None:
            state.parking.add(found)
            return ((work, answer(command, declined(command, "config-unavailable"), state, self._world.clock.now())),)
        return (parked, ending), (work, answer(command, done(command), state, self._world.clock.now()))

    async def _cancel(self, entry: Entry, state: Partition) -> tuple[Work, Concluded | None]:
        records = await self._world.source.reread([Coordinates(self._number, entry.offset)])
        if records:
            work = state.unpark(entry, records[0])
            return work, await self._world.delivery.cancel(work)
        subject = entry.subject(self._number)
        gone = Concluded(subject, Expired(GONE, entry.progress.attempts), entry.digest, entry.progress)
        return state.unpark(entry, Record(subject.at, None, None)), gone
