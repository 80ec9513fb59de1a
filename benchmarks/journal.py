"""What the journal costs without the rest: `python -m benchmarks.journal [--outcomes N] [--a-tick K]`.

A Kafka (the one that KAFKA_BOOTSTRAP_SERVERS names, or a new one), one partition, no relay. Ticks of K outcomes are
committed one after another; then the partition is taken over by another owner again and again, and what its outcomes
tell is remembered. CPU is that of this process, of all its threads: the broker's is not in it.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import TypeVar

from benchmarks import events
from consumer.adapters.clock import SystemClock
from consumer.adapters.kafka.client import Cluster, Names
from consumer.adapters.kafka.journal import KafkaJournal
from consumer.core.encode import outcome_event
from consumer.core.ending import Concluded
from consumer.core.metadata import encode
from consumer.core.outcome import Accepted, Subject
from consumer.core.parking import Progress
from consumer.core.partition import Keeping, Partition
from consumer.core.past import Past
from consumer.core.record import Coordinates, Headers
from consumer.core.runs import Runs
from consumer.core.tick import Tick
from consumer.ports import UncertainError
from devtools.broker import kafka

_T = TypeVar("_T")
_CLOCK = SystemClock()
_DAY = 24 * 3600.0


class Measured:
    """CPU and wall seconds of what was run."""

    def __init__(self) -> None:
        self.cpu: list[float] = []
        self.wall: list[float] = []

    async def of(self, run: Callable[[], Awaitable[_T]]) -> _T:
        cpu, wall = time.process_time(), time.perf_counter()
        result = await run()
        self.cpu.append(time.process_time() - cpu)
        self.wall.append(time.perf_counter() - wall)
        return result


def _ticks(outcomes: int, a_tick: int) -> Iterator[Tick]:
    for number, first in enumerate(range(0, outcomes, a_tick), 1):
        last = min(first + a_tick, outcomes)
        metadata = encode("nonce", number, Runs(range(last - 20, last) if last > 20 else ()), (), last)
        yield Tick(number, last, metadata, tuple(_concluded(offset) for offset in range(first, last)))


def _concluded(offset: int) -> Concluded:
    """An outcome as most are: accepted, of a tenant that has twelve beside it."""
    place, now = Coordinates(0, offset), _CLOCK.now()
    subject = Subject(place, place, events.TENANTS[offset % len(events.TENANTS)], f"request-{offset}", events.TYPE)
    message_id = f"<{uuid.uuid4().hex}@acme.example>"
    outcome = Accepted((f"reader-{offset}@example.com",), (), "no-reply@acme.example", "250 2.0.0 Ok", message_id, now)
    return Concluded(subject, outcome, uuid.uuid4().bytes, Progress(1, sent_at=((now, 1),)))


def _encoded(concluded: Concluded, now: float) -> tuple[Headers, bytes]:
    return outcome_event(
        concluded.subject,
        concluded.outcome,
        source="/email-consumer/email.requests",
        now=now,
        digest=concluded.digest,
        sent=concluded.progress.sent_at,
    )


def journal_of(bootstrap: str, names: Names) -> KafkaJournal:
    """That of a new owner."""
    return KafkaJournal(
        Cluster(bootstrap), names, encode=_encoded, now=_CLOCK.now, transaction_timeout=10.0, suppression=False
    )


async def opened(journal: KafkaJournal, partition: int) -> None:
    """A broker that is new makes its own topics only now."""
    async with asyncio.timeout(30.0):
        while True:
            try:
                await journal.open(partition)
            except UncertainError:
                await asyncio.sleep(0.2)
            else:
                return


async def _measure(bootstrap: str, outcomes: int, a_tick: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of each takeover, and what there was to say meanwhile on stdout."""
    names = Names(*(f"{uuid.uuid4().hex[:8]}.{kind}" for kind in ("requests", "outcomes", "parked", "group")))
    await events.make_topics(bootstrap, requests=names.requests, outcomes=names.outcomes, parked=names.parked)
    await _write(journal_of(bootstrap, names), outcomes, a_tick)
    reading, remembering = Measured(), Measured()
    for _ in range(rounds):
        journal = journal_of(bootstrap, names)

        async def read(journal: KafkaJournal = journal) -> list[Past]:
            return list(await journal.past(0, _CLOCK.now() - _DAY))

        past = await reading.of(read)
        if len(past) != outcomes:
            raise SystemExit(f"{len(past)} outcomes were read back")
        await remembering.of(lambda past=past: _remember(past))
        await journal.aclose()
    print(f"read {outcomes} outcomes: {_told(reading)}; remember them: {_told(remembering)}")
    return {"read_s": reading.wall, "remember_s": remembering.wall}


async def _write(journal: KafkaJournal, outcomes: int, a_tick: int) -> None:
    await opened(journal, 0)
    ticks, committing, empty = list(_ticks(outcomes, a_tick)), Measured(), Measured()
    for tick in ticks:
        await committing.of(lambda tick=tick: journal.commit(0, tick))
    last = ticks[-1]
    for _ in range(100):
        await empty.of(lambda: journal.commit(0, Tick(last.number, last.position, last.metadata)))
    await journal.aclose()
    for what, measured in ((f"of {a_tick} outcomes", committing), ("of an offset alone", empty)):
        cpu, wall = (sum(seconds) / len(seconds) * 1e3 for seconds in (measured.cpu, measured.wall))
        fast, quick = (min(_means(seconds)) * 1e3 for seconds in (measured.cpu, measured.wall))
        print(
            f"a tick {what}: {cpu:.2f} ms CPU (best hundredth {fast:.2f}), {wall:.1f} ms (best hundredth {quick:.1f})"
        )


def _means(seconds: list[float]) -> Iterable[float]:
    """Of stretches of a hundredth of all: a single tick is shorter than the clock's grain on some machines."""
    length = max(10, len(seconds) // 100)
    return [sum(seconds[at : at + length]) / length for at in range(0, len(seconds) - length + 1, length)]


async def _remember(past: list[Past]) -> None:
    state = Partition(0, 0, "nonce", Keeping(_DAY, _DAY), None)
    for one in past:
        state.remember(one)


def _told(measured: Measured) -> str:
    cpu, wall = (f"{median(all_):.2f} s ({min(all_):.2f} to {max(all_):.2f})" for all_ in (measured.cpu, measured.wall))
    return f"{cpu} CPU, {wall} in all"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.journal", description=__doc__)
    parser.add_argument("--outcomes", type=int, default=100_000)
    parser.add_argument("--a-tick", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="a file for the seconds of the takeovers")
    given = parser.parse_args()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # as the consumer has it
    with kafka() as bootstrap:
        seconds = asyncio.run(_measure(bootstrap, given.outcomes, given.a_tick, given.rounds))
    if given.json:
        given.json.write_text(json.dumps(seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
