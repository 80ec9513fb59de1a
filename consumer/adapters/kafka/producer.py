"""A fenced transactional producer, which commits records and an offset in three round trips.

The library's own asks five questions in a row. Of them the two additions go together here (partitions and group), and so
do records and offset: not one of these four depends on its companion. All of them have their answers before the end.

Whatever has no answer is an error, and after an error the producer is of no more use: what was lost may still arrive, in
the next transaction, and take the offset back. Only an answer that says "not yet" or "not here" is asked for again.
"""

# The library has types for half of itself.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import GroupCoordinatorNotAvailableError, NodeNotReadyError, ProducerFenced, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
    TxnOffsetCommitRequest,
)
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from consumer.adapters.kafka.client import Cluster, Connection, stopped

BATCH = 256 * 1024
"""Octets of records that are one batch; a record that is larger has its own."""

_LEADER_NOT_AVAILABLE = 5
_DONE = frozenset((0, 46))  # DUPLICATE_SEQUENCE_NUMBER: it is there already
_FENCED = frozenset((47, 90))  # INVALID_PRODUCER_EPOCH, PRODUCER_FENCED
_SOON = frozenset((
    7,  # REQUEST_TIMED_OUT: the other replicas were too slow
    14,  # COORDINATOR_LOAD_IN_PROGRESS
    19,  # NOT_ENOUGH_REPLICAS
    20,  # NOT_ENOUGH_REPLICAS_AFTER_APPEND
    51,  # CONCURRENT_TRANSACTIONS: the one before is being ended
))  # fmt: skip
_ELSEWHERE = frozenset((
    3,  # UNKNOWN_TOPIC_OR_PARTITION
    _LEADER_NOT_AVAILABLE,
    6,  # NOT_LEADER_OR_FOLLOWER
    15,  # COORDINATOR_NOT_AVAILABLE
    16,  # NOT_COORDINATOR
))  # fmt: skip
_NOT_ATTEMPTED = 55  # OPERATION_NOT_ATTEMPTED: for the sake of another partition, which says why

_SHORTEST = 0.002
_LONGEST = 0.1


class Outgoing(NamedTuple):
    """A record on its way. The timestamp is in milliseconds, None for now."""

    place: TopicPartition
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int | None = None


class _Batch(NamedTuple):
    place: TopicPartition
    octets: bytes


@dataclass(frozen=True, slots=True)
class _Question:
    """A request, whom to ask, how to read the answer's error code, and what to ask instead if it is to be asked again."""

    whom: "CoordinationType | int | None"
    request: Any
    code: Callable[[Any], int]
    again: "Callable[[], list[_Question]] | None" = None


