"""Feedback, heard by whoever owns its tenant's home partition.

The owner of a partition of requests reads the same partition of feedback. What it learns, and the next offset to read,
are in one tick: a kill loses nothing and counts nothing twice. What belongs to another home is forwarded there once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from consumer.core.address import is_token
from consumer.core.feedback import Feedback, Heard, Refused, lesson, marked
from consumer.core.record import Record
from consumer.core.suppression_list import SuppressionList
from consumer.core.tenant import Unavailable

if TYPE_CHECKING:
    from consumer.stream.owned import Hearing, Owned, World

MOST_PENDING = 1_000
"""Changes of a partition that are not committed yet; beyond, nothing more is read for it."""

WHILE_AWAY = 30.0
"""Seconds after which a vault that was down is asked again."""

_UNKNOWN_TOKEN = ("/recipient: the token is not known",)
_OTHER_KEY = ("/digest: made with another key",)


class Listening:
    """The feedback of all partitions that are open in this process."""

    def __init__(self, world: World, hearing: Hearing) -> None:
        self._world = world
        self._hearing = hearing
        self._deaf: dict[int, float] = {}  # until when, for want of a vault

    async def run(self, owned: dict[int, Owned]) -> None:
        """Listen for what is ours at each moment, until cancelled."""
        pace = self._world.pace
        while True:
            positions = self._positions(owned.values())
            if not positions:
                await asyncio.sleep(pace.fetch_within)
                continue
            epochs = {number: owned[number].epoch for number in positions}
            batch = await self._hearing.mailbag.fetch(positions, MOST_PENDING, pace.listen_within)
            for number, records in groupby(batch, key=lambda record: record.at.partition):
                ours = owned.get(number)
                if ours is not None and ours.epoch == epochs[number]:
                    await self._take(ours, list(records))

    def _positions(self, owned: Iterable[Owned]) -> dict[int, int | None]:
        now = self._world.clock.elapsed()
        return {
            one.number: one.state.listed.position
            for one in owned
            if one.open and one.state is not None and one.state.listed is not None
            if one.state.listed.pending < MOST_PENDING and self._deaf.get(one.number, 0.0) <= now
        }

    async def _take(self, ours: Owned, records: list[Record]) -> None:
        epoch, listed = ours.epoch, ours.state and ours.state.listed
        if listed is None:
            return
        for record in records:
            said = self._hearing.ear(record)
            mark = None if isinstance(said, Refused) or self._elsewhere(said, record) else await self._mark(said)
            if ours.epoch != epoch:
                return  # what is read here now belongs to somebody else, or is read again
            if isinstance(mark, Unavailable):
                self._deaf[ours.number] = self._world.clock.elapsed() + WHILE_AWAY
                break
            self._world.observer.heard(record.at, *self._learn(listed, record, said, mark))
            listed.pass_by(record.at.offset)
        ours.stir()

    def _elsewhere(self, said: Feedback, record: Record) -> bool:
        return self._world.home(said.tenant) != record.at.partition and record.forwarded_from is None

    async def _mark(self, said: Feedback) -> bytes | Unavailable | None:
        """Under what its recipient stands in the list; None if nobody can know."""
        recipient = said.told.recipient
        if recipient is None:
            return marked(said, self._hearing.policy)
        if is_token(recipient):
            values = await self._world.delivery.resolver.vault.resolve((recipient,))
            if isinstance(values, Unavailable):
                return values
            if recipient not in values.by_token:
                return None
            recipient = values.of(recipient)
        return self._hearing.policy.mark(said.tenant, recipient)

    def _learn(
        self, listed: SuppressionList, record: Record, said: Feedback | Refused, mark: bytes | None
    ) -> tuple[Heard, tuple[str, ...]]:
        if isinstance(said, Refused):
            return Heard.UNUSABLE, said.outcome.errors
        if self._elsewhere(said, record):
            listed.forward(self._world.home(said.tenant), record)
            return Heard.FORWARDED, ()
        if mark is None:
            return Heard.UNUSABLE, _UNKNOWN_TOKEN if said.told.digest is None else _OTHER_KEY
        taught = lesson(said)
        if taught is None:
            return Heard.NO_LESSON, ()
        new = listed.hear(said.tenant, mark, taught, self._world.clock.now())
        return (Heard(said.told.kind) if new else Heard.REPEATED), ()


__all__ = ["MOST_PENDING", "WHILE_AWAY", "Listening"]
