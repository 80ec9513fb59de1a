"""The figures that a stream keeps to, and the room that its partitions share."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds, room in requests."""

    in_flight: int = 1_000
    parked: int = 1_000_000  # beyond, nothing new is taken: the lag stays in Kafka
    look_for_room: float = 0.25
    tidy_every: float = 60.0
    fetch_within: float = 0.1
    gather: float = 0.010  # from the first event to its tick
    between_ticks: float = 0.025
    offset_alone: float = 1.0
    grant_lifetime: float = 5.0  # shorter than the transaction timeout, and that than the session timeout
    heartbeat: float = 1.5
    drain_within: float = 20.0
    give_back_within: float = 5.0
    pause_after_error: float = 0.5
    look_at_clock: float = 1.0  # due times are by the time of day, and somebody may set that


class Room:
    """How many requests a process has in flight, over all its partitions."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._freed = asyncio.Event()

    @property
    def taken(self) -> int:
        return self._taken

    @property
    def free(self) -> int:
        return max(0, self._most - self._taken)

    def take(self) -> None:
        self._taken += 1

    def give_back(self) -> None:
        self._taken -= 1
        self._freed.set()

    async def available(self) -> None:
        """Wait until a place is free."""
        while not self.free:
            self._freed.clear()
            await self._freed.wait()
