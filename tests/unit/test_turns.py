"""Those who wait for a connection, in lanes."""

import asyncio

from consumer.adapters.smtp.turns import Turns


def future() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


async def test_lanes_have_their_turns_in_rotation_however_long_one_of_them_is() -> None:
    turns, names = Turns[str](), dict[asyncio.Future[str], str]()
    for name in ("flood-1", "flood-2", "flood-3", "quiet-1", "other-1", "quiet-2"):
        names[turn := future()] = name
        turns.add(name.partition("-")[0], turn)
    taken = [names[turn] for turn in iter(turns.take, None) if turn is not None]
    assert taken == ["flood-1", "quiet-1", "other-1", "flood-2", "quiet-2", "flood-3"]
    assert len(turns) == 0


async def test_who_has_given_up_is_passed_over() -> None:
    turns, first, second, third = Turns[str](), future(), future(), future()
    turns.add("a", first)
    turns.add("b", second)
    turns.add("a", third)
    first.cancel()
    second.cancel()
    assert len(turns) == 1
    assert turns.first() is third
    assert turns.take() is third
    assert turns.first() is None
    assert turns.take() is None


async def test_whose_turn_it_is_may_be_asked_as_often_as_one_likes() -> None:
    turns, first = Turns[str](), future()
    turns.add("a", first)
    turns.add("b", future())
    assert turns.first() is first
    assert turns.first() is first
    assert turns.take() is first