class Producer:
    """One of them; `start` fences whoever had its id before."""

    def __init__(self, cluster: Cluster, *, transactional_id: str, group: str, timeout: float) -> None:
        # Brisk: the broker refuses a transaction while it still ends the last one, which takes milliseconds.
        self._client: Any = AIOKafkaClient(**cluster.options(brisk=True))
        self._transactional_id = transactional_id
        self._group = group
        self._timeout = round(timeout * 1000)
        self._produce_within = round(cluster.request_timeout * 1000)
        self._coordinators: dict[CoordinationType, int] = {}
        self._sequences = defaultdict[TopicPartition, int](int)
        self._identity = ("", -1, -1)

    async def start(self) -> None:
        """Fence the former one, whose transaction is finished or aborted with that."""
        await self._client.bootstrap()
        request = InitProducerIdRequest(self._transactional_id, self._timeout)
        await self._ask([_Question(CoordinationType.TRANSACTION, request, self._begin)])

    async def commit(self, records: Iterable[Outgoing], at: TopicPartition, offset: int, metadata: str) -> None:
        """Write the records and the group's offset, all or nothing. Raises what the client raises, and ProducerFenced."""
        rounds = self._batches(records)
        places = {batch.place for batches in rounds for batch in batches}
        for topic in {place.topic for place in places}:
            await self._client._wait_on_metadata(topic)  # noqa: SLF001  the one call that says it is there; pinned
        # The group's answer is waited for as well: while it is being added, the broker refuses records of this
        # transaction (as NotEnoughReplicas).
        await self._ask([*self._additions(places), self._group_addition()])
        await self._ask([self._offset(at, offset, metadata), *self._produces(rounds[0] if rounds else ())])
        for batches in rounds[1:]:
            await self._ask(self._produces(batches))
        end = EndTxnRequest(*self._identity, transaction_result=True)
        await self._ask([_Question(CoordinationType.TRANSACTION, end, _error_code)])

    async def stop(self) -> None:
        """Hang up; bounded. An open transaction stays so until the next one fences this, or its timeout."""
        await stopped(self._client.close(), 1.0)

    def _begin(self, answer: Any) -> int:  # noqa: ANN401
        self._identity = (self._transactional_id, answer.producer_id, answer.producer_epoch)
        return answer.error_code

    # what is asked

    def _additions(self, places: Iterable[TopicPartition]) -> Iterator[_Question]:
        topics = _by_topic((place.topic, place.partition) for place in places)
        if topics:
            request = AddPartitionsToTxnRequest(*self._identity, topics)
            yield _Question(CoordinationType.TRANSACTION, request, _first_error)

    def _group_addition(self) -> _Question:
        request = AddOffsetsToTxnRequest(*self._identity, self._group)
        return _Question(CoordinationType.TRANSACTION, request, _error_code)

    def _offset(self, at: TopicPartition, offset: int, metadata: str) -> _Question:
        identity, topics = self._identity, [(at.topic, [(at.partition, offset, metadata)])]
        request = TxnOffsetCommitRequest(identity[0], self._group, *identity[1:], topics)
        return _Question(CoordinationType.GROUP, request, _first_error)

    def _produces(self, batches: Iterable[_Batch]) -> list[_Question]:
        """A request for each leader. Asked again, a batch is known by its number, and is not written twice."""
        by_leader = defaultdict[int | None, list[_Batch]](list)
        for batch in batches:
            leader = self._client.cluster.leader_for_partition(batch.place)
            by_leader[None if leader == -1 else leader].append(batch)
        return [self._produce(leader, theirs) for leader, theirs in by_leader.items()]

    def _produce(self, leader: int | None, batches: list[_Batch]) -> _Question:
        topics = _by_topic((batch.place.topic, (batch.place.partition, batch.octets)) for batch in batches)
        request = ProduceRequest(self._transactional_id, -1, self._produce_within, topics)
        return _Question(leader, request, _first_produce_error, lambda: self._produces(batches))

    def _batches(self, records: Iterable[Outgoing]) -> list[list[_Batch]]:
        """At most one of each partition in a round."""
        of_a_place = defaultdict[TopicPartition, list[Outgoing]](list)
        for record in records:
            of_a_place[record.place].append(record)
        rounds: list[list[_Batch]] = []
        for place, theirs in of_a_place.items():
            for number, batch in enumerate(self._packed(place, theirs)):
                if number == len(rounds):
                    rounds.append([])
                rounds[number].append(batch)
        return rounds

    def _packed(self, place: TopicPartition, records: Sequence[Outgoing]) -> Iterator[_Batch]:
        _, producer, epoch = self._identity
        at = 0
        while at < len(records):
            sequence, begin = self._sequences[place], at
            builder = DefaultRecordBatchBuilder(2, 0, 1, producer, epoch, sequence, BATCH)
            for record in records[begin:]:
                _, key, value, headers, timestamp = record
                if builder.append(at - begin, timestamp, key, value, list(headers)) is None:
                    break
                at += 1
            self._sequences[place] = (sequence + at - begin) % 2**31
            yield _Batch(place, bytes(builder.build()))

    # asking

    async def _ask(self, questions: list[_Question]) -> None:
        """All at once, until each is answered by what it was asked for."""
        pause = _SHORTEST
        while True:
            codes = await self._answers(questions)
            left = [one for one, code in zip(questions, codes, strict=True) if not _settled(code)]
            if not left:
                return
            if not _ELSEWHERE.isdisjoint(codes):
                self._coordinators.clear()
                await self._client.force_metadata_update()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST)
            questions = [again for one in left for again in (one.again() if one.again else [one])]

    async def _answers(self, questions: list[_Question]) -> list[int]:
        waiting: list[asyncio.Future[Any] | None] = []
        try:
            for question in questions:
                waiting.append(await self._sent(question))  # noqa: PERF401  those that are sent have to be known
            return [
                _LEADER_NOT_AVAILABLE if answer is None else question.code(await answer)
                for question, answer in zip(questions, waiting, strict=True)
            ]
        finally:
            for answer in waiting:
                if answer is not None and not answer.cancel() and not answer.cancelled():
                    answer.exception()  # of several that failed only one is raised; asyncio would complain of the others

    async def _sent(self, question: _Question) -> asyncio.Future[Any] | None:
        """The answer to come; None where there is nobody to ask for now."""
        whom = question.whom
        if whom is None:
            return None
        group = ConnectionGroup.DEFAULT
        if isinstance(whom, CoordinationType):
            whom, group = await self._coordinator(whom), ConnectionGroup.COORDINATION
        # The client's own `send` would wait for the answer; pinned to 0.14.
        connection: Connection | None = await self._client._get_conn(whom, group=group)  # noqa: SLF001
        if connection is None:
            raise NodeNotReadyError
        return connection.ask(question.request)

    async def _coordinator(self, kind: CoordinationType) -> int:
        while kind not in self._coordinators:
            key = self._group if kind is CoordinationType.GROUP else self._transactional_id
            try:
                self._coordinators[kind] = await self._client.coordinator_lookup(kind, key)
            except GroupCoordinatorNotAvailableError:  # a new cluster makes the topic for it now
                await asyncio.sleep(_LONGEST)
        return self._coordinators[kind]


def _settled(code: int) -> bool:
    if code in _FENCED:
        raise ProducerFenced
    if code not in _DONE | _SOON | _ELSEWHERE:
        raise for_code(code)
    return code in _DONE


def _by_topic(pairs: Iterable[tuple[str, Any]]) -> list[tuple[str, list[Any]]]:
    topics = defaultdict[str, list[Any]](list)
    for topic, one in pairs:
        topics[topic].append(one)
    return list(topics.items())


def _error_code(answer: Any) -> int:  # noqa: ANN401
    return answer.error_code


def _first_error(answer: Any) -> int:  # noqa: ANN401
    return _worst(code for _, partitions in answer.errors for _, code in partitions)


def _first_produce_error(answer: Any) -> int:  # noqa: ANN401
    return _worst(partition[1] for _, partitions in answer.topics for partition in partitions)


def _worst(codes: Iterable[int]) -> int:
    """Of several the one that decides: what cannot be mended first, then what is to be asked again."""
    return max(codes, key=_weight, default=0)


def _weight(code: int) -> int:
    if code in _DONE:
        return 0
    if code == _NOT_ATTEMPTED:
        return 1
    if code in _SOON:
        return 2
    return 3 if code in _ELSEWHERE else 5 if code in _FENCED else 4
