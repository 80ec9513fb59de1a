"""Processes that are killed, fenced, cut off and given other partitions, on a seeded dice: the promises hold."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from random import Random

import pytest

from consumer.adapters.memory_kafka import Fault
from consumer.core.attempt import InDoubt, NotSent, Stage
from consumer.core.mail import Mail
from consumer.core.outcome import Accepted, Unknown
from consumer.core.reply import Reply
from consumer.core.tenant import Limit
from tests.builders import tenant
from tests.flow.process import Process, Setup, running

REQUESTS = 150


def storm(dice: Random) -> Setup:
    limits = (Limit(40, 60.0),)
    setup = Setup(3, tuple(tenant(f"t{n}", h_limit=1_000, limits=limits) for n in range(4)))
    for number in range(REQUESTS):
        setup.request(f"r-{number}", name=f"t{number % 4}", partition=dice.randrange(3))
    setup.kafka.fault = lambda _: dice.choices([None, Fault.LOST, Fault.ANSWER_LOST], [20, 1, 1])[0]

    def judge(_: Mail) -> InDoubt | NotSent | None:
        refused = NotSent(Stage.MAIL, "", Reply(451, "later"))
        return dice.choices([None, InDoubt("cut"), refused], [20, 1, 3])[0]

    setup.outbox.judge = judge
    return setup


async def blow(setup: Setup, dice: Random, processes: dict[int, Process], stack: AsyncExitStack) -> None:
    """One gust: a process dies or comes, and the group gives out its partitions anew."""
    if len(processes) > 1 and dice.random() < 0.5:
        await processes.pop(dice.choice(list(processes))).kill()
    elif len(processes) < 3:
        processes[dice.randrange(10**9)] = await stack.enter_async_context(running(setup, 0))
    for process in processes.values():
        if not process.task.done() and dice.random() < 0.8:
            await asyncio.wait_for(process.stream.revoked(), 5)
    shares: dict[int, list[int]] = {key: [] for key in processes}
    for number in range(setup.partitions):
        shares[dice.choice(list(shares))].append(number)
    for key, numbers in shares.items():
        processes[key].assign(*numbers)


@pytest.mark.parametrize("seed", range(25))
async def test_each_request_has_one_outcome_and_no_second_send(seed: int) -> None:
    dice = Random(seed)  # noqa: S311  a storm that can be had again
    setup = storm(dice)
    processes: dict[int, Process] = {}
    async with AsyncExitStack() as stack:
        while len(setup.kafka.all_outcomes) < REQUESTS:
            await blow(setup, dice, processes, stack)
            for _ in range(dice.randrange(40)):
                await asyncio.sleep(0)
            setup.clock.shift += dice.choice([0, 1, 30])
            await asyncio.sleep(0.002)
        setup.kafka.fault = lambda _: None
        for process in processes.values():
            process.assign()
    told = Counter(concluded.subject.id for concluded in setup.kafka.all_outcomes)
    assert told == Counter(f"r-{number}" for number in range(REQUESTS))
    assert {type(concluded.outcome) for concluded in setup.kafka.all_outcomes} <= {Accepted, Unknown}
    assert max(Counter(identity for identity, _ in setup.outbox.bodies).values()) == 1
