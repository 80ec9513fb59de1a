"""The request topic, read as a member of the consumer group.

All that is known of the client's rebalances is in here: its listener runs in the middle of a join, exceptions in it
are swallowed, so ours only hands on.
"""

# The library has types for half of itself.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from typing_extensions import override

from consumer.adapters.kafka.batches import raw
from consumer.adapters.kafka.client import GONE_WRONG, Cluster, Names, stopped
from consumer.adapters.kafka.reader import Reader, record_of
from consumer.core.record import Coordinates, Record
from consumer.ports import BrokenError, UncertainError

READ_AHEAD = 256 * 1024
"""Octets that are fetched of a partition in one go, and read ahead; a larger batch comes whole (KIP-74)."""

TWINS = 5
"""New identities in a row, soon after one another, from which on a static member must have a twin."""


@dataclass(frozen=True, slots=True)
class Membership:
    """How the group is told that we are there; times in seconds."""

    session_timeout: float = 15.0
    heartbeat_interval: float = 1.5
    rebalance_timeout: float = 35.0  # the drain and 15 s: a longer drain would lose the commit
    instance_id: str | None = None


class KafkaSource:
    """The port `Source` on aiokafka."""

    def __init__(self, cluster: Cluster, names: Names, membership: Membership) -> None:
        self._cluster = cluster
        self._names = names
        self._membership = membership
        self._reader = Reader(cluster, at_once=READ_AHEAD)
        self._client: AIOKafkaConsumer | None = None
        self._identities: deque[tuple[float, str]] = deque(maxlen=TWINS)

    async def start(self, revoked: Callable[[], Awaitable[None]], assigned: Callable[[Collection[int]], None]) -> None:
        """Join the group. Both callbacks come in the middle of a rebalance, until `stop`."""
        membership = self._membership
        client = AIOKafkaConsumer(
            **self._cluster.options(),
            group_id=self._names.group,
            group_instance_id=membership.instance_id,
            enable_auto_commit=False,
            # The default, latest, would silently skip everything for a group that is new or has expired.
            auto_offset_reset="none",
            isolation_level="read_committed",
            value_deserializer=raw,
            session_timeout_ms=round(membership.session_timeout * 1000),
            heartbeat_interval_ms=round(membership.heartbeat_interval * 1000),
            rebalance_timeout_ms=round(membership.rebalance_timeout * 1000),
            # Progress is watched by ourselves: the client's own watch is switched off by a call that raises.
            max_poll_interval_ms=24 * 3600 * 1000,
            # A broker is asked one thing at a time: while it waits for partitions that are empty, a full one waits too.
            fetch_max_wait_ms=100,
            # Of each partition as much is held twice, as it came and unpacked; the default is 1 MB.
            max_partition_fetch_bytes=READ_AHEAD,
        )
        try:
            await client.start()
        except BaseException:
            await stopped(client.stop(), 2.0)
            raise
        self._client = client
        client.subscribe([self._names.requests], listener=_Listener(revoked, self._noting(assigned)))

    async def fetch(self, partitions: Collection[int], most: int, within: float) -> list[Record]:
        client = self._joined()
        places = [self._place(number) for number in partitions if self._place(number) in client.assignment()]
        if not places:
            # In the middle of a rebalance: there is nothing to fetch, and an empty list would mean all.
            await asyncio.sleep(within)
            return []
        self._refuse_twins()
        try:
            batches: Any = await client.getmany(*places, timeout_ms=round(within * 1000), max_records=most)
        except OffsetOutOfRangeError as error:
            raise BrokenError(
                f"{self._names.requests}: records that were not read yet have been deleted. Lengthen the topic's "
                "retention, and reset the group's offsets on purpose"
            ) from error
        except KafkaError as error:
            raise BrokenError(f"{self._names.requests}: cannot be read: {type(error).__name__}") from error
        return [record_of(one, place.partition) for place, batch in batches.items() for one in batch]

    def seek(self, partition: int, offset: int) -> None:
        client = self._joined()
        if self._place(partition) in client.assignment():
            client.seek(self._place(partition), offset)

    async def reread(self, places: Collection[Coordinates]) -> list[Record]:
        while True:
            try:
                return await self._reader.pick(self._names.requests, places)
            except UncertainError:
                # The broker is away: the caller has nothing better to do than to wait for it.
                await asyncio.sleep(self._cluster.retry_backoff)

    async def unread(self, partitions: Collection[int]) -> Mapping[int, int]:
        unread: dict[int, int] = {}
        for number in partitions:
            if self._position(number) is None:
                continue
            _, end = await self._reader.bounds(self._names.requests, number)
            position = self._position(number)  # it passes what is no record, such as the end of a transaction
            if position is not None and position < end:
                unread[number] = position
        return unread

    def _position(self, number: int) -> int | None:
        """Where the client stands; None where it has not been told."""
        client = self._joined()
        if self._place(number) not in client.assignment():
            return None
        state: Any = client._subscription.subscription.assignment.state_value(self._place(number))  # noqa: SLF001
        return state.position if state is not None and state.has_valid_position else None

    async def member(self, partition: int) -> bool:
        client = self._joined()
        coordinator: Any = client._coordinator  # noqa: SLF001  no public way to ask; pinned to 0.14
        generation = coordinator.generation
        try:
            async with asyncio.timeout(self._cluster.request_timeout):
                alive = await coordinator._do_heartbeat()  # noqa: SLF001
        except GONE_WRONG:
            return False
        current = generation == coordinator.generation and generation >= 0
        return bool(alive) and current and self._place(partition) in client.assignment()

    @property
    def joined(self) -> bool:
        """Whether the group has given us an assignment, if only an empty one."""
        client = self._client
        subscription: Any = None if client is None else client._subscription.subscription  # noqa: SLF001
        return subscription is not None and subscription.assignment is not None and subscription.assignment.active

    def lag(self) -> dict[int, int]:
        """Records behind the end, of the partitions that are being fetched."""
        client = self._client
        if client is None:
            return {}
        lags: dict[int, int] = {}
        for place in client.assignment():
            end, position = client.highwater(place), self._position(place.partition)
            if end is not None and position is not None:
                lags[place.partition] = max(0, end - position)
        return lags

    async def stop(self) -> None:
        """Leave the group; bounded."""
        await self._reader.close()
        client, self._client = self._client, None
        if client is not None:
            await stopped(client.stop(), 5.0)

    def _noting(self, assigned: Callable[[Collection[int]], None]) -> Callable[[Collection[int]], None]:
        """Note as whom the group knows us, each time it gives out partitions."""

        def note(partitions: Collection[int]) -> None:
            if self._client is None:
                return  # we are leaving: a rebalance that another member began ends meanwhile, and gives us nothing
            coordinator: Any = self._client._coordinator  # noqa: SLF001  no public way to ask
            identity = str(coordinator.member_id)
            if not self._identities or self._identities[-1][1] != identity:
                self._identities.append((asyncio.get_running_loop().time(), identity))
            assigned(partitions)

        return note

    def _refuse_twins(self) -> None:
        # Two static members with one id throw each other out for ever, and the group says nothing. Whoever is away, or has
        # its broker away, is a new member only after a session: so many in less time have no other cause.
        known = self._identities
        if self._membership.instance_id is None or len(known) < TWINS:
            return
        if known[-1][0] - known[0][0] < (TWINS - 1) * self._membership.session_timeout:
            raise BrokenError(
                "the group takes another process for this one again and again: two have the same "
                "CONSUMER_KAFKA__GROUP_INSTANCE_ID; give each its own"
            )

    def _joined(self) -> AIOKafkaConsumer:
        if self._client is None:
            raise BrokenError("the source was not started")
        return self._client

    def _place(self, partition: int) -> TopicPartition:
        return TopicPartition(self._names.requests, partition)


class _Listener(ConsumerRebalanceListener):
    def __init__(self, revoked: Callable[[], Awaitable[None]], assigned: Callable[[Collection[int]], None]) -> None:
        self._revoked = revoked
        self._assigned = assigned

    @override
    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        await self._revoked()

    @override
    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._assigned({place.partition for place in assigned})
