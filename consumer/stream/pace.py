"""The figures that a stream keeps to, and the room that its partitions share."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

PROMPT = 0.01
"""Seconds by which the event loop may be late before anybody notices."""

ENOUGH = 200
"""Requests that are under way at once, of tenants whose requests move; or more, up to those that end in `ENOUGH_FOR`."""

ENOUGH_FOR = 3.0
"""Seconds; shorter than what makes a tenant slow, and longer than most relays think about a mail."""

USUAL_TICK = 0.1
"""Seconds that a tick takes while Kafka has time for us."""

MOST_PATIENT = 30.0
"""Times that a process may be slower for want of processor time, before others than itself are taken for slow."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds, room in requests."""

    in_flight: int = 1_000
    ahead: int = 6_000  # taken and in line: beyond, the lag stays in Kafka
    ahead_bytes: int = 6 * 2**20  # the same in octets of their records
    parked: int = 1_000_000  # beyond, nothing new is taken: the lag stays in Kafka
    look_for_room: float = 0.25
    overtake_after: float = 0.25  # for so long it has been crowded before anybody is taken out of turn
    tidy_every: float = 60.0
    fetch_within: float = 0.1
    listen_within: float = 1.0
    gather: float = 0.010  # from the first event to its tick
    gather_under_load: float = 0.1  # the same where all that waits for it has stood in line, and more comes
    lull: float = 0.025  # without any more of them, after which none is waited for
    worth_a_tick: int = 200  # intents and outcomes that make it go at once: more would hardly lower its price for each
    between_ticks: float = 0.025
    offset_alone: float = 1.0
    grant_lifetime: float = 5.0  # shorter than the transaction timeout, and that than the session timeout
    heartbeat: float = 1.5
    drain_within: float = 20.0
    give_back_within: float = 5.0
    pause_after_error: float = 0.5
    look_at_reading: float = 5.0
    look_at_clock: float = 1.0  # due times are by the time of day, and somebody may set that


class Room:
    """How many requests a process has in flight, over all its partitions.

    `enough` tells how many may move at once; `kept`, how many places are for tenants that have none; `patience`, from
    1 up, how slow this process is itself.
    """

    def __init__(self, most: int) -> None:
        self.enough = min(ENOUGH, most)
        self.kept = most // 8
        self.patience = 1.0
        self.free = most
        self._most = most
        self._taken = 0
        self._ended = 0
        self._tick = 0.0
        self._freed = asyncio.Event()

    async def watch(self, every: float = 0.1) -> None:
        """Looks for ever how late the event loop comes, how busy its thread is, and how many requests end."""
        loop, late, busy = asyncio.get_running_loop(), 0.0, 0.0
        before, used, ended = loop.time(), wanted_processor(), 0
        while True:
            await asyncio.sleep(every)
            now, spent = loop.time(), wanted_processor()
            late += (max(0.0, now - before - every) - late) / 4
            busy += ((spent - used) / (now - before) - busy) / 4
            patience = max(1 + late / PROMPT, 1 / max(1 - busy, 1 / MOST_PATIENT), self._tick / USUAL_TICK)
            self.patience = max(patience, self.patience - (self.patience - patience) / 32)  # lost within seconds
            rate = (self._ended - ended) / (now - before)
            enough = min(max(ENOUGH, rate * ENOUGH_FOR), self._most * 5 / 8)
            self.enough = max(round(enough), self.enough + round((enough - self.enough) / 4))  # less by and by
            before, used, ended = now, spent, self._ended

    def ticked(self, seconds: float) -> None:
        """A tick took so long."""
        self._tick += (seconds - self._tick) / 8

    @property
    def taken(self) -> int:
        return self._taken

    def take(self) -> None:
        """One more is in flight."""
        self._taken += 1
        self.free = max(0, self._most - self._taken)

    def give_back(self) -> None:
        """It has ended, or waits."""
        self._taken -= 1
        self._ended += 1
        self.free = max(0, self._most - self._taken)
        self._freed.set()

    async def available(self) -> None:
        """Wait until a place is free."""
        while not self.free:
            self._freed.clear()
            await self._freed.wait()


def wanted_processor() -> float:
    """Seconds for which this thread has had a processor, or has waited for one that others had."""
    try:
        had, waited, _ = Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()
    except (OSError, ValueError):  # not Linux, or a kernel without these figures
        return time.thread_time()
    return (int(had) + int(waited)) / 1e9
