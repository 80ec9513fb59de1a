"""A broker that was frozen for eight seconds held records of a transaction of which the coordinator knew nothing any more.

The coordinator said Empty, the partition said that a transaction was open. Readers waited for its end, until the next
commit of the same producer had it among its own: nine outcomes were there twice. Here such a transaction is made on
purpose, on a broker that does not ask the coordinator before it takes records.
"""

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import CoordinationType

from consumer.adapters.kafka import calls
from consumer.adapters.kafka.client import Cluster, Names
from consumer.adapters.kafka.journal import KafkaJournal
from consumer.adapters.kafka.producer import Outgoing, Producer
from consumer.core.encode import outcome_event
from consumer.core.ending import Concluded
from consumer.core.metadata import Metadata
from consumer.core.outcome import Expired, Subject
from consumer.core.record import Coordinates, Headers
from consumer.core.tick import Tick
from devtools.broker import Broker
from tests.builders import metadata_text

NAMES = Names()
NOW = 1_700_000_000.0
PLACE = TopicPartition(NAMES.requests, 0)


@pytest.fixture
def trusting() -> Iterator[str]:
    with Broker({"transaction.partition.verification.enable": "false"}) as broker:
        yield broker.bootstrap


class Forgetful(Producer):
    """Writes without a transaction that the coordinator knows of, and never ends it."""

    async def leave(self, records: list[Outgoing], offset: int, metadata: str) -> None:
        for record in records:
            await self._client._wait_on_metadata(record.place.topic)  # noqa: SLF001
        (written,) = self._produces(self._batches(records)[0])
        offsets = calls.commit_offset(self._who, NAMES.group, PLACE, offset, metadata)
        await self._ask([written, written._replace(whom=CoordinationType.GROUP, call=offsets, again=None)])


def concluded(reason: str) -> Concluded:
    at = Coordinates(0, 0)
    return Concluded(Subject(at, at, "acme", "r-1"), Expired(reason, 0), bytes(16))


def encoded(one: Concluded, now: float) -> tuple[Headers, bytes]:
    return outcome_event(one.subject, one.outcome, source="/test", now=now, digest=one.digest, sent=())


def tick(number: int, *outcomes: Concluded) -> Tick:
    return Tick(number, number, metadata_text(Metadata("nonce", number), number), outcomes)


async def make_topics(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1) for name in (NAMES.requests, NAMES.outcomes, NAMES.parked)])
    await admin.close()


def journal_of(bootstrap: str) -> KafkaJournal:
    return KafkaJournal(
        Cluster(bootstrap), NAMES, encode=encoded, now=lambda: NOW, transaction_timeout=10.0, suppression=False
    )


def former_of(bootstrap: str) -> Forgetful:
    return Forgetful(
        Cluster(bootstrap), transactional_id=f"{NAMES.group}.{NAMES.requests}.0", group=NAMES.group, timeout=10.0
    )


def outgoing(reason: str) -> Outgoing:
    headers, value = encoded(concluded(reason), NOW)
    return Outgoing(TopicPartition(NAMES.outcomes, 0), b"acme", value, headers)


@pytest.mark.broker
async def test_what_a_frozen_broker_has_forgotten_to_end_is_never_among_what_the_next_owner_commits(
    trusting: str,
) -> None:
    await make_topics(trusting)
    journal = journal_of(trusting)
    async with asyncio.timeout(50):
        await journal.open(0)
        await journal.commit(0, tick(1))
        former = former_of(trusting)
        await former.start()
        await former.leave([outgoing("forgotten")], 7, metadata_text(Metadata("former", 7), 7))
        await former.stop()

        opened = await journal.open(0)
        assert opened.position == 1
        await journal.commit(0, tick(2, concluded("once")))
        assert len(list(await journal.past(0, 0.0))) == 1
        assert (await journal.open(0)).position == 2
    await journal.aclose()


@pytest.mark.broker
async def test_what_a_killed_broker_has_confirmed_and_not_ended_is_committed_by_the_next_owner(trusting: str) -> None:
    # It answered EndTxn and was killed before the markers. It came back with the transaction complete and no marker
    # anywhere, and the abort that each start began with ended it: 17 of 2,000 requests had no outcome.
    await make_topics(trusting)
    async with asyncio.timeout(50):
        former = former_of(trusting)
        await former.start()
        await former.commit([], PLACE, 6, metadata_text(Metadata("former", 6), 6))
        await former.leave([outgoing("confirmed")], 7, metadata_text(Metadata("former", 7), 7))
        await former.stop()

        journal = journal_of(trusting)
        opened = await journal.open(0)
        assert (opened.position, opened.metadata) == (7, Metadata("former", 7))
        assert len(list(await journal.past(0, 0.0))) == 1
        await journal.commit(0, tick(8))
        assert (await journal.open(0)).position == 8
        assert len(list(await journal.past(0, 0.0))) == 1
    await journal.aclose()
