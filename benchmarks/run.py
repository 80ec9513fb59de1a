"""`make bench` and `make bench-quick`: this consumer beside a plain one, and beside the bare relay, in one run.

A full run takes each figure three times, in turns, and writes docs/performance.md. A quick one takes each once, writes
nothing, and fails if a mail takes more of the plain consumer's CPU time than it used to. Ratios of one run are what
counts: all systems had the same machine, with the same neighbours on it.
"""

import argparse
import logging
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report, sink
from benchmarks.bench import Bench, Course, Figures
from benchmarks.systems import OURS, PLAIN, SOURCE, System
from benchmarks.watch import FailedError
from devtools.broker import NoKafkaError, kafka

LEAST_ADVANTAGE = 3.5
"""How many times a mail's CPU time here the plain consumer must take: what is reached, with a margin. The goal is 6."""

_ROUNDS = 3
_FAST = Course(6_000)
_FAR = (Course(1_500, 20, 0.020), Course(3_000, 100, 0.020))
_QUICK = Course(4_000)
_WITHIN = 240.0
_QUICK_WITHIN = 120.0
_ALL = (SOURCE, PLAIN, OURS)


def main() -> int:
    quick = _arguments().quick
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # New topics have no leader for a moment, and the library tells of each attempt.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    systems = [system for system in _ALL if system is not SOURCE or sink.source()]
    skipped = [f"Skipped: {system.name} (it is not installed)." for system in _ALL if system not in systems]
    courses = (_QUICK,) if quick else (_FAST, *_FAR)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, kafka() as bootstrap:
            bench = Bench(bootstrap, Path(folder), within=_QUICK_WITHIN if quick else _WITHIN)
            results = _measure(bench, systems, courses, rounds=1 if quick else _ROUNDS)
    except (FailedError, NoKafkaError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    section = report.text(results, skipped)
    print(section)
    if quick:
        return _verdict(results)
    report.write(section)
    print("written to docs/performance.md", file=sys.stderr)
    return 0


def _measure(
    bench: Bench, systems: Sequence[System], courses: Sequence[Course], *, rounds: int
) -> dict[tuple[Course, str], list[Figures]]:
    """In turns, so that a disturbance of minutes does not meet one system alone."""
    results = defaultdict[tuple[Course, str], list[Figures]](list)
    for course in courses:
        for number in range(rounds):
            for system in systems:
                print(f"{course.name}, round {number + 1} of {rounds}: {system.name} ...", file=sys.stderr, flush=True)
                results[course, system.name].append(bench.run(system, course))
    return results


def _verdict(results: report.Results) -> int:
    advantage = report.cpu(results[_QUICK, PLAIN.name]) / report.cpu(results[_QUICK, OURS.name])
    enough = advantage >= LEAST_ADVANTAGE
    compared = "which is enough" if enough else "which is a step back: profile it (docs/performance.md)"
    print(
        f"A mail costs the plain consumer {advantage:.2f} times the CPU time that it costs this one, {compared}; "
        f"the least is {LEAST_ADVANTAGE}, the goal 6."
    )
    return 0 if enough else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each figure once, few mails, and a verdict")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
