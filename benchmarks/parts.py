"""The parts of a run: what each measures, and how. Each fits into nine minutes on two free cores."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from benchmarks import latency, parked, relays, sink
from benchmarks.bench import Bench, Figures, alive
from benchmarks.book import Part, Row
from benchmarks.courses import Course
from benchmarks.relays import Kind
from benchmarks.report import taken
from benchmarks.systems import OURS, PLAIN, SOURCE, TWO, System
from benchmarks.watch import FailedError


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done. A small run only shows that it works: its figures mean nothing."""

    rounds: int = 3
    small: bool = False

    def mails(self, many: int) -> int:
        return min(many, 600) if self.small else many

    def seconds(self, long: float) -> float:
        return min(long, 3.0) if self.small else long


@dataclass(slots=True)
class Run:
    """One part being measured. `note` tells what is done next, and remembers the load of the machine."""

    bench: Bench
    scale: Scale
    loads: list[float]

    def note(self, text: str) -> None:
        self.loads.append(os.getloadavg()[0])
        print(f"{text}, load {self.loads[-1]:.1f} ...", file=sys.stderr, flush=True)


Measure: TypeAlias = Callable[[Run], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A part. `kinds` are the relays that it needs, `systems` who is measured beside one another."""

    measure: Measure
    kinds: Sequence[Kind] = ()
    systems: Sequence[System] = ()


def measured(plan: Plan, bench: Bench, scale: Scale) -> Part:
    """The part, or what there is of it: it says what was skipped."""
    skipped = [f"Skipped: {why}." for kind in plan.kinds if (why := relays.missing(kind))]
    run = Run(bench, scale, [os.getloadavg()[0]])
    rows = [] if skipped else list(plan.measure(run))
    if SOURCE in plan.systems and not sink.source():
        skipped.append("Skipped: smtp-source, which is not installed.")
    return Part(taken(run.loads, [relays.told(kind) for kind in plan.kinds if not relays.missing(kind)]), rows, skipped)


def _beside(courses: Sequence[Course], systems: Sequence[System], *, rounds: int | None = None) -> Plan:
    """Systems beside one another: a table for each course."""

    def measure(run: Run) -> Iterator[Row]:
        here = [system for system in systems if system is not SOURCE or sink.source()]
        for course in courses:
            course = replace(course, mails=run.scale.mails(course.mails))  # noqa: PLW2901
            title = f"{course.name}, {course.mails:,} mails"
            cases = {system.name: (system, course) for system in here}
            yield from _in_turns(run, title, cases, rounds=rounds)

    return Plan(measure, tuple(dict.fromkeys(course.kind for course in courses)), systems)


def _in_turns(
    run: Run, title: str, cases: Mapping[str, tuple[System, Course]], *, rounds: int | None = None
) -> Iterator[Row]:
    """In turns, so that a disturbance of minutes does not meet one of them alone."""
    found: dict[str, list[Figures]] = {name: [] for name in cases}
    last = min(rounds or run.scale.rounds, run.scale.rounds)
    for number in range(1, last + 1):
        for name, (system, course) in cases.items():
            run.note(f"{title}, round {number} of {last}: {name}")
            found[name].append(run.bench.run(system, course))
    for name, (_, course) in cases.items():
        yield Row(title, name, _figures(found[name]), course.given)


def _figures(found: Sequence[Figures]) -> dict[str, list[float]]:
    return {
        "rate": [one.rate for one in found],
        "cpu_us": [one.cpu * 1e6 for one in found],
        "peak_mb": [one.peak for one in found],
    }


def _growth(run: Run) -> Iterator[Row]:
    course = Course(run.scale.mails(12_000))
    over = {f"{count:,} tenant{'s' * (count > 1)}": replace(course, tenants=count) for count in (1, 10, 1_000, 10_000)}
    title = f"{OURS.name}, {course.name}, {course.mails:,} mails"
    yield from _in_turns(run, f"{title}, 6 partitions", {name: (OURS, one) for name, one in over.items()})
    over = {
        f"{count} partition{'s' * (count > 1)}": replace(course, partitions=count, tenants=1_000)
        for count in (1, 6, 48)
    }
    yield from _in_turns(run, f"{title}, 1,000 tenants", {name: (OURS, one) for name, one in over.items()})


_IDLE, _IDLE_FOR = 5.0, 40.0
_SHARES, _LOADED_FOR = (0.1, 0.25, 0.5, 0.7, 0.8, 0.9), 20.0


def _latency(run: Run) -> Iterator[Row]:
    course, bench = Course(run.scale.mails(6_000)), run.bench
    run.note(f"{course.name}: the throughput of a backlog of {course.mails:,}")
    most = bench.run(OURS, course).rate
    idle, loaded = run.scale.seconds(_IDLE_FOR), run.scale.seconds(_LOADED_FOR)
    paces = [(_IDLE, idle), *((most * share, loaded) for share in _SHARES)]
    run.note(f"{course.name}: {_IDLE:.0f} requests a second, then shares of {most:,.0f}")
    with relays.relay(course.kind, 0.0, bench.folder) as at:
        place = bench.place(course, at, bench.empty(course))
        with bench.at_work(OURS, place) as child:
            found = asyncio.run(latency.waits(place, paces, alive=alive(child), within=bench.within))
    names = ["idle", *(f"{share:.0%} of {most:,.0f} mails/s" for share in _SHARES)]
    for name, (rate, seconds), waited in zip(names, paces, found, strict=True):
        figures = {f"p{part * 100:.0f}_ms": [latency.share(waited, part) * 1000] for part in (0.5, 0.99)}
        figures["most_ms"] = [max(waited) * 1000]
        title = f"{OURS.name}, {course.name}: from request to outcome, {idle:.0f} s idle, {loaded:.0f} s each with load"
        yield Row(title, name, figures, {**course.given, "offered": round(rate, 1), "for_s": seconds})


_PARKED = (0, 20_000, 100_000, 1_000_000)


def _memory(run: Run) -> Iterator[Row]:
    course = Course(run.scale.mails(20_000))
    title = f"{course.name}, {course.mails:,} requests in the topic"
    yield from _in_turns(run, title, {system.name: (system, course) for system in (PLAIN, OURS)}, rounds=1)
    for count in (0, 600, 1_200) if run.scale.small else _PARKED:
        run.note(f"{count:,} parked requests")
        took = parked.measure(run.bench, count)
        figures = {"peak_mb": [took.peak], "resident_mb": [took.resident], "ready_s": [took.ready]}
        title = f"{OURS.name}, a process that takes over six partitions with parked requests"
        yield Row(title, f"{count:,} parked", figures, {"parked": count})


def _takeover(run: Run) -> Iterator[Row]:
    outcomes, rounds = (2_000, 2) if run.scale.small else (100_000, 5)
    run.note(f"a partition with {outcomes:,} outcomes is taken over")
    report = run.bench.folder / "journal.json"
    command = [sys.executable, "-m", "benchmarks.journal", "--outcomes", str(outcomes), "--rounds", str(rounds)]
    at = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": run.bench.bootstrap}
    ended = subprocess.run([*command, "--json", str(report)], env=at, check=False, timeout=500, stdout=sys.stderr)
    if ended.returncode:
        raise FailedError("benchmarks.journal failed")
    yield Row(
        "a partition is taken over", f"{outcomes:,} outcomes", json.loads(report.read_text()), {"outcomes": outcomes}
    )


_ALL = (SOURCE, PLAIN, OURS)
_FAR = 0.020


def _far(kind: Kind) -> tuple[Course, Course]:
    return Course(6_000, 20, _FAR, kind), Course(16_000, 100, _FAR, kind)


PARTS: Mapping[str, Plan] = {
    "fast": _beside((Course(20_000),), _ALL),
    "far": _beside(_far(Kind.SINK), _ALL),
    "trips": _beside(tuple(Course(3_000, 20, trip) for trip in (0.005, 0.010, 0.050, 0.100)), _ALL, rounds=1),
    "starttls": _beside(_far(Kind.STARTTLS), (PLAIN, OURS)),
    "postfix": _beside((Course(4_000, kind=Kind.POSTFIX),), _ALL),
    "growth": Plan(_growth, (Kind.SINK,)),
    "workers": _beside((Course(20_000), Course(6_000, 20, _FAR)), (OURS, TWO)),
    "latency": Plan(_latency, (Kind.SINK,)),
    "memory": Plan(_memory, (Kind.SINK,)),
    "takeover": Plan(_takeover),
}
