"""Kafka as the commands use it: where it is, and what waits in it."""

# pyright: reportMissingTypeStubs=false

import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from consumer.adapters.kafka.entries import read_entry
from consumer.adapters.kafka.reader import Reader
from consumer.app import cluster
from consumer.client import Client, KafkaAwayError, WrongTopicError, connected
from consumer.client.reading import Outcomes, opened, partitions
from consumer.core.parking import Entry
from consumer.ports import UncertainError
from consumer.settings import Settings

_WITHIN = 30.0


def options(settings: Settings) -> dict[str, Any]:
    return cluster(settings.kafka).options()


@asynccontextmanager
async def client(settings: Settings, *, follow: bool) -> AsyncGenerator[Client]:
    """A producer of requests, who sees their outcomes if it follows them."""
    topics = settings.topics
    async with connected(cluster(settings.kafka), topics.requests, topics.outcomes if follow else None) as made:
        yield made


def outcomes(settings: Settings) -> AbstractAsyncContextManager[Outcomes]:
    """The outcome topic, open."""
    return opened(cluster(settings.kafka), settings.topics.outcomes)


async def parked(settings: Settings) -> AsyncGenerator[tuple[int, dict[int, Entry]]]:
    """What waits, partition by partition, by home offset: the compacted topic, read_committed, to its end."""
    topic = settings.topics.parked
    reader = Reader(cluster(settings.kafka), _WITHIN)
    try:
        for partition in range(await partitions(cluster(settings.kafka), topic)):
            first, end = await reader.bounds(topic, partition)
            entries: dict[int, Entry] = {}
            async for batch in reader.stretch(topic, partition, first, end):
                for raw in batch:
                    _keep(entries, raw.key, raw.value)
            yield partition, entries
    except UncertainError as error:
        raise KafkaAwayError(f"Kafka cannot be reached, or did not answer in time: {error}") from error
    finally:
        await reader.close()


def _keep(entries: dict[int, Entry], key: bytes | None, value: bytes | None) -> None:
    match read_entry(key, value):
        case None:
            raise WrongTopicError("the parked topic holds a record that is not ours, or that a newer version wrote")
        case int() as ended:
            entries.pop(ended, None)
        case Entry() as entry:
            entries[entry.offset] = entry


def ago(seconds: float) -> float:
    """Seconds since the epoch, so many seconds ago."""
    return time.time() - seconds
