"""From the environment to settings, or to everything that is wrong with it at once.

pydantic-settings lets a misspelt variable pass and its errors carry the input
(STYLE 13), so both are looked after here. An error names a variable and a rule, never
a value.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import cast, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource
from typing_extensions import override

from consumer.settings.groups import Settings
from consumer.settings.rules import RULES

PREFIX = "CONSUMER_"
_SECRET_SIZE = 65_536
_OF_TENANTS = ("CONSUMER_TENANTS__FILE",)

# Kubernetes (and docker links) put these into every container of a namespace that has a
# Service whose name starts with "consumer": nobody has written them.
_OF_A_SERVICE = re.compile(r"CONSUMER_(\w+_)?SERVICE_(HOST|PORT(_\w+)?)|CONSUMER_(\w+_)?PORT_\d+_(TCP|UDP|SCTP)(_\w+)?")
_SERVICE_PORT = re.compile(r"CONSUMER_(\w+_)?PORT")
_PLAINER = {
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number such as 0.05",
    "bool_parsing": "must be true or false",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "string_pattern_mismatch": "must be 1 to 249 letters, digits, dots, underscores or hyphens",
}
_SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with the environment: a line for each, with the variable and the rule."""

    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the environment and the field that it sets."""

    name: str
    group: str
    field: str
    info: FieldInfo
    secret: bool


@cache
def variables() -> Mapping[str, Variable]:
    """Every variable there is, by name and in the order of the fields."""
    found = (
        Variable(f"{PREFIX}{group}__{field}".upper(), group, field, info, _is_secret(info))
        for group, about in Settings.model_fields.items()
        for field, info in cast("type[BaseModel]", about.annotation).model_fields.items()
    )
    return {variable.name: variable for variable in found}


def load(
    environ: Mapping[str, str] | None = None, *, only_kafka: bool = False, flags: Mapping[str, str] | None = None
) -> Settings | Wrong:
    """Settings from the environment given, otherwise from that of the process.

    `flags` are variables that the command line says otherwise.
    For a command that speaks to Kafka only, `only_kafka`: no tenants need to be configured.
    """
    ours = _ours(os.environ if environ is None else environ)  # noqa: TID251  the one place that reads it
    ours |= flags or {}
    known, errors = _with_secrets({name: text for name, text in ours.items() if name not in strangers(ours)})
    errors |= {name: _stranger(name) for name in strangers(ours)}
    settings, invalid = _validated(known)
    errors |= invalid
    wrong = {*errors, *(name.removesuffix("_FILE") for name in errors), *(_OF_TENANTS if only_kafka else ())}
    lines = [*errors.items(), *_broken_rules(settings, skipping=wrong)]
    return Wrong(tuple(f"{name} {text}" for name, text in sorted(lines))) if lines else settings


def strangers(ours: Mapping[str, str]) -> frozenset[str]:
    """The names that no setting has."""
    files = {f"{variable.name}_FILE" for variable in variables().values() if variable.secret}
    return frozenset(ours) - variables().keys() - files


def _is_secret(info: FieldInfo) -> bool:
    return SecretStr in get_args(info.annotation) or "SecretStr" in str(info.annotation)


def _ours(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: text for name, text in environ.items() if name.upper().startswith(PREFIX) and not _injected(name, text)
    }


def _injected(name: str, text: str) -> bool:
    if _OF_A_SERVICE.fullmatch(name):
        return True
    return bool(_SERVICE_PORT.fullmatch(name) and _SERVICE_ADDRESS.match(text))


def _stranger(name: str) -> str:
    files = [f"{variable.name}_FILE" for variable in variables().values() if variable.secret]
    near = get_close_matches(name.upper(), [*variables(), *files], n=1, cutoff=0.6)
    return f"is no setting; did you mean {near[0]}?" if near else "is no setting"


def _with_secrets(ours: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The same variables with the contents of `..._FILE` put in, and what is wrong with those."""
    found = {name: text for name, text in ours.items() if name in variables()}
    errors: dict[str, str] = {}
    for file in ours.keys() - found.keys():
        name = file.removesuffix("_FILE")
        content = _content(Path(ours[file]))
        if name in ours:
            errors[file] = f"must not be set together with {name}"
        elif content is None:
            errors[file] = f"must name a file of text that can be read, of at most {_SECRET_SIZE} bytes"
        else:
            found[name] = content
    return found, errors


def _content(path: Path) -> str | None:
    """The text of a secret's file without the line end that editors put there."""
    try:
        with path.open("rb") as file:
            text = file.read(_SECRET_SIZE + 1)
        return text.decode().rstrip("\r\n") if len(text) <= _SECRET_SIZE else None
    except (OSError, ValueError):
        return None


class _Given(EnvSettingsSource):
    """pydantic-settings' reading of names and groups, of the variables handed over."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        super().__init__(Settings)

    @override
    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): text for name, text in self._given.items()}


def _validated(given: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """Settings, with defaults where a variable is wrong: so the rules between the others can be looked at too."""
    try:
        return Settings(**_Given(given)()), {}
    except ValidationError as error:
        wrong = dict(_texts(error))
    settings, _ = _validated({name: text for name, text in given.items() if name not in wrong})
    return settings, wrong


def _texts(error: ValidationError) -> Iterator[tuple[str, str]]:
    for one in error.errors(include_input=False, include_context=False, include_url=False):
        name = PREFIX + "__".join(str(part) for part in one["loc"][:2]).upper()
        text = _PLAINER.get(one["type"], one["msg"]).removeprefix("Value error, ")
        yield name, text.replace("Input should", "must").replace("String should", "must")


def _broken_rules(settings: Settings, *, skipping: set[str]) -> Iterator[tuple[str, str]]:
    for rule in RULES:
        if not rule.holds(settings) and skipping.isdisjoint(_name(setting) for setting in rule.about):
            yield _name(rule.about[0]), rule.text


def _name(setting: str) -> str:
    return PREFIX + setting.replace(".", "__").upper()
