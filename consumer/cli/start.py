"""What stands before the work: all that is wrong with settings and tenants, said at once."""

import sys
from collections.abc import Iterable

from consumer.adapters import logs, tenants_file
from consumer.cli.exits import Exit
from consumer.core.tenants import Faults
from consumer.settings import Settings, Wrong, load


def run() -> int:
    """The consumer itself."""
    settings = load()
    wrong = faults(settings)
    if wrong or isinstance(settings, Wrong):
        return refuse(wrong)
    logs.configure(settings.log.level, settings.log.format)
    from consumer import app  # noqa: PLC0415  wrong settings are told before Kafka's client is even loaded

    return app.run(settings)


def faults(settings: Settings | Wrong) -> tuple[str, ...]:
    """What is wrong, in settings and in the tenants file that they name."""
    if isinstance(settings, Wrong):
        return settings.errors
    if settings.tenants.file is None:
        return ()
    directory = tenants_file.read(settings.tenants.file, plain=settings.smtp.allow_plaintext)
    return tuple(f"CONSUMER_TENANTS__FILE: {line}" for line in _lines(directory))


def refuse(wrong: Iterable[str]) -> int:
    """Says what is wrong, a line each."""
    for line in wrong:
        print(line, file=sys.stderr)
    return Exit.SETTINGS


def _lines(directory: tenants_file.Directory | Faults) -> tuple[str, ...]:
    return directory.errors if isinstance(directory, Faults) else ()
