"""Who may come near a connection next: places given out in turns."""

from collections.abc import Callable
from typing import Generic

from typing_extensions import override

from consumer.adapters.smtp.turns import Turns, W


class Places(Generic[W]):
    """So many places, fairly shared by lane. `placed` is told who has one, in that moment."""

    def __init__(self, number: int, placed: Callable[[W], None]) -> None:
        self._number = self._free = number
        self._placed = placed
        self._turns = Turns[W]()

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

    def ask(self, lane: str, one: W) -> None:
        """A place, to be given back by `release`: now, if there is one and nobody waits for it, or in this lane's turn."""
        if self._free > 0 and not self.wanted:
            self._free -= 1
            self._placed(one)
        else:
            self._turns.add(lane, one)

    def release(self) -> None:
        """It is free again."""
        self._free += 1
        if self._turns.lanes:
            self._give_out()

    def _give_out(self) -> None:
        while self._free > 0 and (one := self._turns.take()) is not None:
            self._free -= 1
            self._placed(one)
