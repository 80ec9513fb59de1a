"""A broker that dies, freezes, or keeps its answers to itself."""

import asyncio
import time
from pathlib import Path

import pytest

from devtools.broker import Broker
from tests.faults.figures import sized
from tests.faults.harness import Plan, Scene, staged
from tests.faults.stages import behind_a_proxy
from tests.faults.table import held
from tests.faults.traps import Holding

EX_SOFTWARE = 70


async def going_again(scene: Scene) -> float:
    """Seconds until the next outcome."""
    began, answered = time.monotonic(), scene.outcomes.answered
    await scene.ask(50)
    await scene.reach(answered + 1, 60)
    return time.monotonic() - began


async def bulk(scene: Scene) -> float:
    """Megabytes of the biggest consumer."""
    return max(member.megabytes() for member in scene.members)


@pytest.mark.timeout(sized(180, 900))
@pytest.mark.parametrize("accident", ["kill -9", "SIGSTOP"])
async def test_a_broker_that_was_away_costs_nothing_but_time(folder: Path, accident: str) -> None:
    with Broker() as broker:
        async with staged(Plan(folder, broker.bootstrap)) as scene:
            await scene.ask(200)
            await scene.all_answered(60)
            before, waits = await bulk(scene), [0.0]
            for _ in range(sized(1, 5)):
                await strike(scene, broker, accident)
                waits.append(await going_again(scene))
                await scene.all_answered(90)
            grown = await bulk(scene) - before
            note = f"going again after {max(waits):.1f} s, memory +{grown:.0f} MB"
            row, verdict = scene.row(f"broker {accident}", note)
            assert [member.starts for member in scene.members] == [1, 1]
    held(row, verdict)
    assert max(waits) < 20
    assert grown < 50


async def strike(scene: Scene, broker: Broker, accident: str) -> None:
    """In the middle of a few hundred requests."""
    answered = scene.outcomes.answered
    await scene.ask(400)
    await scene.reach(answered + 100, 60)
    scene.injected += 1
    if accident == "kill -9":
        broker.kill()
        await asyncio.sleep(2)
        await asyncio.to_thread(broker.start)
    else:
        broker.freeze()
        await asyncio.sleep(sized(8, 60))
        broker.thaw()


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_who_does_not_get_on_is_not_ready_and_ends_at_last(folder: Path) -> None:
    soon = {"CONSUMER_WORK__UNREADY_AFTER": "3s", "CONSUMER_WORK__EXIT_AFTER": "15s"}
    with Broker() as broker:
        async with staged(Plan(folder, broker.bootstrap, members=1, settings=soon)) as scene:
            (member,) = scene.members
            await scene.ask(100)
            await scene.all_answered(60)
            assert await member.ready()
            await scene.ask(400)
            await scene.reach(150, 60)
            broker.freeze()
            scene.injected = 1
            frozen = time.monotonic()
            while await member.ready():  # noqa: ASYNC110  bounded by the test's own limit
                await asyncio.sleep(0.2)
            unready = time.monotonic() - frozen
            assert member.running
            assert await member.ended()
            ended = time.monotonic() - frozen
            broker.thaw()
            assert member.code == EX_SOFTWARE
            member.start()
            await scene.all_answered(90)
            row, verdict = scene.row("no progress", f"not ready after {unready:.1f} s, ended after {ended:.1f}")
    held(row, verdict)
    assert "CONSUMER_WORK__EXIT_AFTER" in member.said


@pytest.mark.timeout(sized(180, 900))
async def test_an_answer_to_end_txn_that_does_not_come_tears_nothing(folder: Path) -> None:
    holding = Holding(sized(10.0, 60.0))
    async with (
        behind_a_proxy() as (proxy, broker),
        staged(Plan(folder, broker.bootstrap, consumer_bootstrap=proxy.address)) as scene,
    ):
        proxy.answer = holding
        for _ in range(sized(1, 5)):
            answered = scene.outcomes.answered
            await scene.ask(200)
            await scene.reach(answered + 50, 60)
            holding.left = 1
            await scene.ask(200)
            await scene.all_answered(90)
        scene.injected = holding.held
        row, verdict = scene.row("EndTxn answered late")
    held(row, verdict)
