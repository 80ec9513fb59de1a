"""A cluster of three that loses one after the other: leaders and coordinators move, and nothing else happens."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient, CoordinationType
from typing_extensions import override

from devtools.broker import Cluster
from tests.faults.figures import PARTITIONS, sized
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
            parts = Parts()
            waits = [await without_one(scene, cluster, turn % 3, parts) for turn in range(sized(3, 6))]
            await scene.all_answered(120)
            assert [member.starts for member in scene.members] == [1, 1]
            note = f"going again after {max(waits):.1f} s at most; {parts}"
            row, verdict = scene.row("three brokers killed in turn", note)
    finally:
        await asyncio.to_thread(cluster.close)
    held(row, verdict)
    assert max(waits) < 30
    assert min(parts.led, parts.group, parts.transactions) > 0, "each part was lost at least once"


def started() -> Cluster:
    cluster = Cluster(3)
    cluster.start()
    return cluster


@dataclass
class Parts:
    """What those that were killed were at that moment, counted."""

    led: int = 0
    group: int = 0
    transactions: int = 0

    @override
    def __str__(self) -> str:
        return (
            f"killed as leader of {self.led} partitions, coordinator of the group {self.group} times, "
            f"of transactions of {self.transactions} partitions"
        )

    async def look(self, scene: Scene, broker: int) -> None:
        """Add what the broker of that number is now."""
        client: Any = AIOKafkaClient(bootstrap_servers=scene.plan.bootstrap)
        await client.bootstrap()
        try:
            topics = [f"{scene.name}.{kind}" for kind in ("requests", "outcomes", "parked")]
            cluster = await client.fetch_all_metadata()
            led = cluster.partitions_for_broker(broker) or ()
            self.led += sum(place.topic in topics for place in led)
            self.group += await client.coordinator_lookup(CoordinationType.GROUP, scene.group) == broker
            ids = [f"{scene.group}.{scene.topic}.{number}" for number in range(PARTITIONS)]
            found = [await client.coordinator_lookup(CoordinationType.TRANSACTION, one) for one in ids]
            self.transactions += found.count(broker)
        finally:
            await client.close()


async def without_one(scene: Scene, cluster: Cluster, turn: int, parts: Parts) -> float:
    """Kill it in the middle of a few hundred requests and start it again; seconds until outcomes came again."""
    answered = scene.outcomes.answered
    await scene.ask(300)
    await scene.reach(answered + 50, 90)
    await parts.look(scene, turn + 1)
    broker, killed = cluster.brokers[turn], time.monotonic()
    broker.kill()
    scene.injected += 1
    await scene.reach(scene.outcomes.answered + 50, 60)
    wait = time.monotonic() - killed
    await asyncio.to_thread(broker.start)
    return wait
