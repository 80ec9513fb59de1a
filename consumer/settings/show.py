"""Settings for people: the ones in force, and the page that lists them all."""

from collections.abc import Iterator
from datetime import timedelta
from typing import cast

from pydantic import BaseModel, ByteSize, SecretStr

from consumer.settings.groups import Settings
from consumer.settings.load import Variable, variables

_HEAD = """# Settings

Every setting is a variable of the environment. Lists are JSON (`["a", "b"]`) or have commas; lengths of time are
`30s`, `5m`, `24h`, `7d` or a number of seconds. A secret can also be given as `..._FILE`, the name of a file that holds
it. `consumer check` says everything that is wrong at once, one line each, and shows what is in force; wrong settings
end the process with exit code 78. A misspelt `CONSUMER_` variable is an error too, except for those that Kubernetes
itself sets for a Service whose name starts with `consumer`.

This page is made from the code: `consumer reference settings > docs/settings.md`.
"""


def resolved(settings: Settings) -> dict[str, object]:
    """Every variable and its value in force, secrets masked."""
    return {name: _plain(_value(settings, variable)) for name, variable in variables().items()}


def reference() -> str:
    """docs/settings.md."""
    return _HEAD + "".join(_tables())


def _tables() -> Iterator[str]:
    group = ""
    for variable in variables().values():
        if variable.group != group:
            group = variable.group
            yield f"\n## {group}\n\n| variable | default | what for |\n|---|---|---|\n"
        yield f"| `{variable.name}` | {_default(variable)} | {_described(variable)} |\n"


def _described(variable: Variable) -> str:
    return " ".join((variable.info.description or "").split())


def _default(variable: Variable) -> str:
    default = _plain(variable.info.get_default(call_default_factory=True, validated_data={}))
    return "" if default in (None, [], {}, "") else f"`{default}`"


def _value(settings: Settings, variable: Variable) -> object:
    return getattr(cast("BaseModel", getattr(settings, variable.group)), variable.field)


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return "***"
    if isinstance(value, ByteSize):
        return _size(value)
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, tuple | frozenset):
        return sorted(str(item) for item in cast("tuple[object, ...]", value))
    if isinstance(value, dict):
        return cast("dict[str, str]", value)
    return value if value is None or isinstance(value, bool | int) else str(value)


def _size(value: int) -> str:
    for size, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value % size == 0:
            return f"{value // size}{unit}"
    return str(int(value))


def _duration(value: timedelta) -> str:
    seconds = value.total_seconds()
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
