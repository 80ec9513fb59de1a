"""Those who wait for something, in the lanes of their mails, which have their turns in rotation.

A relay that tenants share must not serve the flood of one of them first.
"""

import asyncio
from collections import OrderedDict, deque
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Turns(Generic[_T]):
    """Their futures. Whoever has given up is passed over. Without `lanes` nobody waits."""

    __slots__ = ("lanes",)

    def __init__(self) -> None:
        self.lanes: OrderedDict[str, deque[asyncio.Future[_T]]] = OrderedDict()

    def __len__(self) -> int:
        return sum(not turn.done() for waiting in self.lanes.values() for turn in waiting)

    def add(self, lane: str, turn: asyncio.Future[_T]) -> None:
        """One more, behind those of its lane."""
        waiting = self.lanes.get(lane)
        if waiting is None:
            waiting = self.lanes[lane] = deque()
        waiting.append(turn)

    def first(self) -> asyncio.Future[_T] | None:
        """Whose turn it is."""
        while self.lanes:
            lane = next(iter(self.lanes))
            waiting = self.lanes[lane]
            while waiting and waiting[0].done():
                waiting.popleft()
            if waiting:
                return waiting[0]
            del self.lanes[lane]
        return None

    def take(self) -> asyncio.Future[_T] | None:
        """The same, whose turn it then was: the other lanes come first."""
        turn = self.first()
        if turn is not None:
            lane, waiting = self.lanes.popitem(last=False)
            waiting.popleft()
            if waiting:
                self.lanes[lane] = waiting
        return turn
