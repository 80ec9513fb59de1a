"""kill -9 of a consumer, at any moment and at named ones."""

import asyncio
from pathlib import Path

import pytest

from devtools.broker import Broker
from tests.faults.figures import SEEDS, sized
from tests.faults.harness import Plan, Scene, staged
from tests.faults.stages import behind_a_proxy
from tests.faults.table import held
from tests.faults.traps import OnEndTxn, Trap, trapped_relay


async def kill_at_random(scene: Scene, kills: int, requests: int) -> None:
    """One member at a time, each time when a random number of requests has its outcome."""
    asking = asyncio.create_task(scene.ask(requests))
    moments = sorted(scene.dice.sample(range(requests // 50, requests - requests // 20), kills))
    for moment in moments:
        await scene.reach(moment, 60)
        await scene.kill(scene.dice.choice(scene.members))
    await asking


@pytest.mark.timeout(sized(180, 3600))
@pytest.mark.parametrize("seed", SEEDS)
async def test_kill_9_at_random(own_broker: Broker, folder: Path, seed: int) -> None:
    kills, requests = sized((4, 2_000), (50, 100_000))
    async with staged(Plan(folder, own_broker.bootstrap, seed)) as scene:
        await kill_at_random(scene, kills, requests)
        await scene.all_answered(60)
        row, verdict = scene.row("kill -9 at random")
    held(row, verdict)
    assert row.in_doubt <= (row.open_intents or 0)


@pytest.mark.timeout(sized(120, 900))
@pytest.mark.parametrize(
    "point",
    [pytest.param("after MAIL", marks=pytest.mark.slow), "after the intent's commit", "after the dot", "after 250"],
)
async def test_kill_9_in_the_conversation(own_broker: Broker, folder: Path, point: str) -> None:
    trap = Trap()
    async with trapped_relay(point, trap, folder) as relay:
        plan = Plan(folder, own_broker.bootstrap, members=1, relay_port=relay.port)
        async with staged(plan) as scene:
            await kill_at_the_trap(scene, trap, sized(1, 20))
            row, verdict = scene.row(f"kill -9 {point}")
    held(row, verdict)
    assert row.in_doubt <= (row.open_intents or 0)


@pytest.mark.timeout(sized(120, 900))
@pytest.mark.parametrize(
    "point", [pytest.param("before EndTxn", marks=pytest.mark.slow), "inside EndTxn", "after EndTxn"]
)
async def test_kill_9_around_the_commit(folder: Path, point: str) -> None:
    """Dead before the broker hears of it; once it was asked to; and once it has decided, its answer on the way."""
    trap = Trap()
    async with (
        behind_a_proxy() as (proxy, broker),
        staged(Plan(folder, broker.bootstrap, members=1, consumer_bootstrap=proxy.address)) as scene,
    ):
        hook = OnEndTxn(trap, lost=point == "before EndTxn")
        if point == "after EndTxn":
            proxy.answer = hook
        else:
            proxy.request = hook
        await kill_at_the_trap(scene, trap, sized(1, 20))
        row, verdict = scene.row(f"kill -9 {point}")
    held(row, verdict)
    assert row.in_doubt <= (row.open_intents or 0)


async def kill_at_the_trap(scene: Scene, trap: Trap, kills: int) -> None:
    """Each time while a few requests are under way; at the end all have their outcome."""
    for _ in range(kills):
        await scene.ask(30)
        (member,) = scene.members
        await scene.reach(scene.asked - 25, 60)
        trap.arm(member.kill)
        await scene.ask(30)
        await trap.wait()
        await scene.kill(member)
    await scene.all_answered(60)
