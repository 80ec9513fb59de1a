"""SIGSTOP of a consumer for longer than the group waits for it, then SIGCONT: it wakes up and knows of nothing."""

import asyncio
from pathlib import Path

import pytest

from devtools.broker import Broker
from tests.faults.figures import SESSION, sized
from tests.faults.harness import Plan, Scene, staged
from tests.faults.table import held


@pytest.mark.timeout(sized(180, 900))
async def test_a_consumer_that_was_frozen_sends_nothing_that_is_not_its_own_any_more(
    own_broker: Broker, folder: Path
) -> None:
    async with staged(Plan(folder, own_broker.bootstrap, latency=20)) as scene:
        for _ in range(sized(1, 10)):
            await freeze_one(scene)
        await scene.all_answered(90)
        row, verdict = scene.row("SIGSTOP for two session timeouts")
    held(row, verdict)


async def freeze_one(scene: Scene) -> None:
    """In the middle of its work; the others take over, and then it wakes up in the middle of theirs."""
    requests = sized(400, 1_000)
    asking = asyncio.create_task(scene.ask(requests))
    await scene.reach(scene.outcomes.answered + requests // 10, 60)
    member = scene.dice.choice(scene.members)
    before = await scene.positions()
    member.freeze()
    scene.injected += 1
    await asyncio.sleep(2 * SESSION)
    await scene.ask(requests // 4)
    member.thaw()
    await asking
    after = await scene.positions()
    assert all(after[partition] >= offset for partition, offset in before.items())
