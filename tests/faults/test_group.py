"""Consumers that come and go faster than the group can settle."""

import asyncio
import time
from pathlib import Path

import pytest

from devtools.broker import Broker
from tests.faults.figures import SEEDS, sized
from tests.faults.harness import Plan, Scene, staged
from tests.faults.table import held


@pytest.mark.timeout(sized(180, 900))
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_storm_of_joining_and_leaving_loses_nothing(own_broker: Broker, folder: Path, seed: int) -> None:
    async with staged(Plan(folder, own_broker.bootstrap, seed, static=False)) as scene:
        scene.join()
        await storm(scene, sized(15.0, 300.0))
        await scene.all_answered(90)
        row, verdict = scene.row("join and leave storm")
    held(row, verdict)
    assert row.gap < 30


async def storm(scene: Scene, seconds: float) -> None:
    """Two to four consumers; every 0 to 500 ms one comes or is asked to go, and requests come all the time."""
    until = time.monotonic() + seconds
    leaving: set[asyncio.Task[None]] = set()
    while time.monotonic() < until:
        await asyncio.sleep(scene.dice.uniform(0, 0.5))
        await scene.ask(15)
        staying = [member for member in scene.members if member.running and not member.leaving and member.assigned]
        scene.injected += 1
        if len(staying) > 1 and scene.dice.random() < 0.5:
            leaving.add(asyncio.create_task(scene.dice.choice(staying).leave()))
        elif sum(member.running and not member.leaving for member in scene.members) < 4:
            scene.join()
        else:
            scene.injected -= 1
    if leaving:
        await asyncio.wait(leaving, timeout=40)
