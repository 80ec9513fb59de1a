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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    IncompatibleBrokerVersion,
    NodeNotReadyError,
    ProducerFenced,
    for_code,
)
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from consumer.adapters.kafka import calls
from consumer.adapters.kafka.calls import Call
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
    88,  # UNSTABLE_OFFSET_COMMIT: so is the one that wrote an offset
))  # fmt: skip
_ELSEWHERE = frozenset((
    3,  # UNKNOWN_TOPIC_OR_PARTITION
    _LEADER_NOT_AVAILABLE,
    6,  # NOT_LEADER_OR_FOLLOWER
    15,  # COORDINATOR_NOT_AVAILABLE
    16,  # NOT_COORDINATOR
))  # fmt: skip
_NOT_ATTEMPTED = 55  # OPERATION_NOT_ATTEMPTED: for the sake of another partition, which says why
_UNKNOWN = -1  # UNKNOWN_SERVER_ERROR: also an answer to nothing that was asked

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


class _Question(NamedTuple):
    """A call, whom to ask, and what to ask instead if it is to be asked again. None: there is nobody to ask for now."""

    whom: "CoordinationType | int | None"
    call: Call
    again: "Callable[[], list[_Question]] | None" = None


class Producer:
    """One of them; `start` fences whoever had its id before."""

    def __init__(self, cluster: Cluster, *, transactional_id: str, group: str, timeout: float) -> None:
        # Brisk: the broker refuses a transaction while it still ends the last one, which takes milliseconds.
        self._client: Any = AIOKafkaClient(**cluster.options(brisk=True))
        self._connected = False
        self._transactional_id = transactional_id
        self._group = group
        self._timeout = round(timeout * 1000)
        self._produce_within = round(cluster.request_timeout * 1000)
        self._coordinators: dict[CoordinationType, int] = {}
        self._sequences = defaultdict[TopicPartition, int](int)
        self._who = calls.identity(transactional_id, -1, -1)
        self._owner = (-1, -1)
        self.waits_for = ""
        """What is asked for in vain, and what the broker says to it."""

    async def committed_last(self) -> bool | None:
        """Whether the last transaction of its id was committed; None where nobody has begun one since its last start.

        To be asked before `start`, after which nobody knows any more. Brokers before 3.0 do not tell: it was not.
        """
        await self._connect()
        try:
            describe = calls.describe(self._transactional_id)
            (answer,) = await self._ask([_Question(CoordinationType.TRANSACTION, describe)])
        except IncompatibleBrokerVersion:
            return False
        return calls.described(answer)

    async def start(
        self, topics: Iterable[str] = (), partitions: Iterable[TopicPartition] = (), *, commit: bool = False
    ) -> None:
        """Fence the former one, whose transaction is finished or aborted with that; also in each of these partitions.

        A broker that was frozen or killed may hold records and an offset of a transaction that its coordinator takes for
        ended. Then readers wait for its end for ever, or our next commit in that partition has it among its own: nine
        outcomes were there twice. So we end a transaction in all of them first, with `commit` as that one was ended:
        its marker ends what is left, and it tells each partition whom to refuse from now on. Aborted all the same, 17
        outcomes were gone of ticks that had been committed.
        """
        await self._connect()
        begin = calls.begin(self._transactional_id, self._timeout)
        (answer,) = await self._ask([_Question(CoordinationType.TRANSACTION, begin)])
        self._owner = calls.begun(answer)
        self._who = calls.identity(self._transactional_id, *self._owner)
        places = _by_topic(partitions)
        for topic in topics:
            places[topic] = sorted(await self._client._wait_on_metadata(topic))  # noqa: SLF001  as in `commit`
        if places:
            await self._begin(places)
            await self._ask([_Question(CoordinationType.TRANSACTION, calls.end(self._who, commit=commit))])

    async def _connect(self) -> None:
        if not self._connected:
            await self._client.bootstrap()
            self._connected = True

    async def committed(self, at: TopicPartition) -> calls.Offset:
        """What the group has committed, with all that was decided before `start` ended in it."""
        while True:
            (answer,) = await self._ask([_Question(CoordinationType.GROUP, calls.fetch_offset(self._group, at))])
            offset = calls.fetched_offset(answer)
            if offset is not None:
                return offset
            await asyncio.sleep(_LONGEST)  # the coordinator is not ready; a true "no offset" is -1

    async def commit(self, records: Iterable[Outgoing], at: TopicPartition, offset: int, metadata: str) -> None:
        """Write the records and the group's offset, all or nothing. Raises what the client raises, and ProducerFenced."""
        rounds = self._batches(records)
        places = _by_topic(batch.place for batch in (rounds[0] if rounds else ()))
        for topic in places:
            await self._client._wait_on_metadata(topic)  # noqa: SLF001  the one call that says it is there; pinned
        await self._begin(places)
        offsets = calls.commit_offset(self._who, self._group, at, offset, metadata)
        first = self._produces(rounds[0]) if rounds else []
        await self._ask([_Question(CoordinationType.GROUP, offsets), *first])
        for batches in rounds[1:]:
            await self._ask(self._produces(batches))
        await self._ask([_Question(CoordinationType.TRANSACTION, calls.end(self._who))])

    async def stop(self) -> None:
        """Hang up; bounded. An open transaction stays so until the next one fences this, or its timeout."""
        await stopped(self._client.close(), 1.0)

    async def _begin(self, places: Mapping[str, Sequence[int]]) -> None:
        """A transaction of these partitions, by topic, and the group."""
        additions = [calls.add_partitions(self._who, places)] if places else []
        # The group's answer is waited for as well: while it is being added, the broker refuses records of this
        # transaction (as NotEnoughReplicas).
        additions.append(calls.add_group(self._who, self._group))
        await self._ask([_Question(CoordinationType.TRANSACTION, call) for call in additions])

    # records

    def _produces(self, batches: Iterable[_Batch]) -> list[_Question]:
        """A request for each leader. Asked again, a batch is known by its number, and is not written twice."""
        by_leader = defaultdict[int | None, list[_Batch]](list)
        for batch in batches:
            leader = self._client.cluster.leader_for_partition(batch.place)
            by_leader[None if leader == -1 else leader].append(batch)
        return [self._produce(leader, theirs) for leader, theirs in by_leader.items()]

    def _produce(self, leader: int | None, batches: list[_Batch]) -> _Question:
        by_topic = defaultdict[str, list[tuple[int, bytes]]](list)
        for place, octets in batches:
            by_topic[place.topic].append((place.partition, octets))
        call = calls.produce(self._who, self._produce_within, by_topic)
        return _Question(leader, call, lambda: self._produces(batches))

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
        producer, epoch = self._owner
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

    async def _ask(self, questions: list[_Question]) -> list[bytes]:
        """All at once, until each is answered by what it was asked for; those answers."""
        pause, settled = _SHORTEST, list[bytes]()
        while True:
            answers = await self._answers(questions)
            codes = [
                _LEADER_NOT_AVAILABLE if answer is None else _worst(question.call.codes(answer))
                for question, answer in zip(questions, answers, strict=True)
            ]
            settled += [answer for answer, code in zip(answers, codes, strict=True) if _settled(code) and answer]
            if _DONE.issuperset(codes):
                self.waits_for = ""
                return settled
            vain = zip(questions, codes, strict=True)
            self.waits_for = next(
                f"{one.call.name}: {for_code(code).__name__}" for one, code in vain if code not in _DONE
            )
            if not _ELSEWHERE.isdisjoint(codes):
                self._coordinators.clear()
                await self._client.force_metadata_update()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST)
            left = [question for question, code in zip(questions, codes, strict=True) if code not in _DONE]
            questions = [again for one in left for again in (one.again() if one.again else [one])]

    async def _answers(self, questions: list[_Question]) -> list[bytes | None]:
        """The answers in the order of the questions; those for one connection leave together."""
        waiting = dict[int, asyncio.Future[bytes]]()
        groups = defaultdict[Connection, list[int]](list)
        for number, question in enumerate(questions):
            if question.whom is not None:
                groups[await self._connection(question.whom)].append(number)
        try:
            for connection, numbers in groups.items():
                sent = connection.ask([questions[number].call for number in numbers])
                waiting.update(zip(numbers, sent, strict=True))
            return [await waiting[number] if number in waiting else None for number in range(len(questions))]
        finally:
            for answer in waiting.values():
                if not answer.cancel() and not answer.cancelled():
                    answer.exception()  # of several that failed only one is raised; asyncio would complain of the others

    async def _connection(self, whom: CoordinationType | int) -> Connection:
        group = ConnectionGroup.DEFAULT
        if isinstance(whom, CoordinationType):
            whom, group = await self._coordinator(whom), ConnectionGroup.COORDINATION
        # The client's own `send` would wait for each answer; pinned to 0.14.
        connection: Connection | None = await self._client._get_conn(whom, group=group)  # noqa: SLF001
        if connection is None:
            raise NodeNotReadyError
        return connection

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


def _by_topic(places: Iterable[TopicPartition]) -> dict[str, list[int]]:
    topics = defaultdict[str, list[int]](list)
    for topic, partition in places:
        topics[topic].append(partition)
    return topics


def _worst(codes: Iterable[int]) -> int:
    """Of several the one that decides: what cannot be mended first, then what is to be asked again."""
    return max(codes, key=_weight, default=_UNKNOWN)


def _weight(code: int) -> int:
    if code in _DONE:
        return 0
    if code == _NOT_ATTEMPTED:
        return 1
    if code in _SOON:
        return 2
    return 3 if code in _ELSEWHERE else 5 if code in _FENCED else 4
