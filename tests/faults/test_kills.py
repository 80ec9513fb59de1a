"""kill -9 of a consumer, at any moment and at named ones."""

import asyncio
from pathlib import Path

import pytest

from devtools.broker import Broker
from tests.faults.figures import Row, sized
from tests.faults.harness import Plan, Scene, staged
from tests.faults.judge import Verdict


def held(row: Row, verdict: Verdict) -> None:
    """The promises that no kill may break."""
    assert row.kept, (row, verdict)
    assert not verdict.untaken, verdict.untaken
    assert not verdict.untold, verdict.untold


async def kill_at_random(scene: Scene, kills: int, requests: int) -> None:
    """One member at a time, each time when a random number of requests has its outcome."""
    asking = asyncio.create_task(scene.ask(requests))
    moments = sorted(scene.dice.sample(range(requests // 50, requests - requests // 20), kills))
    for moment in moments:
        await scene.reach(moment, 60)
        await scene.kill(scene.dice.choice(scene.members))
    await asking


@pytest.mark.timeout(sized(180, 3600))
@pytest.mark.parametrize("seed", range(sized(1, 1)))
async def test_kill_9_at_random(own_broker: Broker, folder: Path, seed: int) -> None:
    kills, requests = sized((5, 4_000), (50, 100_000))
    async with staged(Plan(folder, own_broker.bootstrap, seed)) as scene:
        await kill_at_random(scene, kills, requests)
        await scene.all_answered(60)
        row, verdict = scene.row("kill -9 at random")
    held(row, verdict)
    assert row.in_doubt <= (row.open_intents or 0)
