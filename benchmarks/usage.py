"""Runs one command and writes down what it used: `python -m benchmarks.usage FILE COMMAND...`.

A small process of its own, because a child's peak memory starts at the size of whoever forked it.
"""

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process used from its start to its end: CPU (user and system) and wall in seconds, peak memory in MB."""

    code: int
    cpu: float
    wall: float
    peak: float


def read(file: Path) -> Usage:
    """What was written down there."""
    return Usage(**json.loads(file.read_text()))


def main() -> int:
    file, *command = sys.argv[1:]
    # SIGTERM goes to the whole group: the command acts on it, we stay to see its end.
    signal.signal(signal.SIGTERM, lambda *_: None)
    started = time.monotonic()
    code = subprocess.call([*_bound_to_us(), *command])
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.monotonic() - started
    usage = Usage(code, used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)
    Path(file).write_text(json.dumps(asdict(usage)))
    return code


def _bound_to_us() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


if __name__ == "__main__":
    sys.exit(main())
