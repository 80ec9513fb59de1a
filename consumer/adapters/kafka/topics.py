"""The topics: making them, and saying what is wrong with those that are there.

Outcomes and parked entries lie under the partition number of their request, so the
numbers must be equal; requests must outlive whoever waits, outcomes the requests that
they answer; and nothing may be removed for its size, for then it goes at any age.
"""

# pyright: reportMissingTypeStubs=false

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from consumer.adapters.kafka.client import GONE_WRONG, stopped
from consumer.ports import UncertainError

_KEYS = ("cleanup.policy", "retention.ms", "retention.bytes")
_EXISTS = 36  # TOPIC_ALREADY_EXISTS: somebody else was faster
_VISIBLE_WITHIN = 15.0
_FOREVER = float("inf")
_DELETE, _COMPACT = frozenset(("delete",)), frozenset(("compact",))
_Admin: TypeAlias = Any  # the library has no types


class Topics(Protocol):
    """Their names, and how `create` makes them."""

    @property
    def requests(self) -> str: ...
    @property
    def outcomes(self) -> str: ...
    @property
    def parked(self) -> str: ...
    @property
    def suppressions(self) -> str: ...
    @property
    def feedback(self) -> str: ...
    @property
    def partitions(self) -> int: ...
    @property
    def replication_factor(self) -> int: ...
    @property
    def retention(self) -> timedelta: ...


class Work(Protocol):
    """What the topics must outlast."""

    @property
    def max_age(self) -> timedelta: ...
    @property
    def dedupe(self) -> timedelta: ...


class Suppression(Protocol):
    """Whether there is any."""

    @property
    def key(self) -> object: ...


