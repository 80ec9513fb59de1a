"""One process of this consumer beside two (`--workers 2`), over a fast relay and one that is far away.

`python -m benchmarks.workers` prints a table; nothing is written. Two workers have twice the connections to the relay,
and the peak is that of the largest process. What both cost a mail tells more than the rate does on a machine where
broker, relay and neighbours want the same cores.
"""

import logging
import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks import report
from benchmarks.bench import Bench, Course, Figures
from benchmarks.systems import OURS, TWO
from devtools.broker import kafka

_ROUNDS = 3
_COURSES = (Course(12_000), Course(4_000, 20, 0.020))
_WITHIN = 300.0


def main() -> int:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    results = defaultdict[tuple[Course, str], list[Figures]](list)
    loads: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, kafka() as bootstrap:
        bench = Bench(bootstrap, Path(folder), within=_WITHIN)
        for course in _COURSES:
            for number in range(_ROUNDS):
                for system in (OURS, TWO):
                    loads.append(os.getloadavg()[0])
                    print(
                        f"{course.name}, round {number + 1}: {system.name}, load {loads[-1]:.1f} ...", file=sys.stderr
                    )
                    results[course, system.name].append(bench.run(system, course))
    print(report.text(results, [f"Load of the machine meanwhile: {min(loads):.1f} to {max(loads):.1f}."]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
