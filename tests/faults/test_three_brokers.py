"""A cluster of three that loses one after the other: leaders and coordinators move, and nothing else happens."""

import asyncio
import time
from pathlib import Path

import pytest

from devtools.broker import Cluster
from tests.faults.figures import sized
from tests.faults.harness import Plan, Scene, staged
from tests.faults.table import held


@pytest.mark.slow
@pytest.mark.timeout(sized(300, 900))
async def test_three_brokers_killed_in_turn_cost_nothing_but_time(folder: Path) -> None:
    cluster = await asyncio.to_thread(started)
    try:
        async with staged(Plan(folder, cluster.bootstrap, copies=3)) as scene:
            await scene.ask(100)
            await scene.all_answered(90)
            waits = [await without_one(scene, cluster, turn % 3) for turn in range(sized(3, 6))]
            await scene.all_answered(120)
            assert [member.starts for member in scene.members] == [1, 1]
            row, verdict = scene.row("three brokers killed in turn", f"going again after {max(waits):.1f} s at most")
    finally:
        await asyncio.to_thread(cluster.close)
    held(row, verdict)
    assert max(waits) < 30


def started() -> Cluster:
    cluster = Cluster(3)
    cluster.start()
    return cluster


async def without_one(scene: Scene, cluster: Cluster, turn: int) -> float:
    """Kill it in the middle of a few hundred requests and start it again; seconds until outcomes came again."""
    answered = scene.outcomes.answered
    await scene.ask(300)
    await scene.reach(answered + 50, 90)
    broker, killed = cluster.brokers[turn], time.monotonic()
    broker.kill()
    scene.injected += 1
    await scene.reach(scene.outcomes.answered + 50, 60)
    wait = time.monotonic() - killed
    await asyncio.to_thread(broker.start)
    return wait
