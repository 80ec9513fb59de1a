"""Limits hold whatever happens, and a slot is used as soon as it is free."""

from pathlib import Path

import pytest

from devtools.broker import Broker
from tests.faults.figures import sized
from tests.faults.harness import Plan, Scene, staged
from tests.faults.judge import Limit
from tests.faults.table import held


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
    assert late[len(late) // 2] < 0.1
    assert late[-1 - len(late) // 100] < 0.5


def lateness(scene: Scene, limit: Limit) -> list[float]:
    """For each mail of a queue, how long its slot had been free."""
    late: list[float] = []
    for name in scene.plan.limits:
        times = sorted(mail.at for mail in scene.relay.taken() if mail.tenant == name)
        late += [times[n] - times[n - limit.count] - limit.per for n in range(limit.count, len(times))]
    return sorted(late)
