"""One run of one system: its relay and topics are made, it is started, watched and stopped, its use written down."""

import asyncio
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import events, usage, watch
from benchmarks.courses import Course
from benchmarks.relays import Relay, relay
from benchmarks.systems import Place, System
from benchmarks.watch import FailedError
from devtools.child import Child

_STOPPED_WITHIN = 30.0
_FEW = 300
"""Mails of the small run that tells what starting, connecting and stopping cost."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run took: mails a second, CPU seconds a mail, MB at the peak."""

    rate: float
    cpu: float
    peak: float


class Bench:
    """A broker with its requests, and a relay; runs happen one after another."""

    def __init__(self, bootstrap: str, folder: Path, *, within: float) -> None:
        self.bootstrap = bootstrap
        self.folder = folder
        self.within = within
        self._filled: dict[tuple[int, int, int], str] = {}

    def run(self, system: System, course: Course) -> Figures:
        """CPU seconds are those a mail takes once the process is up: a small run's are subtracted."""
        few = self._measured(system, replace(course, mails=_FEW))[1]
        rate, all_ = self._measured(system, course)
        return Figures(rate, (all_.cpu - few.cpu) / (course.mails - _FEW), all_.peak)

    def place(self, course: Course, relay: Relay, requests: str) -> Place:
        """A run of that course on that topic, with topics of its own for what comes of it."""
        made = Place(self.bootstrap, requests, uuid.uuid4().hex[:8], relay, course, self.folder)
        topics = events.make_topics(
            self.bootstrap, outcomes=made.outcomes, parked=made.parked, partitions=course.partitions
        )
        asyncio.run(topics)
        return made

    @contextmanager
    def at_work(self, system: System, place: Place) -> Iterator[Child]:
        """The system, started; stopped in order at the end, and its use written down."""
        start = system.start(place)
        command = [sys.executable, "-m", "benchmarks.usage", str(self._report(place)), *start.command]
        child = Child.start(command, log=self.log(place), environment=start.environment)
        try:
            yield child
        finally:
            child.stop(_STOPPED_WITHIN)
        if not self._report(place).exists():
            raise FailedError(f"{system.name} had to be killed; the end of its log:\n{child.tail}")
        if self.used(place).code:
            raise FailedError(f"{system.name} ended with an error; the end of its log:\n{child.tail}")

    def used(self, place: Place) -> usage.Usage:
        """What it took from its start to its end."""
        return usage.read(self._report(place))

    def log(self, place: Place) -> Path:
        """What it has said."""
        return self.folder / f"{place.run}.log"

    def requests(self, course: Course) -> str:
        """A topic of so many requests; every run reads it from the start, in a group of its own."""
        what = (course.mails, course.tenants, course.partitions)
        if what not in self._filled:
            topic = self.empty(course)
            asyncio.run(events.fill(self.bootstrap, topic, course.mails, events.tenants(course.tenants)))
            self._filled[what] = topic
        return self._filled[what]

    def empty(self, course: Course) -> str:
        """A topic for requests."""
        topic = f"requests-{course.mails}-{uuid.uuid4().hex[:8]}"
        asyncio.run(events.make_topics(self.bootstrap, requests=topic, partitions=course.partitions))
        return topic

    def _measured(self, system: System, course: Course) -> tuple[float, usage.Usage]:
        requests = self.requests(course) if system.outcomes else ""
        with relay(course.kind, course.round_trip, self.folder) as at:
            place = self.place(course, at, requests)
            with self.at_work(system, place) as child:
                rate = self._rate(child, place) if system.outcomes else 0.0
                if not system.outcomes and not child.wait(self.within):
                    raise FailedError(f"{system.name} did not end within {self.within:.0f} s")
        used = self.used(place)
        return rate or course.mails / used.wall, used

    def _rate(self, child: Child, place: Place) -> float:
        seen = watch.outcomes(
            self.bootstrap, place.outcome_places, place.course.mails, alive=alive(child), within=self.within
        )
        return asyncio.run(seen).rate

    def _report(self, place: Place) -> Path:
        return self.folder / f"{place.run}.json"


def alive(child: Child) -> watch.Alive:
    """Raises once the child has ended."""

    def check() -> None:
        if not child.running:
            raise FailedError(f"it ended before its work was done; the end of its log:\n{child.tail}")

    return check
