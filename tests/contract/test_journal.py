"""What every journal promises, over Kafka and in memory: whole ticks, one owner, and all of it read back."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import astuple, dataclass, replace
from math import inf

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError

from consumer.adapters.clock import SystemClock
from consumer.adapters.kafka.client import Cluster, Names
from consumer.adapters.kafka.journal import KafkaJournal
from consumer.adapters.kafka.reader import record_of
from consumer.adapters.memory_kafka import MemoryJournal, MemoryKafka
from consumer.core.encode import outcome_event
from consumer.core.ending import Concluded
from consumer.core.ids import Use, fingerprint
from consumer.core.metadata import Metadata
from consumer.core.outcome import (
    Accepted,
    Failed,
    Invalid,
    Outcome,
    RateLimited,
    Subject,
    Unknown,
    Validated,
)
from consumer.core.parking import Entry, Progress, Reason
from consumer.core.record import Coordinates, Headers, Record
from consumer.core.reply import BLOCKED, Reply
from consumer.core.suppression import OWN, Kind, Remembered, Suppression
from consumer.core.suppression_list import Gathered, Listed
from consumer.core.tick import Tick
from consumer.ports import FencedError, Journal, UncertainError
from tests.builders import metadata_text

NOW = SystemClock().now
DIGEST = b"\x07" * 16
ORIGIN = Coordinates(1, 5)
SUBJECT = Subject(Coordinates(0, 3), ORIGIN, "acme", "r-1", "email.send-email.v1")


@dataclass
class Owners:
    """Makes journals, each as another process has it; and shows what a partition of the request topic holds."""

    another: Callable[[], Journal]
    requests: Callable[[int], Awaitable[list[Record]]]


@asynccontextmanager
async def in_memory(_: pytest.FixtureRequest) -> AsyncIterator[Owners]:
    kafka = MemoryKafka(2)

    async def requests(partition: int) -> list[Record]:
        return kafka.requests[partition]

    yield Owners(lambda: MemoryJournal(kafka, NOW), requests)


@asynccontextmanager
async def on_kafka(request: pytest.FixtureRequest) -> AsyncIterator[Owners]:
    bootstrap: str = request.getfixturevalue("broker")
    prefix = f"j{uuid.uuid4().hex[:8]}"
    kinds = ("requests", "outcomes", "parked", "suppressions", "feedback")
    requests, outcomes, parked, suppressions, feedback = (f"{prefix}.{kind}" for kind in kinds)
    names = Names(requests, outcomes, parked, f"{prefix}-group", suppressions, feedback)
    await _make(bootstrap, names)
    journals: list[KafkaJournal] = []

    def another() -> Journal:
        journals.append(KafkaJournal(Cluster(bootstrap), names, encode=_encode, now=NOW, transaction_timeout=10.0))
        return journals[-1]

    yield Owners(another, lambda partition: _records(bootstrap, names.requests, partition))
    for journal in journals:
        await journal.aclose()


@pytest.fixture(params=[pytest.param(on_kafka, marks=pytest.mark.broker), in_memory], ids=["kafka", "memory"])
async def owners(request: pytest.FixtureRequest) -> AsyncIterator[Owners]:
    opened: AbstractAsyncContextManager[Owners] = request.param(request)
    async with opened as made:
        yield made


def tick(number: int = 1, position: int = 4, *, unsettled: tuple[int, ...] = (), **more: object) -> Tick:
    metadata = metadata_text(Metadata("nonce", number, unsettled, ()), position)
    return Tick(number, position, metadata, **more)  # pyright: ignore[reportArgumentType]


def suppression(mark: bytes, until: float) -> Listed:
    events = (Remembered(1_700_000_000, Kind.BOUNCE, b"\x01" * 8), Remembered(1_700_000_060, Kind.BOUNCE, OWN))
    known = Suppression(Kind.BOUNCE, "5.1.1", 1_700_000_000, 1_700_000_060, until, 2, 0, events)
    return Listed(mark, known, "acme", "0a1b2c3d")


def entry(offset: int = 3) -> Entry:
    progress = Progress(
        2, ((0, Reply(250, "", "2.1.5")), (1, BLOCKED)), Reply(250, ""), ((NOW(), 1),), "rcpt 450 4.2.1"
    )
    return Entry(offset, ORIGIN, "acme", "r-1", DIGEST, NOW() + 60, NOW() + 3600, Reason.RETRY, progress)


async def test_where_nobody_ever_was_there_is_no_position(owners: Owners) -> None:
    opened = await owners.another().open(0)
    assert (opened.position, opened.beginning) == (None, 0)


async def test_the_next_owner_reads_back_what_the_last_one_committed(owners: Owners) -> None:
    journal = owners.another()
    await journal.open(0)
    await journal.commit(0, tick(1, 3))
    await journal.commit(0, tick(2, 4, unsettled=(2,)))
    opened = await owners.another().open(0)
    assert opened.position == 4
    assert opened.metadata == Metadata("nonce", 2, (2,), ())


async def test_who_was_fenced_commits_nothing(owners: Owners) -> None:
    first, second = owners.another(), owners.another()
    await first.open(0)
    await first.commit(0, tick(1, 3))
    await second.open(0)
    with pytest.raises(FencedError):
        await first.commit(0, tick(2, 4, outcomes=(Concluded(SUBJECT, Invalid("invalid-json", ("value: empty",))),)))
    assert list(await second.past(0, 0.0)) == []
    await second.commit(0, tick(1, 5))
    assert (await owners.another().open(0)).position == 5


async def test_a_partition_that_is_closed_takes_no_tick(owners: Owners) -> None:
    journal = owners.another()
    with pytest.raises(UncertainError):
        await journal.commit(0, tick())
    await journal.open(0)
    await journal.close(0)
    with pytest.raises(UncertainError):
        await journal.commit(0, tick())


async def test_an_outcome_is_remembered_by_its_id_and_its_send_times(owners: Owners) -> None:
    journal = owners.another()
    await journal.open(0)
    at = NOW()
    accepted = Accepted(("ann@example.com",), (), "no-reply@acme.example", "250 ok", "<1@acme.example>", at)
    concluded = Concluded(SUBJECT, accepted, DIGEST, Progress(1, sent_at=((at, 1),)))
    await journal.commit(0, tick(outcomes=(concluded,)))
    (past,) = await journal.past(0, at - 60)
    assert (past.origin, past.tenant, past.digest, past.use) == (ORIGIN, "acme", DIGEST, Use.USED)
    assert past.mark == fingerprint("acme", "r-1")
    assert past.sent == ((at, 1),)
    assert past.trial is None
    assert list(await journal.past(1, at - 60)) == []


@pytest.mark.parametrize(
    ("type_", "outcome", "trial"),
    [
        ("validate-credentials", Validated((), login=True), "email.validate-credentials.v1"),
        ("validate-credentials", Failed("auth", "refused"), "email.validate-credentials.v1"),
        ("send-test-email", Failed("auth", "refused"), "email.send-test-email.v1"),
        ("send-test-email", Unknown("in doubt", None, 1.0), "email.send-test-email.v1"),
        ("validate-credentials", RateLimited(1.0), None),
        ("send-email", Unknown("in doubt", None, 1.0), None),
    ],
)
async def test_trials_that_were_carried_out_are_known_again(
    owners: Owners, type_: str, outcome: Outcome, trial: str | None
) -> None:
    journal = owners.another()
    await journal.open(0)
    concluded = Concluded(replace(SUBJECT, type=f"email.{type_}.v1"), outcome, DIGEST)
    await journal.commit(0, tick(outcomes=(concluded,)))
    (past,) = await journal.past(0, NOW() - 60)
    assert past.trial == trial


async def test_a_tick_of_more_than_fits_into_one_batch_is_whole_and_in_order(owners: Owners) -> None:
    journal = owners.another()
    await journal.open(0)
    lengths = [3_000] * 200 + [300_000] + [3_000] * 200
    outcomes = [
        Concluded(replace(SUBJECT, origin=Coordinates(1, number)), Invalid("invalid-request", ("x" * length,)))
        for number, length in enumerate(lengths)
    ]
    await journal.commit(0, tick(outcomes=tuple(outcomes), parked=(entry(3),)))
    assert [past.origin.offset for past in await journal.past(0, NOW() - 60)] == list(range(401))
    assert [one.offset for one in await journal.parked(0)] == [3]


async def test_ticks_may_follow_one_another_at_once(owners: Owners) -> None:
    journal = owners.another()
    await journal.open(0)
    for number in range(1, 21):
        subject = replace(SUBJECT, origin=Coordinates(1, number))
        outcome = Concluded(subject, Invalid("invalid-json", ("value: empty",)))
        await journal.commit(0, tick(number, 4 + number, outcomes=(outcome,)))
    another = owners.another()
    assert (await another.open(0)).position == 24
    assert [past.origin.offset for past in await another.past(0, NOW() - 60)] == list(range(1, 21))


async def test_outcomes_before_the_time_that_is_asked_for_are_left_out(owners: Owners) -> None:
    journal = owners.another()
    await journal.open(0)
    await journal.commit(0, tick(outcomes=(Concluded(SUBJECT, Invalid("invalid-json", ("value: empty",))),)))
    assert list(await journal.past(0, NOW() + 60)) == []


async def test_what_waits_is_read_back_whole_until_its_tombstone(owners: Owners) -> None:
    journal = owners.another()
    await journal.open(0)
    first, second = entry(3), entry(2)
    await journal.commit(0, tick(1, parked=(first, second)))
    assert {one.offset: _spoken(one) for one in await journal.parked(0)} == {3: _spoken(first), 2: _spoken(second)}
    assert list(await journal.parked(1)) == []
    await journal.commit(0, tick(2, parked=(3,)))
    assert [one.offset for one in await owners.another().parked(0)] == [2]


async def test_a_forwarded_record_arrives_unchanged_and_tells_its_origin(owners: Owners) -> None:
    journal = owners.another()
    await journal.open(0)
    headers: Headers = (("tenant", b"acme"), ("x", b"\xff"))
    record = Record(Coordinates(0, 3), b"key", b'{"to": []}', headers, 1_700_000_000.125)
    await journal.commit(0, tick(forwards=((1, record),)))
    (arrived,) = await owners.requests(1)
    assert (arrived.key, arrived.value, arrived.timestamp) == (record.key, record.value, record.timestamp)
    assert arrived.headers[:2] == headers
    assert (arrived.origin, arrived.forwarded_from) == (Coordinates(0, 3), Coordinates(0, 3))


async def test_the_suppression_list_is_read_back_whole_until_its_tombstones(owners: Owners) -> None:
    journal = owners.another()
    await journal.open(0)
    empty = await journal.suppressions(0)
    assert (list(empty.entries), empty.position) == ([], None)
    for_good, counted = suppression(b"a" * 16, inf), suppression(b"b" * 16, 0.0)
    await journal.commit(0, tick(1, learnt=Gathered((for_good, counted), 7)))
    found = await owners.another().suppressions(0)
    assert {one.mark: one for one in found.entries} == {b"a" * 16: for_good, b"b" * 16: counted}
    assert found.position == 7
    assert list((await journal.suppressions(1)).entries) == []
    await journal.commit(0, tick(2, learnt=Gathered((Listed(b"a" * 16),))))
    found = await owners.another().suppressions(0)
    assert [one.mark for one in found.entries] == [b"b" * 16]
    assert found.position == 7


async def test_a_fenced_owner_learns_nothing(owners: Owners) -> None:
    first, second = owners.another(), owners.another()
    await first.open(0)
    await second.open(0)
    with pytest.raises(FencedError):
        await first.commit(0, tick(1, learnt=Gathered((suppression(b"a" * 16, inf),), 7)))
    found = await second.suppressions(0)
    assert (list(found.entries), found.position) == ([], None)


async def test_partitions_have_owners_of_their_own(owners: Owners) -> None:
    first, second = owners.another(), owners.another()
    await first.open(0)
    await second.open(1)
    await first.commit(0, tick(1, 3))
    await second.commit(1, tick(1, 7))
    assert (await owners.another().open(0)).position == 3


def _spoken(entry: Entry) -> str:
    """All that has to last: the texts of replies may be dropped, for they may hold an address."""
    return str(entry).replace("text='250 '", "text=''")


def _encode(concluded: Concluded, now: float) -> tuple[Headers, bytes]:
    sent = concluded.progress.sent_at
    return outcome_event(
        concluded.subject, concluded.outcome, source="/test", now=now, digest=concluded.digest, sent=sent
    )


async def _make(bootstrap: str, names: Names) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    topics = [NewTopic(name, 2, 1) for name in astuple(names) if name != names.group]
    await admin.create_topics(topics)
    await _coordinated(admin, names.group)
    await admin.close()


async def _coordinated(admin: AIOKafkaAdminClient, group: str) -> None:
    """Wait for the group's coordinator: a broker that is new has none yet."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(GroupCoordinatorNotAvailableError):
                await admin.find_coordinator(group)
                return
            await asyncio.sleep(0.1)


async def _records(bootstrap: str, topic: str, partition: int) -> list[Record]:
    place = TopicPartition(topic, partition)
    client = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await client.start()
    client.assign([place])
    batches = await client.getmany(timeout_ms=5000)
    await client.stop()
    return [record_of(raw, partition) for raw in batches.get(place, [])]
