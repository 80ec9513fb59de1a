"""The entrance. `run` and `healthcheck` go straight to work: what the other commands need is not even imported."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the arguments say; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["run"]:
        from consumer.cli.start import run  # noqa: PLC0415  imported late, see above

        return run()
    if given[:2] == ["run", "--workers"] and len(given) == 3 and given[2] in map(str, range(1, 65)):
        from consumer.cli.start import run  # noqa: PLC0415

        return run(int(given[2]))
    # consumer/workers/worker.py says this, nobody else.
    if given[:1] == ["worker"] and len(given) == 3:
        from consumer.cli.start import work  # noqa: PLC0415

        return work(int(given[1]), int(given[2]))
    if given in (["healthcheck"], ["healthcheck", "--ready"]):
        from consumer.cli.health import healthcheck  # noqa: PLC0415

        return healthcheck(ready=len(given) > 1)
    from consumer.cli.commands import execute  # noqa: PLC0415

    return execute(given)


if __name__ == "__main__":
    sys.exit(main())
