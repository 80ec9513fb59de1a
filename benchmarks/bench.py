"""One run of one system: its relay and topics are made, it is started, watched and stopped, its use written down."""

import asyncio
import socket
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import events, sink, usage, watch
from benchmarks.systems import Place, System
from benchmarks.watch import FailedError
from devtools.child import Child

_UP_WITHIN = 20.0
_STOPPED_WITHIN = 30.0
_FEW = 300
"""Mails of the small run that tells what starting, connecting and stopping cost."""


@dataclass(frozen=True, slots=True)
class Course:
    """What a system is put through: so many mails, over so many connections, with so long a way to the relay and back."""

    mails: int
    connections: int = 20
    round_trip: float = 0.0

    @property
    def name(self) -> str:
        way = f"{self.round_trip * 1000:.0f} ms round trip" if self.round_trip else "fast relay"
        return f"{way}, {self.connections} connections"


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run took."""

    rate: float
    cpu: float
    peak: float


class Bench:
    """A broker with its requests, and a relay; runs happen one after another."""

    def __init__(self, bootstrap: str, folder: Path, *, within: float) -> None:
        self._bootstrap = bootstrap
        self._folder = folder
        self._within = within
        self._filled: dict[int, str] = {}

    def run(self, system: System, course: Course) -> Figures:
        """CPU seconds are those a mail takes once the process is up: a small run's are subtracted."""
        few = self._measured(system, Course(_FEW, course.connections, course.round_trip))[1]
        rate, all_ = self._measured(system, course)
        return Figures(rate, (all_.cpu - few.cpu) / (course.mails - _FEW), all_.peak)

    def _measured(self, system: System, course: Course) -> tuple[float, usage.Usage]:
        requests = self._requests(course.mails) if system.outcomes else ""
        with self._relay(course.round_trip) as port:
            run = uuid.uuid4().hex[:8]
            place = Place(self._bootstrap, requests, run, port, course.connections, course.mails, self._folder)
            if system.outcomes:
                asyncio.run(events.make_topics(self._bootstrap, outcomes=place.outcomes, parked=place.parked))
            return self._watched(system, place)

    def _watched(self, system: System, place: Place) -> tuple[float, usage.Usage]:
        report, log = self._folder / f"{place.run}.json", self._folder / f"{place.run}.log"
        start = system.start(place)
        command = [sys.executable, "-m", "benchmarks.usage", str(report), *start.command]
        child = Child.start(command, log=log, environment=start.environment)
        try:
            rate = self._rate(child, place) if system.outcomes else 0.0
            if not system.outcomes and not child.wait(self._within):
                raise FailedError(f"{system.name} did not end within {self._within:.0f} s")
        finally:
            child.stop(_STOPPED_WITHIN)
        if not report.exists():
            raise FailedError(f"{system.name} had to be killed; the end of its log:\n{child.tail}")
        used = usage.read(report)
        if used.code:
            raise FailedError(f"{system.name} ended with {used.code}; the end of its log:\n{child.tail}")
        return rate or place.mails / used.wall, used

    def _rate(self, child: Child, place: Place) -> float:
        def alive() -> None:
            if not child.running:
                raise FailedError(f"it ended before its work was done; the end of its log:\n{child.tail}")

        seen = watch.outcomes(self._bootstrap, place.outcomes, place.mails, alive=alive, within=self._within)
        return asyncio.run(seen).rate

    def _requests(self, mails: int) -> str:
        """A topic of so many requests; every run reads it from the start, in a group of its own."""
        if mails not in self._filled:
            topic = f"requests-{mails}-{uuid.uuid4().hex[:8]}"
            asyncio.run(events.make_topics(self._bootstrap, requests=topic))
            asyncio.run(events.fill(self._bootstrap, topic, mails))
            self._filled[mails] = topic
        return self._filled[mails]

    @contextmanager
    def _relay(self, round_trip: float) -> Iterator[int]:
        port = _free_port()
        with _running(sink.command(port), port, self._folder / "sink.log"):
            if not round_trip:
                yield port
                return
            far = _free_port()
            words = [sys.executable, "-m", "benchmarks.delay", str(far), str(port), str(round_trip * 500)]
            with _running(words, far, self._folder / "delay.log"):
                yield far


@contextmanager
def _running(command: list[str], port: int, log: Path) -> Iterator[None]:
    child = Child.start(command, log=log)
    try:
        _wait_until_it_listens(child, port)
        yield
    finally:
        child.stop(5)


def _wait_until_it_listens(child: Child, port: int) -> None:
    deadline = time.monotonic() + _UP_WITHIN
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if child.wait(0.05) or time.monotonic() > deadline:
                raise FailedError(f"no relay came up on port {port}; its log:\n{child.tail}") from error
        else:
            return


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