class Wanted(Protocol):
    """The parts of the settings that speak of topics."""

    @property
    def suppression(self) -> Suppression: ...

    @property
    def topics(self) -> Topics: ...
    @property
    def work(self) -> Work: ...


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the broker describes it. Times are in seconds; without a bound they are infinite."""

    name: str
    partitions: int
    replicas: int
    policy: frozenset[str]
    retention: float
    bounded_size: bool


@dataclass(frozen=True, slots=True)
class Created:
    """What `create` made, and in what the topics differ from what is wanted, each with the way to mend it."""

    made: tuple[str, ...]
    differs: tuple[str, ...]


async def examine(wanted: Wanted, options: Mapping[str, Any], *, within: float = 30.0) -> tuple[tuple[str, ...], int]:
    """All problems of the topics, and how many partitions the requests have. Raises `UncertainError` if Kafka is away."""
    found = await describe(wanted, options, within=within)
    requests = found.get(wanted.topics.requests)
    return problems(wanted, found), requests.partitions if requests else 0


async def describe(wanted: Wanted, options: Mapping[str, Any], *, within: float = 30.0) -> Mapping[str, Topic]:
    """Those of our topics that are there, by name."""
    async with _admin(options, within) as admin:
        return await _described(admin, _names(wanted.topics))


async def partitions(names: tuple[str, ...], options: Mapping[str, Any], *, within: float = 30.0) -> Mapping[str, int]:
    """How many partitions those of these topics have that are there. Needs no leave to read their settings."""
    async with _admin(options, within) as admin:
        there = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    return {name: there[name] for name in names if name in there}


async def create(wanted: Wanted, options: Mapping[str, Any], *, within: float = 60.0) -> Created:
    """Makes the topics that are missing and leaves the others as they are."""
    names = _names(wanted.topics)
    async with _admin(options, within) as admin:
        there = await _described(admin, names)
        missing = [new for new in _new(wanted.topics) if new.name not in there]
        refused = await _created(admin, missing)
        made = tuple(new.name for new in missing if new.name not in refused)
        there = await _visible(admin, names, there.keys() | set(made))
    differs = (*refused.values(), *problems(wanted, there, all_of_them=True), *_unlike(wanted.topics, there))
    return Created(made, tuple(dict.fromkeys(differs)))


def problems(wanted: Wanted, found: Mapping[str, Topic], *, all_of_them: bool = False) -> tuple[str, ...]:
    """What would break a promise; suppressions and feedback may be missing as long as nothing uses them."""
    names = _names(wanted.topics)
    needed = names if all_of_them or wanted.suppression.key is not None else names[:3]
    lines = [
        f"topic {name} is missing: run `consumer topics create` (or this user may not see it)"
        for name in needed
        if name not in found
    ]
    requests, outcomes = found.get(wanted.topics.requests), found.get(wanted.topics.outcomes)
    for topic in (requests, outcomes):
        lines.extend(_of_a_history(topic) if topic else ())
    feedback = found.get(wanted.topics.feedback)
    if feedback and feedback.policy != _DELETE:
        mend = _alter(feedback, "cleanup.policy=delete")
        lines.append(f"topic {feedback.name} is compacted, which removes feedback that was not read yet: {mend}")
    for name in (wanted.topics.parked, wanted.topics.suppressions):
        lines.extend(_of_a_table(found[name]) if name in found else ())
    if requests:
        same = names[1:]
        lines.extend(_of_a_number(requests, [found[name] for name in same if name in found]))
        lines.extend(_too_short(requests, wanted.work.max_age.total_seconds(), "CONSUMER_WORK__MAX_AGE"))
    if outcomes:
        lines.extend(_too_short(outcomes, wanted.work.dedupe.total_seconds(), "CONSUMER_WORK__DEDUPE"))
    if requests and outcomes:
        lines.extend(_too_short(outcomes, requests.retention, f"the retention of {requests.name}"))
    return tuple(lines)


def _of_a_history(topic: Topic) -> Iterator[str]:
    if topic.policy != _DELETE:
        mend = _alter(topic, "cleanup.policy=delete")
        yield f"topic {topic.name} is compacted, which removes records that are still needed: {mend}"
    if topic.bounded_size:
        mend = _alter(topic, "retention.bytes=-1")
        yield f"topic {topic.name} has retention.bytes set, which removes records of any age: {mend}"


def _of_a_table(topic: Topic) -> Iterator[str]:
    if topic.policy != _COMPACT:
        mend = _alter(topic, "cleanup.policy=compact")
        yield f"topic {topic.name} is not compacted, or not only, so what is in it gets lost: {mend}"


def _of_a_number(requests: Topic, others: list[Topic]) -> Iterator[str]:
    for topic in others:
        if topic.partitions != requests.partitions:
            yield (
                f"topic {topic.name} has {topic.partitions} partitions and {requests.name} has {requests.partitions}:"
                f" they must be equal; before first use delete both and run `consumer topics create`,"
                f" later add partitions to the smaller one with kafka-topics.sh while no consumer runs"
            )


def _too_short(topic: Topic, least: float, of: str) -> Iterator[str]:
    if topic.retention < least:
        needed = -1 if least == _FOREVER else round(least * 1000)
        yield (
            f"topic {topic.name} keeps records for {topic.retention:g} s, which is shorter than {of}:"
            f" {_alter(topic, f'retention.ms={needed}')}"
        )


def _alter(topic: Topic, setting: str) -> str:
    return f"kafka-configs.sh --alter --entity-type topics --entity-name {topic.name} --add-config {setting}"


def _unlike(topics: Topics, found: Mapping[str, Topic]) -> Iterator[str]:
    """What was there before and is otherwise than we would have made it; it works all the same."""
    for topic in found.values():
        if topic.partitions != topics.partitions:
            yield f"topic {topic.name} has {topic.partitions} partitions, CONSUMER_TOPICS__PARTITIONS is {topics.partitions}"
        if topic.replicas != topics.replication_factor:
            yield (
                f"topic {topic.name} has {topic.replicas} replicas,"
                f" CONSUMER_TOPICS__REPLICATION_FACTOR is {topics.replication_factor}"
            )


def _names(topics: Topics) -> tuple[str, ...]:
    return topics.requests, topics.outcomes, topics.parked, topics.suppressions, topics.feedback


def _new(topics: Topics) -> Iterator[NewTopic]:
    kept = str(round(topics.retention.total_seconds() * 1000))
    history = {"cleanup.policy": "delete", "retention.ms": kept, "retention.bytes": "-1"}
    table = {"cleanup.policy": "compact"}
    for name in _names(topics):
        settings = table if name in {topics.parked, topics.suppressions} else history
        yield NewTopic(name, topics.partitions, topics.replication_factor, topic_configs=settings)


@asynccontextmanager
async def _admin(options: Mapping[str, Any], within: float) -> AsyncGenerator[_Admin]:
    admin: _Admin = AIOKafkaAdminClient(**options)
    try:
        async with asyncio.timeout(within):
            await admin.start()
            yield admin
    except GONE_WRONG as error:
        raise UncertainError(f"Kafka cannot be reached, or did not answer in time: {type(error).__name__}") from error
    finally:
        await stopped(admin.close(), 2.0)


async def _described(admin: _Admin, names: tuple[str, ...]) -> dict[str, Topic]:
    # All topics are asked for: a question by name would have a broker make the missing ones, its own way.
    there = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics()}
    ours = [name for name in names if name in there]
    settings = await _settings(admin, ours)
    return {name: _topic(name, there[name], settings[name]) for name in ours}


async def _settings(admin: _Admin, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(_KEYS, "")) for name in names]
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(asked):
        for code, _, _, name, entries in answer.resources:
            if code:
                raise for_code(code)
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


def _topic(name: str, partitions: list[Any], settings: Mapping[str, str]) -> Topic:
    policy = frozenset(part.strip() for part in settings["cleanup.policy"].split(","))
    kept = int(settings["retention.ms"])
    return Topic(
        name,
        len(partitions),
        min((len(partition["replicas"]) for partition in partitions), default=0),
        policy,
        _FOREVER if kept < 0 or "delete" not in policy else kept / 1000,
        int(settings["retention.bytes"]) >= 0,
    )


async def _created(admin: _Admin, missing: list[NewTopic]) -> dict[str, str]:
    """The topics that could not be made, with why."""
    if not missing:
        return {}
    answer = await admin.create_topics(missing)
    return {
        name: f"topic {name} could not be created: {for_code(code).__name__}"
        for name, code, *_ in answer.topic_errors
        if code not in {0, _EXISTS}
    }


async def _visible(admin: _Admin, names: tuple[str, ...], expected: set[str]) -> dict[str, Topic]:
    """The topics, once all that were made are known: a broker hears of a new one a little later."""
    async with asyncio.timeout(_VISIBLE_WITHIN):
        while True:
            there = await _described(admin, names)
            if expected <= there.keys():
                return there
            await asyncio.sleep(0.1)
