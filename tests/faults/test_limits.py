"""Limits hold whatever happens, and nobody waits for another's."""

import asyncio
import time
from pathlib import Path

import pytest

from devtools.broker import Broker
from devtools.relay_script import Hang, Manner
from tests.faults.figures import sized
from tests.faults.harness import Plan, Scene, staged
from tests.faults.judge import Limit
from tests.faults.table import held
from tests.faults.traps import journalling


@pytest.mark.timeout(sized(180, 1800))
async def test_no_window_holds_more_than_its_limit(own_broker: Broker, folder: Path) -> None:
    limits = {f"t{number:02}": Limit(10, sized(1.0, 2.0)) for number in range(20)}
    async with staged(Plan(folder, own_broker.bootstrap, members=3, limits=limits)) as scene:
        requests = sized(1_000, 10_000)
        await scene.ask(requests)
        for number in range(1, sized(4, 20)):
            await scene.reach(number * requests // sized(5, 25), 90)
            await scene.kill(scene.dice.choice(scene.members))
        await scene.all_answered(90)
        row, verdict = scene.row("limits, keys random, members dying")
    held(row, verdict)


@pytest.mark.timeout(120)
async def test_a_slot_is_used_as_soon_as_it_is_free(own_broker: Broker, folder: Path) -> None:
    limit = Limit(10, 1.0)
    async with staged(Plan(folder, own_broker.bootstrap, limits={f"t{n:02}": limit for n in range(4)})) as scene:
        await scene.ask(400)
        await scene.all_answered(60)
        late = lateness(scene, limit)
        note = f"a free slot waited {late[len(late) // 2] * 1000:.0f} ms (median), {late[-1] * 1000:.0f} at most"
        row, verdict = scene.row("limits, nobody dying", note)
    held(row, verdict)
    assert late[len(late) // 2] < 0.5


def lateness(scene: Scene, limit: Limit) -> list[float]:
    """For each mail of a queue, how long its slot had been free."""
    late: list[float] = []
    for name in scene.plan.limits:
        times = sorted(mail.at for mail in scene.relay.taken() if mail.tenant == name)
        late += [times[n] - times[n - limit.count] - limit.per for n in range(limit.count, len(times))]
    return sorted(late)


@pytest.mark.timeout(sized(150, 900))
async def test_a_noisy_tenant_and_one_whose_relay_hangs_are_not_noticed(own_broker: Broker, folder: Path) -> None:
    names = ("quiet", "noisy", "hanging")
    async with journalling(folder, Manner("plain"), {"greeting": Hang()}) as dead:
        plan = Plan(
            folder,
            own_broker.bootstrap,
            limits=dict.fromkeys(names),
            about_tenants={"hanging": {"smtp_port": dead.port}},
        )
        async with staged(plan) as scene:
            await waited(scene, 5)
            alone = await waited(scene, 50)
            await scene.producer.send(scene.requests(50, ["hanging"]))
            await scene.producer.send(scene.requests(sized(1_000, 5_000), ["noisy"]))
            scene.injected = 2
            beside = await waited(scene, 50)
            forgotten = {origin for origin, tenant in scene.producer.tenants.items() if tenant == "hanging"}
            for origin in forgotten:
                del scene.producer.origins[origin]
            await scene.outcomes.until(lambda: scene.verdict().missing == (), 90)
            note = f"p99 of a quiet tenant {alone * 1000:.0f} ms alone, {beside * 1000:.0f} ms beside them"
            row, verdict = scene.row("noisy tenant 100:1, relay that hangs", note)
    held(row, verdict)
    assert beside < max(2 * alone, alone + 2.0)


async def waited(scene: Scene, number: int) -> float:
    """The 99th percentile of the time to an outcome, one request after the other in each of a few lanes."""
    times: list[float] = []

    async def lane() -> None:
        for _ in range(number // 5):
            began = time.monotonic()
            before = set(scene.producer.origins)
            await scene.producer.send(scene.requests(1, ["quiet"]))
            mine = set(scene.producer.origins) - before
            await scene.outcomes.until(lambda: mine <= scene.outcomes.origins, 60)  # noqa: B023  used at once
            times.append(time.monotonic() - began)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(5):
            lanes.create_task(lane())
    return sorted(times)[-1 - len(times) // 100]
