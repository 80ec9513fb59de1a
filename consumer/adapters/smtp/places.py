"""Who may come near a connection next: places given out in turns."""

import asyncio

from typing_extensions import override

from consumer.adapters.smtp.turns import Turns


class Place:
    """One of them, held for as long as its context. By hand: a generator for each mail costs more than the place."""

    __slots__ = ("_lane", "_places")

    def __init__(self, places: "Places", lane: str) -> None:
        self._places = places
        self._lane = lane

    async def __aenter__(self) -> None:
        await self._places.acquire(self._lane)

    async def __aexit__(self, *_: object) -> None:
        self._places.release()


class Places:
    """So many places, fairly shared by lane."""

    def __init__(self, number: int) -> None:
        self._number = self._free = number
        self._turns = Turns[None]()
        self._loop = asyncio.get_running_loop()  # once: before Python 3.12 it is a system call each time

    @override
    def __repr__(self) -> str:
        return f"<Places {self._free} free, {len(self._turns)} wait>"

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for one."""
        return self._turns.first() is not None

    def resize(self, number: int) -> None:
        """So many from now on; whoever has one keeps it."""
        self._free += number - self._number
        self._number = number
        self._give_out()

    def one(self, lane: str) -> "Place":
        """Hold a place, once it is this lane's turn."""
        return Place(self, lane)

    async def acquire(self, lane: str) -> None:
        """Have a place, to be given back by `release`."""
        if self._free > 0 and not self.wanted:
            self._free -= 1
            return
        turn: asyncio.Future[None] = self._loop.create_future()
        self._turns.add(lane, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """It is free again."""
        self._free += 1
        self._give_out()

    def _give_out(self) -> None:
        while self._free > 0 and (turn := self._turns.take()) is not None:
            self._free -= 1
            turn.set_result(None)
