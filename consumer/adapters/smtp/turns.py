"""Those who wait for something, in the lanes of their mails, which have their turns in rotation.

A relay that tenants share must not serve the flood of one of them first.
"""

import asyncio
from collections import OrderedDict, deque
from typing import Any, Generic, Protocol, TypeVar


class Waiting(Protocol):
    """Who waits; no longer, once `turn` is done."""

    @property
    def turn(self) -> asyncio.Future[Any]: ...


W = TypeVar("W", bound=Waiting)


class Turns(Generic[W]):
    """Whoever has given up is passed over. Without `lanes` nobody waits."""

    __slots__ = ("lanes",)

    def __init__(self) -> None:
        self.lanes: OrderedDict[str, deque[W]] = OrderedDict()

    def __len__(self) -> int:
        return sum(not one.turn.done() for waiting in self.lanes.values() for one in waiting)

    def add(self, lane: str, one: W) -> None:
        """One more, behind those of its lane."""
        waiting = self.lanes.get(lane)
        if waiting is None:
            waiting = self.lanes[lane] = deque()
        waiting.append(one)

    def first(self) -> W | None:
        """Whose turn it is."""
        while self.lanes:
            lane = next(iter(self.lanes))
            waiting = self.lanes[lane]
            while waiting and waiting[0].turn.done():
                waiting.popleft()
            if waiting:
                return waiting[0]
            del self.lanes[lane]
        return None

    def take(self) -> W | None:
        """The same, whose turn it then was: the other lanes come first."""
        while self.lanes:
            lane, waiting = self.lanes.popitem(last=False)
            while waiting:
                one = waiting.popleft()
                if not one.turn.done():
                    if waiting:
                        self.lanes[lane] = waiting
                    return one
        return None
