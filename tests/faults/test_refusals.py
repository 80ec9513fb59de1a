"""What a consumer must not go on with: it ends with an error that names the fix, and loses nothing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import OffsetAndMetadata

from devtools.broker import Broker
from tests.faults.figures import PARTITIONS, WITHIN
from tests.faults.harness import Plan, Scene, staged

EX_SOFTWARE = 70


async def at_work_and_stopped(scene: Scene) -> None:
    """A group with a history, and nobody in it."""
    await scene.ask(60)
    await scene.all_answered(60)
    (member,) = scene.members
    await member.leave()


async def refused(scene: Scene) -> str:
    """What it says, started again, before it ends."""
    (member,) = scene.members
    heard = len(member.said)
    member.start()
    assert await member.ended(), "it goes on"
    assert member.code == EX_SOFTWARE
    assert sum(told.kind == "unknown" for told in scene.outcomes.all) == 0
    return member.said[heard:]


def small(folder: Path, broker: Broker) -> Plan:
    return Plan(folder, broker.bootstrap, members=1, limits={"t00": None}, static=False)


@pytest.mark.timeout(120)
async def test_a_group_without_offsets_beside_outcomes_is_refused(own_broker: Broker, folder: Path) -> None:
    async with staged(small(folder, own_broker)) as scene:
        await at_work_and_stopped(scene)
        (member,) = scene.members
        member.environment = {**member.environment, "CONSUMER_KAFKA__GROUP_ID": f"{scene.group}-2"}
        said = await refused(scene)
    assert "the group has no offset, yet outcomes or parked requests are there" in said


@pytest.mark.timeout(120)
async def test_requests_that_were_deleted_unread_are_refused(own_broker: Broker, folder: Path) -> None:
    async with staged(small(folder, own_broker)) as scene:
        await at_work_and_stopped(scene)
        await scene.ask(120)
        admin = AIOKafkaAdminClient(bootstrap_servers=own_broker.bootstrap)
        await admin.start()
        places = [TopicPartition(scene.topic, number) for number in range(PARTITIONS)]
        await admin.delete_records({place: RecordsToDelete(before_offset=-1) for place in places})
        await admin.close()
        said = await refused(scene)
    assert "is outside the topic" in said


@pytest.mark.timeout(120)
async def test_metadata_of_another_client_is_refused(own_broker: Broker, folder: Path) -> None:
    async with staged(small(folder, own_broker)) as scene:
        await at_work_and_stopped(scene)
        client: Any = AIOKafkaConsumer(bootstrap_servers=own_broker.bootstrap, group_id=scene.group)
        await client.start()
        positions = await scene.positions()
        places = {TopicPartition(scene.topic, partition): at for partition, at in positions.items()}
        client.assign(list(places))
        await client.commit({place: OffsetAndMetadata(at, "mine") for place, at in places.items()})
        await asyncio.wait_for(client.stop(), WITHIN)
        said = await refused(scene)
    assert "is not ours" in said
