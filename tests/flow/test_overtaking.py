"""Whoever comes behind a flood is found and sent, however long the flood is, and through every accident."""

from collections import Counter
from datetime import UTC, datetime
from random import Random

import pytest

from consumer.adapters.memory_kafka import Fault
from consumer.core.metadata import Metadata, decode
from consumer.stream.overtaking import FEW
from tests.builders import tenant
from tests.flow.process import Setup, running, until

FLOOD = 6_000
"""Several times what is taken in turn of one partition."""

NAMES = ("flood", *(f"quiet-{number}" for number in range(5)))


def slow_flood(**more: object) -> Setup:
    """A flood that moves, but slowly: each of its mails takes a while."""
    setup = Setup(tenants=tuple(tenant(name, h_limit=10**6) for name in NAMES), **more)  # type: ignore[arg-type]
    setup.outbox.pause = lambda mail: 0.05 if mail.lane == "flood" else 0.0
    return setup


def ids(setup: Setup, name: str) -> list[str]:
    return [str(one.subject.id) for one in setup.kafka.all_outcomes if one.subject.tenant == name]


def is_exact(setup: Setup) -> None:
    """One outcome each, no body twice."""
    told = Counter(one.subject.origin for one in setup.kafka.all_outcomes)
    asked = [record.at for record in setup.kafka.requests[0]]
    assert sorted(told) == asked
    assert max(told.values()) == 1
    assert max(Counter(body for body, _ in setup.outbox.bodies).values()) == 1


async def test_a_one_time_password_behind_a_long_flood_does_not_wait_for_it() -> None:
    setup = slow_flood()
    for number in range(FLOOD):
        setup.request(f"f-{number}", name="flood")
    setup.request("mine", name="quiet-0")
    async with running(setup):
        await until(lambda: ids(setup, "quiet-0"))
        assert len(ids(setup, "flood")) < FLOOD // 4
        position, text = setup.kafka.committed[0]
    known = decode(text, position)
    assert isinstance(known, Metadata)
    assert known.overtaken == ((FLOOD, FLOOD),)


async def test_what_was_overtaken_is_not_sent_again_when_its_turn_comes() -> None:
    setup = slow_flood()
    setup.outbox.pause = lambda mail: 0.005 if mail.lane == "flood" else 0.0
    dice = Random(5)  # noqa: S311  a run that can be had again
    for number in range(FLOOD):
        setup.request(f"r-{number}", name="flood" if dice.random() < 0.97 else dice.choice(NAMES[1:]))
    async with running(setup):
        await setup.outcomes(FLOOD)
        await until(lambda: setup.kafka.committed[0][1].endswith(".") and setup.kafka.committed[0][0] == FLOOD)
    is_exact(setup)
    for name in NAMES:
        sent = [int(id_.removeprefix("r-")) for id_ in ids(setup, name)]
        assert sent == sorted(sent), "each tenant's in order"


class Dice:
    """Strikes some of the commits, and sees what was overtaken meanwhile."""

    def __init__(self, setup: Setup, dice: Random, faults: list[Fault | None]) -> None:
        self._setup = setup
        self._dice = dice
        self._faults = faults
        self.overtaken = 0
        self.dead = False

    def strike(self, _: int) -> Fault | None:
        position, text = self._setup.kafka.committed.get(0, (0, ""))
        known = decode(text, position)
        self.overtaken = max(self.overtaken, len(known.overtaken) if isinstance(known, Metadata) else 0)
        fault = self._dice.choice([None] * 40 + self._faults)
        self.dead = self.dead or fault in (Fault.DIES_BEFORE, Fault.DIES_AFTER)
        return fault


def mixed(setup: Setup, dice: Random, number: int, *, late: bool) -> None:
    """One more request: of the flood, of another tenant, broken, or for a moment later on."""
    if dice.random() < (0.3 if late else 0.97):
        setup.request(f"r-{number}", name="flood")
    elif (name := dice.choice(NAMES[1:])) == "quiet-0":
        setup.kafka.produce(0, b"{", headers=(("tenant", name.encode()),), at=setup.clock.now())
    elif name == "quiet-1":
        soon = datetime.fromtimestamp(setup.clock.now() + 0.3, UTC)
        setup.request(f"r-{number}", name=name, sendAt=soon.isoformat())
    else:
        setup.request(f"r-{number}", name=name)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "faults",
    [
        [Fault.LOST, Fault.ANSWER_LOST, Fault.DIES_BEFORE, Fault.DIES_AFTER],
        [Fault.LOST, Fault.ANSWER_LOST, Fault.FORGOTTEN],  # with a kill right behind it nobody is left who knows
    ],
    ids=["kills", "forgotten"],
)
async def test_whatever_fails_in_a_flood_each_has_one_outcome_and_no_second_send(
    faults: list[Fault | None], seed: int
) -> None:
    """Kills, lost ticks and lost answers, while others are taken out of their turn and the flood is in the middle."""
    setup, dice = slow_flood(), Random(seed)  # noqa: S311  a run that can be had again
    setup.outbox.pause = lambda mail: 0.01 if mail.lane == "flood" else 0.0
    number = FLOOD // 2
    for one in range(number):
        mixed(setup, dice, one, late=one > number * 2 / 3)
    struck = Dice(setup, dice, faults)
    setup.kafka.fault = struck.strike
    while len(setup.kafka.all_outcomes) < number:
        struck.dead = False
        async with running(setup):
            await until(lambda: struck.dead or len(setup.kafka.all_outcomes) >= number)
    is_exact(setup)
    assert struck.overtaken
    assert not setup.kafka.parked[0]


async def test_who_was_left_behind_in_a_burst_is_gone_back_to_before_the_flood_ends() -> None:
    setup = slow_flood()
    for number in range(FLOOD):
        setup.request(f"f-{number}", name="flood")
    burst = 10 * FEW
    for number in range(burst):
        setup.request(f"b-{number}", name="quiet-0")
    async with running(setup):
        await until(lambda: len(ids(setup, "quiet-0")) == burst)
        assert len(ids(setup, "flood")) < FLOOD // 2
    assert ids(setup, "quiet-0") == [f"b-{number}" for number in range(burst)]
    assert max(Counter(body for body, _ in setup.outbox.bodies).values()) == 1


async def test_requests_too_large_to_be_held_hold_up_nobody_in_any_partition() -> None:
    """A hundred of them fill what a process takes ahead in octets."""
    setup = Setup(partitions=2, tenants=tuple(tenant(name, h_limit=10**6) for name in NAMES))
    setup.outbox.pause = lambda mail: 0.2 if mail.lane == "flood" else 0.0
    for number in range(600):
        setup.request(f"f-{number}", name="flood", text="x" * 100_000)
    names = {setup.home(name): name for name in NAMES if name != "flood"}
    assert set(names) == {0, 1}
    for name in names.values():
        setup.request("mine", name=name)
    async with running(setup):
        await until(lambda: all(ids(setup, name) for name in names.values()))
        assert len(ids(setup, "flood")) < 300
