"""How long things may take, and how much is sent."""

import os
from typing import TypeVar

WITHIN = 60.0
"""Seconds for anything that a healthy machine does in one."""

SESSION = 6.0
"""Session timeout of the consumers of a scene."""

PARTITIONS = 6

FULL = os.environ.get("FAULTS_SCALE", "quick") == "full"
SEEDS = range(int(os.environ.get("FAULTS_SEEDS", "1")))
"""Where chance decides, as many runs: each seed is another one, and the same seed the same."""

_T = TypeVar("_T")


def sized(quick: _T, full: _T) -> _T:
    """The figure for this run: `make faults-quick`, or `make faults` with FAULTS_SCALE=full."""
    return full if FULL else quick
