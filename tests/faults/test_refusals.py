"""What a consumer must not go on with: it ends with an error that names the fix, and loses nothing."""

import asyncio
import json
import time
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import OffsetAndMetadata

from devtools.broker import Broker
from devtools.runtimes import find_runtime
from tests.faults.figures import PARTITIONS, WITHIN
from tests.faults.harness import Plan, Scene, staged
from tests.faults.table import held

EX_SOFTWARE, EX_CONFIG = 70, 78


async def at_work_and_stopped(scene: Scene) -> None:
    """A group with a history, and nobody in it."""
    await scene.ask(60)
    await scene.all_answered(60)
    (member,) = scene.members
    await member.leave()


async def refused(scene: Scene, code: int = EX_SOFTWARE) -> str:
    """What it says, started again, before it ends."""
    (member,) = scene.members
    heard = len(member.said)
    member.start()
    assert await member.ended(), "it goes on"
    assert member.code == code
    assert sum(told.kind == "unknown" for told in scene.outcomes.all) == 0
    return member.said[heard:]


def small(folder: Path, broker: Broker) -> Plan:
    return Plan(folder, broker.bootstrap, members=1, limits={"t00": None}, static=False)


async def delete_offsets(broker: Broker, scene: Scene) -> None:
    """As an operator does it, with Kafka's own tool."""
    command = find_runtime().tool(
        "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        *("--bootstrap-server", broker.bootstrap, "--group", scene.group, "--delete-offsets", "--topic", scene.topic),
    )
    running = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT)
    said, _ = await asyncio.wait_for(running.communicate(), WITHIN)
    assert running.returncode == 0, said.decode()


@pytest.mark.timeout(120)
async def test_a_group_whose_offsets_were_deleted_is_refused_beside_outcomes(own_broker: Broker, folder: Path) -> None:
    async with staged(small(folder, own_broker)) as scene:
        await at_work_and_stopped(scene)
        await delete_offsets(own_broker, scene)
        assert set((await scene.positions()).values()) <= {-1}
        await scene.ask(30)
        said = await refused(scene)
        assert scene.outcomes.answered == 60, "nothing was taken, and nothing passed over"
    assert "the group has no offset, yet outcomes or parked requests are there" in said
    assert "reset them to where the group stood" in said


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
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("mine", id="of a foreign client"),
        pytest.param("3.n7f3.12.AwUEbAI=", id="of a version to come", marks=pytest.mark.slow),
        pytest.param("1.n7f3.AwUEbAI=", id="of before ticks had numbers", marks=pytest.mark.slow),
        pytest.param("1.n7f3.12.gA==", id="broken", marks=pytest.mark.slow),
    ],
)
async def test_metadata_that_is_not_ours_is_refused(own_broker: Broker, folder: Path, text: str) -> None:
    async with staged(small(folder, own_broker)) as scene:
        await at_work_and_stopped(scene)
        client: Any = AIOKafkaConsumer(bootstrap_servers=own_broker.bootstrap, group_id=scene.group)
        await client.start()
        positions = await scene.positions()
        places = {TopicPartition(scene.topic, partition): at for partition, at in positions.items()}
        client.assign(list(places))
        await client.commit({place: OffsetAndMetadata(at, text) for place, at in places.items()})
        await asyncio.wait_for(client.stop(), WITHIN)
        said = await refused(scene)
    assert "is not ours" in said
    assert "give it a group of its own" in said


@asynccontextmanager
async def administering(broker: Broker) -> AsyncGenerator[Any]:
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def park(scene: Scene, broker: Broker, key: bytes, value: bytes) -> None:
    """What somebody else writes to the topic that is ours alone."""
    client: Any = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await client.start()
    try:
        await client.send_and_wait(f"{scene.name}.parked", value, key=key, partition=0)
    finally:
        await asyncio.wait_for(client.stop(), WITHIN)


