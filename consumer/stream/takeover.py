"""Taking a partition over: what its former owner committed becomes our memory.

In this order: membership is proved, the former owner fenced, offset and metadata read (all before this module),
then outcomes and parked entries restored, open intents ended. All of that is committed as the first tick before
the partition is opened.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from consumer.core.ending import Concluded
from consumer.core.metadata import Foreign, Metadata
from consumer.core.outcome import Expired, Subject
from consumer.core.partition import Partition, Work
from consumer.core.record import Coordinates, Record
from consumer.core.suppression_list import SuppressionList
from consumer.core.tick import Tick
from consumer.ports import BrokenError, Opened

if TYPE_CHECKING:
    from collections.abc import Container

    from consumer.stream.owned import World

PAUSE_EVERY = 2_000
GONE = "no longer in the request topic"


class Takeover:
    """One takeover of one partition."""

    def __init__(self, number: int, world: World) -> None:
        self._number = number
        self._world = world

    def own(self, opened: Opened, state: Partition) -> bool:
        """Whether nobody else had it since: then our memory is the truth, running sends and all."""
        return isinstance(opened.metadata, Metadata) and opened.metadata.nonce == state.nonce

    def adopt(self, opened: Opened, state: Partition, torn: Tick | None, last: Tick | None) -> None:
        """Our own producer was thrown away after an error: find out which of its ticks are in.

        `torn` has no answer, `last` is the last one that was said to be in. A broker that was killed between its answer
        and the end of that transaction has lost it all the same, 4 times in 47 kills: what it held is written again.
        """
        if not isinstance(opened.metadata, Metadata):
            return
        found = opened.metadata.tick
        if torn is not None and found == torn.number:
            state.confirm(torn)
            # Their leave to send comes with the next tick: nobody knows how old this one is.
            state.asked = dict.fromkeys(offset for offset in torn.granted if offset in state.intents) | state.asked
            return
        if torn is not None:
            state.refuse(torn)
        if last is not None and found < last.number:
            state.rewrite(last)

    async def restore(self, opened: Opened) -> tuple[Partition, list[Work]]:
        """The partition as it stands in Kafka, and what is to be carried on."""
        world = self._world
        now = world.clock.now()
        keep = max(world.keeping.ids, world.keeping.sends)
        past = list(await world.journal.past(self._number, now - keep))
        parked = await world.journal.parked(self._number)
        known = self._known(opened, empty=not past and not parked)
        position = opened.beginning if opened.position is None else opened.position
        keeping, policy = world.keeping, world.suppression
        state = Partition(self._number, position, world.nonce(), keeping, policy, known.overtaken)
        if state.listed is not None:
            await self._restore_list(state.listed)
        for outcome in past:
            state.remember(outcome)
        settled = {outcome.origin for outcome in past}
        for number, entry in enumerate(parked.drain(), 1):
            if number % PAUSE_EVERY == 0:
                await asyncio.sleep(0)
            if entry.origin not in settled:
                state.restore(entry)
        return state, await self._resume(state, known, settled)

    async def _restore_list(self, listed: SuppressionList) -> None:
        found = await self._world.journal.suppressions(self._number)
        now = self._world.clock.now()
        for number, entry in enumerate(found.entries, 1):
            if number % PAUSE_EVERY == 0:
                await asyncio.sleep(0)  # heartbeats go on while a long list is read
            if entry.key_id != listed.policy.key_id:
                raise BrokenError(
                    f"partition {self._number}: the suppression list was made with another key, so nobody on it would be "
                    "known. Set CONSUMER_SUPPRESSION__KEY to the former one, or name a new CONSUMER_TOPICS__SUPPRESSIONS"
                )
            listed.restore(entry, now)
        listed.position = found.position

    def _known(self, opened: Opened, *, empty: bool) -> Metadata:
        if opened.position is None:
            if not empty:
                raise BrokenError(
                    f"partition {self._number}: the group has no offset, yet outcomes or parked requests are there. "
                    "Offsets were deleted or have expired; reset them to where the group stood, or use a new set of topics"
                )
            return Metadata("")
        if not opened.beginning <= opened.position <= opened.end:
            raise BrokenError(
                f"partition {self._number}: the committed offset {opened.position} is outside the topic "
                f"({opened.beginning} to {opened.end}). Records were deleted or the topic was made anew; "
                "reset the group's offset on purpose"
            )
        if isinstance(opened.metadata, Foreign):
            raise BrokenError(
                f"partition {self._number}: the metadata of the committed offset is not ours ({opened.metadata.reason}). "
                "Another client has committed for this group; give it a group of its own"
            )
        return opened.metadata

    async def _resume(self, state: Partition, known: Metadata, settled: Container[Coordinates]) -> list[Work]:
        offsets = (*known.unsettled, *known.intents)
        places = [Coordinates(self._number, offset) for offset in offsets]
        records = {record.at.offset: record for record in await self._world.source.reread(places)} if places else {}
        # The list is the truth about who is not done, but for one thing: whoever has an outcome, or is parked and has no
        # leave to send, cannot be on it: an offset commit older than its transaction would make second outcomes.
        ended = {offset for offset, record in records.items() if record.origin in settled}
        for offset in offsets:
            if offset not in records:
                self._gone(state, offset)
        for offset in known.intents:
            if offset in records and offset not in ended:
                await self._doubt(state, records[offset])
        # In force before the first tick: its metadata has to list them again, or whoever comes next would not know them.
        left = (offset for offset in sorted(known.unsettled) if offset not in ended and offset not in state.parking)
        return [state.resume(records[offset], lost=True) for offset in left if offset in records]

    async def _doubt(self, state: Partition, record: Record) -> None:
        """The former owner had leave to send it, and nobody knows whether it did."""
        entry = state.parking.get(record.at.offset)
        work = state.resume(record) if entry is None else state.unpark(entry, record)
        ending = await self._world.delivery.doubt(work, self._world.pace.grant_lifetime)
        state.end(work, ending, self._world.clock.now())
        seconds = self._world.clock.now() - record.timestamp
        self._world.observer.ended(record.at, ending, seconds, waited=entry is not None)

    def _gone(self, state: Partition, offset: int) -> None:
        """Older than any request may get, or the retention was shortened: it still gets its outcome."""
        place = Coordinates(self._number, offset)
        work = state.resume(Record(place, None, None))
        state.end(work, Concluded(Subject(place, place), Expired(GONE, 0)), self._world.clock.now())


__all__ = ["GONE", "Takeover", "Work"]
