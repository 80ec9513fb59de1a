"""Places near a connection, shared by lane."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from consumer.adapters.smtp.places import Places


def future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


@dataclass(eq=False)
class One:
    """Somebody who wants a place."""

    turn: asyncio.Future[None] = field(default_factory=future)
    placed: bool = False

    def place(self) -> None:
        self.placed = True
        self.turn.set_result(None)


def places_for(number: int) -> Places[One]:
    return Places(number, One.place)


@asynccontextmanager
async def place(places: Places[One], lane: str) -> AsyncIterator[None]:
    """Hold one, once it is this lane's turn."""
    one = One()
    places.ask(lane, one)
    try:
        await one.turn
        yield
    finally:
        if one.placed:
            places.release()


async def test_the_flood_of_one_lane_does_not_hold_up_another() -> None:
    places, order = places_for(1), list[str]()

    async def mail(lane: str) -> None:
        async with place(places, lane):
            order.append(lane)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(50):
            tasks.create_task(mail("flood"))
        await asyncio.sleep(0)
        for _ in range(3):
            tasks.create_task(mail("other"))
    assert [at for at, lane in enumerate(order) if lane == "other"][-1] <= 8
    assert len(order) == 53


async def test_who_is_cancelled_in_the_moment_of_its_turn_passes_the_place_on() -> None:
    places = places_for(1)
    async with asyncio.TaskGroup() as tasks:
        async with place(places, "a"):
            cancelled = tasks.create_task(_hold(places))
            await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        async with asyncio.timeout(1), place(places, "b"):
            pass


async def _hold(places: Places[One]) -> None:
    async with place(places, "a"):
        await asyncio.Event().wait()


async def test_more_places_are_given_out_at_once_and_fewer_when_they_come_back() -> None:
    places, holding = places_for(1), list[int]()

    async def hold(number: int, until: asyncio.Event) -> None:
        async with place(places, "a"):
            holding.append(number)
            await until.wait()

    done = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for number in range(4):
            tasks.create_task(hold(number, done))
        await asyncio.sleep(0)
        assert holding == [0]
        places.resize(3)
        await asyncio.sleep(0)
        assert holding == [0, 1, 2]
        places.resize(1)
        done.set()
    assert holding == [0, 1, 2, 3]