def entry(**others: object) -> bytes:
    """A parked entry that is due, as a consumer writes it."""
    now = time.time()
    return json.dumps(
        {
            "v": 1, "origin": [0, 5_000], "tenant": "t00", "id": "lost", "digest": "00", "due": now, "deadline": now + 3600,
            "reason": "retry", "attempts": 1, "answers": [], "response": None, "sent": [], "last": "transient",
        }
        | others
    ).encode()  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(b"mine", b"{}", id="of a foreign client"),
        pytest.param(b"5000", entry(v=2), id="of a version to come", marks=pytest.mark.slow),
        pytest.param(b"5000", b"\x00\xff", id="broken", marks=pytest.mark.slow),
    ],
)
async def test_a_parked_entry_that_is_not_ours_is_refused(
    own_broker: Broker, folder: Path, key: bytes, value: bytes
) -> None:
    async with staged(small(folder, own_broker)) as scene:
        await at_work_and_stopped(scene)
        await park(scene, own_broker, key, value)
        said = await refused(scene)
    assert "holds a record that is not ours" in said


@pytest.mark.timeout(120)
async def test_a_parked_entry_that_points_to_nothing_ends_in_an_outcome_and_holds_up_nobody(
    own_broker: Broker, folder: Path
) -> None:
    async with staged(small(folder, own_broker)) as scene:
        await at_work_and_stopped(scene)
        await park(scene, own_broker, b"5000", entry())
        (member,) = scene.members
        member.start()
        await scene.ask(20)
        assert await scene.outcomes.until(lambda: "0:5000" in scene.outcomes.origins, WITHIN)
        (lost,) = [told for told in scene.outcomes.all if told.origin == "0:5000"]
        await scene.all_answered(WITHIN)
        member.kill()
    assert (lost.kind, lost.body["status"]) == ("expired", 408)
    assert "no longer in the request topic" in lost.body["error"]


@pytest.mark.timeout(120)
async def test_an_outcome_topic_with_another_number_of_partitions_is_refused(own_broker: Broker, folder: Path) -> None:
    async with staged(small(folder, own_broker)) as scene:
        await at_work_and_stopped(scene)
        async with administering(own_broker) as admin:
            await admin.create_partitions({f"{scene.name}.outcomes": NewPartitions(PARTITIONS + 1)})
        said = await refused(scene, EX_CONFIG)
    assert "they must be equal" in said


@pytest.mark.timeout(120)
async def test_a_parked_topic_that_is_not_compacted_is_refused(own_broker: Broker, folder: Path) -> None:
    async with staged(small(folder, own_broker)) as scene:
        await at_work_and_stopped(scene)
        async with administering(own_broker) as admin:
            topic = f"{scene.name}.parked"
            await admin.alter_configs(
                [ConfigResource(ConfigResourceType.TOPIC, topic, configs={"cleanup.policy": "delete"})]
            )
        said = await refused(scene, EX_CONFIG)
    assert "is not compacted" in said
    assert "cleanup.policy=compact" in said


@pytest.mark.timeout(180)
async def test_two_processes_with_one_instance_id_end_with_the_fix_named_and_lose_nothing(
    own_broker: Broker, folder: Path
) -> None:
    async with staged(Plan(folder, own_broker.bootstrap, members=1, limits={"t00": None})) as scene:
        await scene.ask(60)
        await scene.all_answered(60)
        twin = scene.join(twin_of=scene.members[0])
        asking = asyncio.create_task(scene.ask(200))
        ended = [asyncio.create_task(member.ended()) for member in scene.members]
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        await asking
        told = [member for member in scene.members if not member.running]
        assert told, "both go on"
        assert all(member.code == EX_SOFTWARE for member in told)
        assert "CONSUMER_KAFKA__GROUP_INSTANCE_ID" in told[0].said
        assert twin.environment["CONSUMER_KAFKA__GROUP_INSTANCE_ID"] == "member-0"
        for member in told:
            await member.leave()
        if len(told) == len(scene.members):
            told[0].leaving = False
            told[0].start()
        await scene.all_answered(WITHIN)
        row, verdict = scene.row("two processes with one instance id")
    held(row, verdict)
