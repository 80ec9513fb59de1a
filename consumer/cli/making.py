"""`consumer topics`: made, and shown."""

import json
import math
import sys

from consumer.adapters.kafka import topics
from consumer.adapters.kafka.topics import Topic
from consumer.cli import wire
from consumer.cli.exits import Exit
from consumer.settings import Settings


async def create(settings: Settings) -> Exit:
    """Makes what is missing, and says what differs."""
    created = await topics.create(settings, wire.options(settings))
    for name in created.made:
        print(name)
    for line in created.differs:
        print(line, file=sys.stderr)
    if not created.made and not created.differs:
        print("all topics are there", file=sys.stderr)
    return Exit.SETTINGS if created.differs else Exit.OK


async def describe(settings: Settings, *, as_json: bool) -> Exit:
    """Shows what is there, and says what is wrong with it."""
    found = await topics.describe(settings, wire.options(settings))
    rows = [_row(topic) for topic in found.values()]
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        _print_table(rows)
    wrong = topics.problems(settings, found, all_of_them=True)
    for line in wrong:
        print(line, file=sys.stderr)
    return Exit.SETTINGS if wrong else Exit.OK


def _row(topic: Topic) -> dict[str, object]:
    return {
        "topic": topic.name,
        "partitions": topic.partitions,
        "replicas": topic.replicas,
        "cleanup": ",".join(sorted(topic.policy)),
        "retention_seconds": None if math.isinf(topic.retention) else topic.retention,
    }


def _print_table(rows: list[dict[str, object]]) -> None:
    for row in rows:
        kept = "for ever" if row["retention_seconds"] is None else f"{row['retention_seconds']:g} s"
        print(
            f"{row['topic']:32} {row['partitions']:>5} partitions {row['replicas']:>2} replicas {row['cleanup']} {kept}"
        )
