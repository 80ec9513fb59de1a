"""What stands before the work: all that is wrong with settings and tenants, said at once."""

import sys
from collections.abc import Iterable
from pathlib import Path

from consumer.adapters import logs, tenants_file, vault_file
from consumer.cli.exits import Exit
from consumer.core.tenants import Faults
from consumer.settings import Settings, Wrong, load

_WORKERS = "CONSUMER_WORK__WORKERS"


def run(workers: int | None = None) -> int:
    """The consumer itself; with several `workers`, the process that starts them. None: as the settings say."""
    settings = load(flags={} if workers is None else {_WORKERS: str(workers)})
    wrong = faults(settings)
    if wrong or isinstance(settings, Wrong):
        return refuse(wrong)
    logs.configure(settings.log.level, settings.log.format)
    if settings.work.workers > 1:
        from consumer import workers as several  # noqa: PLC0415  nobody else needs it

        return several.run(settings)
    from consumer import app  # noqa: PLC0415  wrong settings are told before Kafka's client is even loaded

    return app.run(settings)


def work(number: int, link: int) -> int:
    """One of several workers: started by `run`, seen over the descriptor of its link."""
    settings = load(flags={_WORKERS: "1"})
    wrong = faults(settings)
    if wrong or isinstance(settings, Wrong):
        return refuse(wrong)
    logs.configure(settings.log.level, settings.log.format, worker=number)
    from consumer import app  # noqa: PLC0415  as above

    return app.run(_numbered(settings, number), link)


def _numbered(settings: Settings, number: int) -> Settings:
    """No two members may have the same id."""
    if settings.kafka.group_instance_id is None:
        return settings
    kafka = {"group_instance_id": f"{settings.kafka.group_instance_id}-{number}"}
    return settings.model_copy(update={"kafka": settings.kafka.model_copy(update=kafka)})


def faults(settings: Settings | Wrong) -> tuple[str, ...]:
    """What is wrong, in settings and in the files of tenants and of PII tokens that they name."""
    if isinstance(settings, Wrong):
        return settings.errors
    pii = _of_values(settings.pii.file)
    if settings.tenants.file is None:
        return pii
    directory = tenants_file.read(settings.tenants.file, plain=settings.smtp.allow_plaintext)
    return (*(f"CONSUMER_TENANTS__FILE: {line}" for line in _lines(directory)), *pii)


def refuse(wrong: Iterable[str]) -> int:
    """Says what is wrong, a line each."""
    for line in wrong:
        print(line, file=sys.stderr)
    return Exit.SETTINGS


def _of_values(file: Path | None) -> tuple[str, ...]:
    try:
        if file is not None:
            vault_file.read(file)
    except vault_file.BrokenVaultFileError as error:
        return (f"CONSUMER_PII__FILE: {error}",)
    return ()


def _lines(directory: tenants_file.Directory | Faults) -> tuple[str, ...]:
    return directory.errors if isinstance(directory, Faults) else ()
