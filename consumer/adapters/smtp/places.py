"""Who may come near a connection next: places given out in turns."""

import asyncio

from typing_extensions import override

from consumer.adapters.smtp.turns import Turns


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
    def taken(self) -> int:
        """How many hold one, or wait for one."""
        return self._number - self._free + len(self._turns)

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for one."""
        return bool(self._turns.lanes) and self._turns.first() is not None

    def resize(self, number: int) -> None:
        """So many from now on; whoever has one keeps it."""
        self._free += number - self._number
        self._number = number
        self._give_out()

    def take(self) -> bool:
        """Have a place, to be given back by `release`, if there is one and nobody waits for it."""
        if self._free <= 0 or (self._turns.lanes and self._turns.first() is not None):
            return False
        self._free -= 1
        return True

    async def wait(self, lane: str) -> None:
        """Have a place, to be given back by `release`, once it is this lane's turn."""
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
        if self._turns.lanes:
            self._give_out()

    def _give_out(self) -> None:
        while self._free > 0 and (turn := self._turns.take()) is not None:
            self._free -= 1
            turn.set_result(None)
