"""What others do is not noticed: a tenant that sends a hundred times as much, a relay that hangs, thousands that wait."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from consumer.adapters.kafka.homes import homes
from devtools.broker import Broker
from devtools.relay_script import Hang, Manner
from tests.faults.figures import PARTITIONS, sized
from tests.faults.harness import Plan, Scene, staged
from tests.faults.judge import Limit
from tests.faults.kafka_side import Request, committed
from tests.faults.table import held
from tests.faults.traps import journalling

RATE = 3.0
"""Requests a second of the quiet tenant."""

SECONDS = sized(10.0, 60.0)

FLOODING = next(
    name
    for name in (f"noisy-{number}" for number in range(100))
    if homes(PARTITIONS)(name) == homes(PARTITIONS)("quiet")
)
"""A tenant in the home of the quiet one."""


@asynccontextmanager
async def neighbours(folder: Path, broker: Broker) -> AsyncGenerator[Scene]:
    """A quiet tenant, a noisy one, one that may send ten an hour, and one whose relay takes connections and says nothing."""
    async with journalling(folder, Manner("plain"), {"greeting": Hang()}) as dead:
        limits = {"quiet": None, "noisy": None, "waiting": Limit(10, 3_600.0), "hanging": None}
        about = {"hanging": {"smtp_port": dead.port}}
        async with staged(Plan(folder, broker.bootstrap, limits=limits, about_tenants=about)) as scene:
            await waits(scene, 2.0)
            yield scene


async def waits(scene: Scene, seconds: float) -> list[float]:
    """How long each request of the quiet tenant takes, from its producer to a reader of its outcome, in order of length."""
    asked: dict[str, float] = {}
    until = time.monotonic() + seconds
    while (began := time.monotonic()) < until:
        before = set(scene.producer.origins)
        await scene.ask(1, ["quiet"])
        mine = {
            origin for origin in scene.producer.origins.keys() - before if scene.producer.tenants[origin] == "quiet"
        }
        asked |= dict.fromkeys(mine, began)
        await asyncio.sleep(max(0.0, began + 1 / RATE - time.monotonic()))
    assert await scene.outcomes.until(lambda: asked.keys() <= scene.outcomes.origins, 60)
    return sorted(told.seen - asked[told.origin] for told in scene.outcomes.all if told.origin in asked)


def p99(times: Sequence[float]) -> float:
    return times[-1 - len(times) // 100]


def unnoticed(alone: Sequence[float], beside: Sequence[float]) -> None:
    """On two cores that all share, one in a hundred also waits for the processor: the table tells how long."""
    assert beside[len(beside) // 2] < 2 * alone[len(alone) // 2]
    assert p99(beside) < 2 * p99(alone) + 2.0


def told(alone: Sequence[float], beside: Sequence[float]) -> str:
    middles = (one[len(one) // 2] * 1000 for one in (alone, beside))
    ends = (p99(one) * 1000 for one in (alone, beside))
    return "p50 {:.0f} ms alone, {:.0f} beside them; p99 {:.0f} and {:.0f}".format(*middles, *ends)


async def noise(scene: Scene, seconds: float) -> None:
    """A hundred requests for each of the quiet tenant's, in small helpings."""
    until = time.monotonic() + seconds
    while (began := time.monotonic()) < until:
        await scene.ask(round(RATE * 10), ["noisy"])
        await asyncio.sleep(max(0.0, began + 0.1 - time.monotonic()))


@pytest.mark.timeout(sized(150, 900))
async def test_a_noisy_tenant_and_one_whose_relay_hangs_are_not_noticed(own_broker: Broker, folder: Path) -> None:
    async with neighbours(folder, own_broker) as scene:
        alone = await waits(scene, SECONDS)
        await scene.ask(50, ["hanging"])
        making = asyncio.create_task(noise(scene, SECONDS))
        scene.injected = 2
        beside = await waits(scene, SECONDS)
        await making
        scene.forget("hanging")
        assert await scene.outcomes.until(lambda: scene.verdict().missing == (), 90)
        row, verdict = scene.row("noisy tenant 100:1, relay that hangs", told(alone, beside))
    held(row, verdict)
    unnoticed(alone, beside)


@pytest.mark.slow
@pytest.mark.timeout(sized(150, 900))
async def test_thousands_that_wait_are_not_noticed(own_broker: Broker, folder: Path) -> None:
    parked = sized(1_000, 5_000)
    async with neighbours(folder, own_broker) as scene:
        alone = await waits(scene, SECONDS)
        await scene.ask(parked + 10, ["waiting"])
        await scene.until_parked(parked, 60)
        scene.injected = 1
        beside = await waits(scene, SECONDS)
        scene.forget("waiting")
        row, verdict = scene.row(f"{parked:,} parked of one tenant", told(alone, beside))
    held(row, verdict)
    unnoticed(alone, beside)


@asynccontextmanager
async def housemates(folder: Path, broker: Broker, members: int) -> AsyncGenerator[Scene]:
    """A quiet tenant and one that floods, who live in the same partition, and a relay that is 20 ms away."""
    limits: dict[str, Limit | None] = {"quiet": None, FLOODING: None}
    async with staged(Plan(folder, broker.bootstrap, limits=limits, latency=20, members=members)) as scene:
        await waits(scene, 2.0)
        yield scene


async def flood(scene: Scene) -> int:
    """It stands in a row in the partition, before anything that comes later."""
    number = sized(6_000, 20_000)
    home = homes(PARTITIONS)(FLOODING)
    await scene.producer.send([Request(f"f-{number}", FLOODING, home) for number in range(number)])
    return number


@pytest.mark.slow
@pytest.mark.timeout(sized(150, 900))
async def test_a_one_time_password_behind_a_flood_in_its_partition_does_not_wait_for_the_end(
    own_broker: Broker, folder: Path
) -> None:
    """It waited for 51.7 s behind 20,000 mails, of which no more than 1,500 were read ahead."""
    async with housemates(folder, own_broker, members=1) as scene:
        alone = await waits(scene, SECONDS)
        began = time.monotonic()
        number = await flood(scene)
        scene.injected = 1
        beside = await waits(scene, SECONDS / 2)
        await scene.all_answered(180)
        gone = max(one.seen for one in scene.outcomes.all) - began
        note = f"{told(alone, beside)}; gone after {gone:.1f} s"
        row, verdict = scene.row(f"flood of {number:,} at once in the same partition", note)
    held(row, verdict)
    unnoticed(alone, beside)
    assert beside[-1] < gone / 2


@pytest.mark.timeout(sized(150, 900))
async def test_kill_9_while_a_flood_is_overtaken(own_broker: Broker, folder: Path) -> None:
    async with housemates(folder, own_broker, members=2) as scene:
        number = await flood(scene)
        home = homes(PARTITIONS)(FLOODING)
        for _ in range(sized(2, 10)):
            await waits(scene, 2.0)
            _, metadata = (await committed(own_broker.bootstrap, scene.group, scene.topic))[home]
            assert metadata.overtaken
            await scene.kill(next(one for one in scene.members if home in one.assigned))
        await waits(scene, 2.0)
        await scene.all_answered(180)
        row, verdict = scene.row(f"kill -9 in a flood of {number:,} that is overtaken")
    held(row, verdict)
    assert row.in_doubt <= (row.open_intents or 0)
