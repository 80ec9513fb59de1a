"""How much is fetched while others wait."""

from consumer.stream.pace import Appetite, Pace, Room


def test_with_enough_in_hand_nothing_more_is_wanted_until_half_of_it_has_gone() -> None:
    appetite = Appetite(Pace(enough=100), Room(1_000))
    assert [appetite.wants(moving, 0.0) for moving in (0, 60, 100, 70, 50, 49, 60)] == [100, 40, 0, 0, 0, 51, 40]


def test_what_is_enough_grows_with_how_many_end() -> None:
    room = Room(1_000)
    appetite = Appetite(Pace(enough=100, enough_for=0.5), room)
    appetite.wants(0, 0.0)
    for _ in range(1_000):
        room.take()
        room.give_back()
    assert appetite.wants(0, 1.0) == 500


def test_pressure_is_how_near_it_is_to_enough() -> None:
    room = Room(1_000)
    appetite = Appetite(Pace(enough=100), room)
    appetite.wants(25, 0.0)
    assert room.pressure == 0.25
    appetite.wants(250, 0.0)
    assert room.pressure == 1.0
