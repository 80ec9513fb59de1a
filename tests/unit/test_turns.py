"""Those who wait for a connection, in lanes."""

import asyncio
from dataclasses import dataclass, field

from consumer.adapters.smtp.turns import Turns


def future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


@dataclass(eq=False)
class One:
    """Somebody who waits."""

    name: str = ""
    turn: asyncio.Future[None] = field(default_factory=future)


async def test_lanes_have_their_turns_in_rotation_however_long_one_of_them_is() -> None:
    turns = Turns[One]()
    for name in ("flood-1", "flood-2", "flood-3", "quiet-1", "other-1", "quiet-2"):
        turns.add(name.partition("-")[0], One(name))
    taken = [one.name for one in iter(turns.take, None) if one is not None]
    assert taken == ["flood-1", "quiet-1", "other-1", "flood-2", "quiet-2", "flood-3"]
    assert len(turns) == 0


async def test_who_has_given_up_is_passed_over() -> None:
    turns, first, second, third = Turns[One](), One(), One(), One()
    turns.add("a", first)
    turns.add("b", second)
    turns.add("a", third)
    first.turn.cancel()
    second.turn.cancel()
    assert len(turns) == 1
    assert turns.first() is third
    assert turns.take() is third
    assert turns.first() is None
    assert turns.take() is None


async def test_whose_turn_it_is_may_be_asked_as_often_as_one_likes() -> None:
    turns, first = Turns[One](), One()
    turns.add("a", first)
    turns.add("b", One())
    assert turns.first() is first
    assert turns.first() is first
    assert turns.take() is first
