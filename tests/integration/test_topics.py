"""The topics on a real broker."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from consumer.adapters.kafka import topics
from consumer.ports import UncertainError


@dataclass(frozen=True)
class Names:
    prefix: str
    partitions: int = 2
    replication_factor: int = 1
    retention: timedelta = timedelta(days=7)

    @property
    def requests(self) -> str:
        return f"{self.prefix}.requests"

    @property
    def outcomes(self) -> str:
        return f"{self.prefix}.outcomes"

    @property
    def parked(self) -> str:
        return f"{self.prefix}.parked"

    @property
    def suppressions(self) -> str:
        return f"{self.prefix}.suppressions"

    @property
    def feedback(self) -> str:
        return f"{self.prefix}.feedback"


@dataclass(frozen=True)
class Work:
    max_age: timedelta = timedelta(hours=24)
    dedupe: timedelta = timedelta(hours=24)


@dataclass(frozen=True)
class Suppression:
    key: str | None = None


@dataclass(frozen=True)
class Wanted:
    topics: Names = field(default_factory=lambda: Names(uuid.uuid4().hex[:8]))
    work: Work = Work()
    suppression: Suppression = Suppression()


@pytest.fixture
def options(broker: str) -> Mapping[str, Any]:
    return {"bootstrap_servers": broker}


async def test_topics_that_were_created_are_right(options: Mapping[str, Any]) -> None:
    wanted = Wanted()
    created = await topics.create(wanted, options)
    assert len(created.made) == 5
    assert created.differs == ()
    assert await topics.examine(wanted, options) == ((), 2)


async def test_creating_twice_changes_nothing(options: Mapping[str, Any]) -> None:
    wanted = Wanted()
    await topics.create(wanted, options)
    assert await topics.create(wanted, options) == topics.Created((), ())


async def test_other_partition_counts_are_told_and_left(options: Mapping[str, Any]) -> None:
    wanted = Wanted()
    await topics.create(wanted, options)
    created = await topics.create(Wanted(Names(wanted.topics.prefix, partitions=3)), options)
    assert created.made == ()
    assert len(created.differs) == 5
    assert all("has 2 partitions, CONSUMER_TOPICS__PARTITIONS is 3" in line for line in created.differs)


async def test_what_the_broker_refuses_is_told(options: Mapping[str, Any]) -> None:
    wanted = Wanted(Names(uuid.uuid4().hex[:8], replication_factor=9))
    created = await topics.create(wanted, options)
    assert created.made == ()
    assert "could not be created: InvalidReplicationFactorError" in created.differs[0]


async def test_missing_topics_are_told_and_not_made_by_asking(options: Mapping[str, Any]) -> None:
    wanted = Wanted()
    found, partitions = await topics.examine(wanted, options)
    assert partitions == 0
    names = (wanted.topics.requests, wanted.topics.outcomes, wanted.topics.parked)
    assert found == tuple(
        f"topic {name} is missing: run `consumer topics create` (or this user may not see it)" for name in names
    )
    assert await topics.describe(wanted, options) == {}


async def test_with_suppression_on_its_topics_have_to_be_there(options: Mapping[str, Any]) -> None:
    wanted = Wanted(suppression=Suppression("x" * 16))
    found, _ = await topics.examine(wanted, options)
    assert len(found) == 5
    assert (
        f"topic {wanted.topics.feedback} is missing: run `consumer topics create` (or this user may not see it)"
        in found
    )
    assert (
        f"topic {wanted.topics.suppressions} is missing: run `consumer topics create` (or this user may not see it)"
        in found
    )


@pytest.mark.parametrize(
    ("topic", "settings", "said"),
    [
        ("requests", {"retention.ms": "3600000"}, "shorter than CONSUMER_WORK__MAX_AGE"),
        ("requests", {"retention.bytes": "1000000"}, "has retention.bytes set"),
        ("requests", {"cleanup.policy": "compact"}, "is compacted"),
        ("requests", {"retention.ms": "-1"}, "shorter than the retention of"),
        ("outcomes", {"retention.ms": "3600000"}, "shorter than CONSUMER_WORK__DEDUPE"),
        ("outcomes", {"retention.bytes": "1000000"}, "has retention.bytes set"),
        ("feedback", {"cleanup.policy": "compact"}, "is compacted"),
        ("parked", {"cleanup.policy": "delete"}, "is not compacted, or not only"),
        ("parked", {"cleanup.policy": "compact,delete"}, "is not compacted, or not only"),
        ("suppressions", {"cleanup.policy": "delete"}, "is not compacted, or not only"),
    ],
)
async def test_what_would_break_a_promise_is_told_with_the_way_to_mend_it(
    options: Mapping[str, Any], admin: AIOKafkaAdminClient, topic: str, settings: dict[str, str], said: str
) -> None:
    wanted = Wanted()
    name: str = getattr(wanted.topics, topic)
    await admin.create_topics([NewTopic(name, 2, 1, topic_configs=settings)])
    await topics.create(wanted, options)
    (found, *_), _ = await topics.examine(wanted, options)
    assert said in found
    assert "kafka-configs.sh --alter" in found


async def test_unequal_partition_counts_are_told(options: Mapping[str, Any], admin: AIOKafkaAdminClient) -> None:
    wanted = Wanted()
    await admin.create_topics([NewTopic(wanted.topics.outcomes, 1, 1)])
    await topics.create(wanted, options)
    (found,), _ = await topics.examine(wanted, options)
    assert "has 1 partitions and" in found


async def test_a_broker_that_is_away_is_told() -> None:
    with pytest.raises(UncertainError):
        await topics.examine(Wanted(), {"bootstrap_servers": "127.0.0.1:1"}, within=5)
