"""`consumer validate`: events held against the published schemas, as the service itself would."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from consumer.adapters import schemas
from consumer.cli import files
from consumer.cli.exits import Exit
from consumer.cli.files import Found
from consumer.core.attribute import TYPES
from consumer.core.decode import Decoder
from consumer.core.envelope import Refused
from consumer.core.judge import Judge

TYPES_OF_EVENTS = tuple(sorted({*TYPES.values(), *schemas.outcomes()}))
"""What can be judged."""


def known(type_: str) -> bool:
    """Whether there is a schema for that, by its name or the short one of a request."""
    return type_ in TYPES or type_ in TYPES_OF_EVENTS


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with an event, if anything is."""

    place: str
    type: str
    errors: tuple[str, ...]

    def as_json(self) -> str:
        told = {"place": self.place, "type": self.type, "valid": not self.errors, "errors": self.errors}
        return json.dumps(told, ensure_ascii=False)

    def as_lines(self) -> str:
        return "\n".join(f"{self.place}: {error}" for error in self.errors) or f"{self.place}: valid {self.type}"


class Validator:
    """Judges requests and outcomes. `type_` and `tenant` are those of events that are data alone."""

    def __init__(self, tenant: str | None, type_: str) -> None:
        self._tenant = tenant
        self._type = type_
        self._decoder = Decoder(schemas.requests())
        self._outcomes = {name: Judge(schema) for name, schema in schemas.outcomes().items()}

    def verdict(self, found: Found) -> Verdict:
        type_ = str(found.fields.get("type", "")) if found.wrapped else self._type
        if type_ in self._outcomes:
            data = found.fields.get("data") if found.wrapped else files.parsed(found.content)
            return Verdict(found.place, type_, self._outcomes[type_].errors(data))
        asked = self._decoder.decode(found.record(self._tenant, self._type, time.time()))
        known = TYPES.get(type_, "event")
        return Verdict(found.place, known, asked.outcome.errors if isinstance(asked, Refused) else ())


def validate(paths: Sequence[Path], tenant: str | None, type_: str, *, as_json: bool) -> Exit:
    """Prints a line for each fault, and one for each event without any."""
    validator = Validator(tenant, type_)
    code = Exit.OK
    for path in paths:
        events = files.read(path)
        if isinstance(events, str):
            print(events, file=sys.stderr)
            code = Exit.USAGE
            continue
        for verdict in map(validator.verdict, events):
            print(verdict.as_json() if as_json else verdict.as_lines())
            if verdict.errors and code is Exit.OK:
                code = Exit.OTHER
    return code
