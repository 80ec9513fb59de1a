"""A topic that is read outside of the group, partition by partition: feedback, and requests from behind a flood.

Who owns a partition of requests reads the same one of feedback.
"""

# The library has types for half of itself.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from consumer.adapters.kafka.batches import raw
from consumer.adapters.kafka.client import GONE_WRONG, Cluster, stopped
from consumer.adapters.kafka.reader import record_of
from consumer.core.record import Record


class KafkaMailbag:
    """The port `Mailbag` on aiokafka: one client for all partitions."""

    def __init__(self, cluster: Cluster, topic: str, *, at_once: int = 1024 * 1024) -> None:
        """`at_once` is how many octets of a partition are fetched ahead."""
        self._cluster = cluster
        self._topic = topic
        self._at_once = at_once
        self._client: AIOKafkaConsumer | None = None
        self._expected: dict[TopicPartition, int | None] = {}  # what the client gives next, if nobody seeks

    async def fetch(self, positions: Mapping[int, int | None], most: int, within: float) -> list[Record]:
        if not positions:
            await self.aclose()
            return []
        try:
            client = await self._started()
            self._go_to(client, {TopicPartition(self._topic, number): at for number, at in positions.items()})
            batches: Any = await client.getmany(timeout_ms=round(within * 1000), max_records=most)
        except GONE_WRONG:
            await self.aclose()
            await asyncio.sleep(self._cluster.retry_backoff)
            return []
        for place, batch in batches.items():
            self._expected[place] = batch[-1].offset + 1
        return [record_of(one, place.partition) for place, batch in batches.items() for one in batch]

    async def aclose(self) -> None:
        """Let go; bounded."""
        client, self._client = self._client, None
        self._expected.clear()
        if client is not None:
            await stopped(client.stop(), 2.0)

    def _go_to(self, client: AIOKafkaConsumer, wanted: Mapping[TopicPartition, int | None]) -> None:
        if set(wanted) != client.assignment():
            client.assign(list(wanted))
            self._expected.clear()
        for place, at in wanted.items():
            # Without this look each call would seek, and so throw away what was fetched ahead.
            if at is not None and self._expected.get(place) != at:
                client.seek(place, at)
            self._expected[place] = at

    async def _started(self) -> AIOKafkaConsumer:
        if self._client is None:
            client = AIOKafkaConsumer(
                **self._cluster.options(),
                group_id=None,
                enable_auto_commit=False,
                # Also where the topic was made anew, or retention was faster than we: on with what is there.
                auto_offset_reset="earliest",
                isolation_level="read_committed",
                value_deserializer=raw,
                fetch_max_wait_ms=500,
                max_partition_fetch_bytes=self._at_once,
            )
            try:
                async with asyncio.timeout(self._cluster.request_timeout):
                    await client.start()
            except BaseException:
                await stopped(client.stop(), 2.0)
                raise
            self._client = client
        return self._client
