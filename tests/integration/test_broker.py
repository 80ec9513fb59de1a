"""The Kafka that the other tests stand on: real, complete, and gone when its owner is."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from devtools.broker import Broker
from devtools.runtimes import java_version, variable
from tests.conftest import Topics

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def own() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


@pytest.fixture
def foreground() -> Iterator[subprocess.Popen[str]]:
    """`python -m devtools.broker`, once its broker answers."""
    command = [sys.executable, "-m", "devtools.broker"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("127.0.0.1:")
        yield process
        process.kill()


async def _produce(bootstrap: str, topic: str, *values: bytes, transactional_id: str | None = None) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=transactional_id)
    await producer.start()
    if transactional_id:
        await producer.begin_transaction()
    for value in values:
        await producer.send_and_wait(topic, value, partition=0)
    return producer


async def _read(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    """The first `count` records of a topic's partition 0, as read_committed readers see them."""
    partition = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="none"
    ) as consumer:
        consumer.assign([partition])
        consumer.seek(partition, 0)
        return [(await consumer.getone()).value for _ in range(count)]


def _children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def _ended(pid: int, within: float) -> bool:
    """Wait for the end of a process that is not our child."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], within)[0])
    finally:
        os.close(watched)


async def test_what_is_produced_is_consumed(broker: str, topics: Topics) -> None:
    topic = await topics("plain")
    producer = await _produce(broker, topic, b"one", b"two")
    await producer.stop()
    assert await _read(broker, topic, 2) == [b"one", b"two"]


async def test_a_committed_transaction_is_read_and_an_aborted_one_is_not(broker: str, topics: Topics) -> None:
    topic = await topics("transactions")
    producer = await _produce(broker, topic, b"aborted", transactional_id=topic)
    await producer.abort_transaction()
    await producer.begin_transaction()
    await producer.send_and_wait(topic, b"committed", partition=0)
    await producer.commit_transaction()
    await producer.stop()
    assert await _read(broker, topic, 1) == [b"committed"]


async def test_a_topic_has_the_partitions_that_were_asked_for(broker: str, topics: Topics) -> None:
    topic = await topics("wide", partitions=6)
    async with AIOKafkaConsumer(topic, bootstrap_servers=broker) as consumer:
        assert consumer.partitions_for_topic(topic) == {0, 1, 2, 3, 4, 5}


async def test_killed_and_started_again_it_has_its_address_and_its_records(own: Broker) -> None:
    own.start()
    before, address = own.pid, own.bootstrap
    await _make_topic(own, "kept")
    producer = await _produce(own.bootstrap, "kept", b"still here")
    await producer.stop()
    own.kill()
    own.start()
    assert own.pid != before
    assert own.bootstrap == address
    assert await _read(own.bootstrap, "kept", 1) == [b"still here"]


async def _make_topic(broker: Broker, name: str) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await client.start()
    await client.create_topics([NewTopic(name, 1, 1)])
    await client.close()


async def test_frozen_it_answers_nothing_and_thawed_it_goes_on(own: Broker) -> None:
    own.freeze()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await _make_topic(own, "frozen")
    own.thaw()
    own.wait_until_ready()


def test_closed_it_leaves_no_process_and_no_data() -> None:
    with Broker() as broker:
        pid, directory = broker.pid, broker.directory
        assert directory.exists()
    assert _ended(pid, within=0)
    assert not directory.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_in_the_foreground_it_ends_in_order(foreground: subprocess.Popen[str], number: signal.Signals) -> None:
    (java,) = _children(foreground.pid)
    foreground.send_signal(number)
    assert foreground.wait(20) == 130
    assert _ended(java, within=0)


def test_an_owner_ended_by_kill_9_leaves_no_broker(foreground: subprocess.Popen[str]) -> None:
    (java,) = _children(foreground.pid)
    foreground.kill()
    foreground.wait(5)
    assert _ended(java, within=10)


def test_the_image_and_the_jars_are_of_one_version() -> None:
    image: str = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["kafka"]["image"]
    assert f"<kafka.version>{image.partition(':')[2]}<" in (ROOT / "devtools/kafka/pom.xml").read_text()


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("log.dirs", "KAFKA_LOG_DIRS"),
        ("process.roles", "KAFKA_PROCESS_ROLES"),
        ("a_b-c.d", "KAFKA_A__B___C_D"),
    ],
)
def test_a_property_is_named_as_the_image_wants_it(key: str, name: str) -> None:
    assert variable(key) == name


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("java: command not found", 0),
    ],
)
def test_the_version_of_java_is_read(said: str, version: int) -> None:
    assert java_version(said) == version


def test_without_java_maven_or_docker_the_error_names_them_all(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "devtools.broker"]
    environment = {"PATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert done.stderr == (
        "No Kafka can be started here. One of these would do:\n"
        "  - Docker: install it (there is no `docker` command)\n"
        "  - Java 17 or newer, with Maven: install them (there is no `java` command)\n"
    )
