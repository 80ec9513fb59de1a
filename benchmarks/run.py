"""`make bench` and `make bench-quick`: this consumer beside a plain one, and beside the bare relay, in one run.

A full run measures all parts, one after another; `--only fast,far` measures these. As soon as a part is done, it takes
its place in docs/plots/figures.json, and the plots and the section of docs/performance.md are written anew from that
file. So a run that was broken off is carried on by naming the parts that are missing. `--draw` only writes anew.

A quick run takes two figures once, writes nothing, and fails if a mail takes more than a sixth of the
plain consumer's CPU time. Ratios of one run are what counts: all systems had the same machine, with the same neighbours.
"""

import argparse
import logging
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import book, goals, plots, report
from benchmarks.bench import Bench
from benchmarks.courses import Course
from benchmarks.parts import PARTS, Scale, measured
from benchmarks.systems import OURS, PLAIN
from benchmarks.watch import FailedError
from devtools.broker import NoKafkaError, kafka

LEAST_ADVANTAGE = 6.0
"""How many times a mail's CPU time here the plain consumer must take."""

_HOME = Path(__file__).parent.parent
_QUICK = Course(20_000)
_WITHIN = 300.0
_QUICK_WITHIN = 120.0


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a run is written down."""

    figures: Path
    plots: Path
    document: Path | None

    def put(self, name: str, part: book.Part) -> None:
        """The part, in the place of what it was; tables and plots with it."""
        book.write(self.figures, book.merged(book.read(self.figures), name, part, list(PARTS)))
        self.draw()

    def draw(self) -> str:
        """Tables and plots, from the figures as they stand; the tables once more for who looks on."""
        all_ = book.read(self.figures)
        plots.draw(all_, self.plots)
        section = report.text(all_)
        if self.document:
            report.write(section, self.document)
        return section


DOCS = Desk(_HOME / "docs/plots/figures.json", _HOME / "docs/plots", _HOME / "docs/performance.md")
TRIED = Desk(_HOME / ".cache/bench/figures.json", _HOME / ".cache/bench", None)


def main() -> int:
    given = _arguments()
    desk = TRIED if given.small else DOCS
    if given.draw:
        print(desk.draw())
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # New topics have no leader for a moment, and the library tells of each attempt.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, kafka() as bootstrap:
            if given.quick:
                return _quick(Bench(bootstrap, Path(folder), within=_QUICK_WITHIN))
            _measure(given.only, Bench(bootstrap, Path(folder), within=_WITHIN), desk, small=given.small)
    except (FailedError, NoKafkaError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"{desk.draw()}\nwritten to {desk.document or desk.figures}", file=sys.stderr)
    print(goals.table(book.read(desk.figures)))
    return 0


def _measure(names: Sequence[str], bench: Bench, desk: Desk, *, small: bool) -> None:
    scale = Scale(1, small=True) if small else Scale()
    for name in names:
        print(f"== {name}", file=sys.stderr, flush=True)
        desk.put(name, measured(PARTS[name], bench, scale))


def _quick(bench: Bench) -> int:
    costs: dict[str, float] = {}
    for system in (PLAIN, OURS):
        print(f"{_QUICK.name}: {system.name} ...", file=sys.stderr, flush=True)
        found = bench.run(system, _QUICK)
        costs[system.name] = found.cpu
        print(f"{system.name}: {found.rate:,.0f} mails/s, {found.cpu * 1e6:,.0f} us a mail, {found.peak:.0f} MB")
    advantage = costs[PLAIN.name] / costs[OURS.name]
    enough = advantage >= LEAST_ADVANTAGE
    compared = "which is enough" if enough else "which is a step back: profile it (docs/performance.md)"
    print(
        f"A mail costs the plain consumer {advantage:.2f} times the CPU time that it costs this one, {compared}; "
        f"the least is {LEAST_ADVANTAGE:g}."
    )
    return 0 if enough else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two figures once, and a verdict; nothing is written")
    parser.add_argument("--only", type=_parts, default=tuple(PARTS), metavar="PART,...", help=", ".join(PARTS))
    parser.add_argument("--small", action="store_true", help="only to see that it runs; written to .cache/bench")
    parser.add_argument("--draw", action="store_true", help="measure nothing: tables and plots from the figures")
    return parser.parse_args()


def _parts(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if strangers := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"{', '.join(strangers)}: there is no such part")
    return names


if __name__ == "__main__":
    sys.exit(main())
