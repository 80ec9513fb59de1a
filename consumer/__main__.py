"""The entrance. `run` and `healthcheck` go straight to work: what the other commands need is not even imported."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the arguments say; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["run"]:
        from consumer.cli.start import run  # noqa: PLC0415  imported late, see above

        return run()
    if given in (["healthcheck"], ["healthcheck", "--ready"]):
        from consumer.cli.health import healthcheck  # noqa: PLC0415

        return healthcheck(ready=len(given) > 1)
    from consumer.cli.commands import execute  # noqa: PLC0415

    return execute(given)


if __name__ == "__main__":
    sys.exit(main())
