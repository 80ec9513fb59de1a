"""The memory for attachments: bounded, shared among tenants, and given back however an attempt ends."""

import asyncio
from random import Random

from consumer.adapters.memory_contents import KnownFiles
from consumer.contents import AROUND, Larder
from consumer.core.attachment import memory
from consumer.core.attempt import Attempt
from consumer.core.mail import Mail
from consumer.core.outcome import Accepted
from tests.builders import tenant
from tests.flow.process import Setup, running

LARGE, SMALL = "https://files.example/large", "https://files.example/small"
MB = 1_000_000
ONE = AROUND + memory(MB)
"""What a mail with the large file takes."""


def _setup(octets: int) -> Setup:
    setup = Setup(2, tuple(tenant(name, h_limit=1_000) for name in ("acme", "other", "third")))
    setup.files = KnownFiles({LARGE: bytes(MB), SMALL: b"small"})
    setup.memory = octets
    return setup


async def test_one_tenants_large_files_hold_up_nobody_elses() -> None:
    setup = _setup(4 * ONE)

    def judge(mail: Mail) -> Attempt | str | None:
        return "before" if mail.lane == "acme" else None

    setup.outbox.judge = judge
    for number in range(9):
        setup.request(f"a-{number}", attachments=[LARGE])
    async with running(setup) as process:
        while process.world.delivery.resolver.larder.used < 2 * ONE:  # noqa: ASYNC110  bounded by the test's own limit
            await asyncio.sleep(0.001)
        setup.request("o-1", name="other", attachments=[LARGE])
        setup.request("o-2", name="other", attachments=[SMALL])
        outcomes = await setup.outcomes(2)
    assert {one.subject.id for one in outcomes} == {"o-1", "o-2"}
    assert {type(one.outcome) for one in outcomes} == {Accepted}


async def test_those_who_find_no_memory_wait_for_it_and_all_are_sent() -> None:
    setup = _setup(4 * ONE)
    for number in range(40):
        setup.request(f"r-{number}", name=("acme", "other", "third")[number % 3], attachments=[SMALL, LARGE])
    async with running(setup):
        outcomes = await setup.outcomes(40)
    assert {type(one.outcome) for one in outcomes} == {Accepted}


async def test_memory_is_given_back_however_an_attempt_ends() -> None:
    setup = _setup(4 * ONE)
    endings = iter(["before", None, "after"])
    setup.outbox.judge = lambda _: next(endings, None)
    for number in range(3):
        setup.request(f"r-{number}", name=("acme", "other", "third")[number], attachments=[LARGE])
    setup.request("gone", attachments=["https://files.example/gone"])
    async with running(setup) as process:
        larder = process.world.delivery.resolver.larder
        while len(setup.outbox.bodies) < 2 or larder.used != 2 * ONE:  # noqa: ASYNC110  bounded by the test's own limit
            await asyncio.sleep(0.001)
    assert larder.used == 0


async def test_whoever_is_cancelled_while_it_waits_leaves_nothing_taken() -> None:
    dice = Random(5)  # noqa: S311  a run that can be had again
    larder = Larder(1000)

    async def hold(name: str, octets: int) -> None:
        if await larder.take(name, octets, 0.01):
            try:
                await asyncio.sleep(dice.random() / 100)
            finally:
                larder.give_back(name, octets)

    tasks = [asyncio.ensure_future(hold(dice.choice("abc"), dice.randint(1, 400))) for _ in range(300)]
    while not all(task.done() for task in tasks):
        dice.choice(tasks).cancel()
        await asyncio.sleep(0.001)
        assert larder.used <= 1000
    await asyncio.wait(tasks)
    assert larder.used == 0


async def test_what_takes_too_long_to_come_is_not_taken() -> None:
    larder = Larder(1000)
    assert await larder.take("acme", 500, 1.0)
    assert not await larder.take("acme", 1, 0.01)
    assert not larder.take_now("acme", 1)
    larder.give_back("acme", 500)
    assert larder.used == 0
    assert larder.take_now("acme", 1)
