"""The figures that a stream keeps to, and the room that its partitions share."""

import asyncio
from dataclasses import dataclass

PROMPT = 0.01
"""Seconds by which the event loop may be late before anybody notices."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds, room in requests."""

    in_flight: int = 1_000
    parked: int = 1_000_000  # beyond, nothing new is taken: the lag stays in Kafka
    look_for_room: float = 0.25
    tidy_every: float = 60.0
    fetch_within: float = 0.1
    listen_within: float = 1.0
    gather: float = 0.010  # from the first event to its tick
    gather_under_load: float = 0.1  # the same while more waits in Kafka than can be sent at once
    between_ticks: float = 0.025
    enough: int = 100  # requests that move, but wait for leave to send: with as many, or
    enough_for: float = 1.5  # with those of so many seconds, nothing new is fetched
    offset_alone: float = 1.0
    grant_lifetime: float = 5.0  # shorter than the transaction timeout, and that than the session timeout
    heartbeat: float = 1.5
    drain_within: float = 20.0
    give_back_within: float = 5.0
    pause_after_error: float = 0.5
    look_at_clock: float = 1.0  # due times are by the time of day, and somebody may set that


class Room:
    """How many requests a process has in flight, over all its partitions.

    `pressure`, from 0 to 1, tells how near they are to being enough for now; `patience`, from 1 up, how slow
    this process is itself.
    """

    def __init__(self, most: int) -> None:
        self.pressure = 0.0
        self.patience = 1.0
        self.ended = 0
        self._most = most
        self._taken = 0
        self._freed = asyncio.Event()

    async def watch(self, every: float = 0.1) -> None:
        """Looks for ever by how much the event loop comes too late."""
        loop, late = asyncio.get_running_loop(), 0.0
        while True:
            due = loop.time() + every
            await asyncio.sleep(every)
            late += (max(0.0, loop.time() - due) - late) / 4
            self.patience = 1 + late / PROMPT

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
        self.ended += 1
        self._freed.set()

    async def available(self) -> None:
        """Wait until a place is free."""
        while not self.free:
            self._freed.clear()
            await self._freed.wait()


class Appetite:
    """How many more are to be fetched while requests that move wait for their turn.

    Who waits here costs little; who waits in Kafka costs nothing, and parking what will move soon costs most.
    """

    def __init__(self, pace: Pace, room: Room) -> None:
        self._pace = pace
        self._room = room
        self._sated = False
        self._since = 0.0
        self._ended = 0
        self._rate = 0.0

    def wants(self, moving: int, now: float) -> int:
        """How many, where so many move; once they are enough none, until half of them have gone."""
        self._measure(now)
        enough = max(self._pace.enough, round(self._rate * self._pace.enough_for))
        self._room.pressure = min(1.0, moving / enough)
        self._sated = moving >= (enough / 2 if self._sated else enough)
        return 0 if self._sated else enough - moving

    def _measure(self, now: float) -> None:
        passed = now - self._since
        if passed >= self._pace.enough_for:
            self._rate = (self._room.ended - self._ended) / passed
            self._since, self._ended = now, self._room.ended
