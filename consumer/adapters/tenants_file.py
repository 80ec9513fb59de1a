"""The tenant directory in a YAML file, read again when it changes.

A new file counts once it has stood still from one look to the next: a file seen
half-written can be good YAML with half of the tenants. A broken one leaves the old one
in force. What is watched is what the name leads to, so that the symlinks of a
Kubernetes ConfigMap are followed; the files of passwords and keys are watched with it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import structlog
import yaml
from typing_extensions import override

from consumer.core.dkim_fields import key_files
from consumer.core.tenant import Tenant, UnknownTenant
from consumer.core.tenants import Faults, Plain, parse_tenants
from consumer.ports import Tenants

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where it is there: ten times as fast

LARGEST = 5_000_000
MOST_NODES = 1_000_000  # with every alias counted as what it stands for: no bomb goes off
DEEPEST = 20  # libyaml's composer calls itself for each level: deep enough, it takes the process down
_LARGEST_SECRET = 65_536
_MOST_ERRORS_LOGGED = 20

Stamp: TypeAlias = tuple[tuple[int, int, int] | None, ...]

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Directory:
    """A file that could be used: the tenants in it, and the files it was made of, as they were then."""

    tenants: Mapping[str, Tenant]
    files: tuple[Path, ...]
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class State:
    """How it stands with the file: what is wrong with the newest one, and how many tenants are in force."""

    errors: tuple[str, ...]
    tenants: int

    @property
    def ok(self) -> bool:
        return not self.errors


def read(path: Path, *, plain: Plain = False) -> Directory | Faults:
    """The directory as the file describes it now."""
    stamp = _stamp((path,))
    document = _document(path)
    if isinstance(document, Faults):
        return document
    named = _secret_files(document)
    files = (path, *map(Path, named))
    stamp += _stamp(files[1:])
    secrets = {name: text for name in named if (text := _secret(Path(name))) is not None}
    tenants = parse_tenants(document, plain=plain, secrets=secrets)
    return tenants if isinstance(tenants, Faults) else Directory(tenants, files, stamp)


class TenantsFile(Tenants):
    """What was read last without a fault. `run` belongs into a TaskGroup and keeps it up to date."""

    def __init__(
        self,
        path: Path,
        first: Directory,
        *,
        plain: Plain = False,
        on_change: Callable[[State], None] = lambda _: None,
    ) -> None:
        self._path = path
        self._plain = plain
        self._in_force = first
        self._seen = self._judged = first.stamp
        self._on_change = on_change
        self._state = State((), len(first.tenants))

    @override
    def __repr__(self) -> str:
        return f"<TenantsFile {self._state.tenants} tenants, {'ok' if self._state.ok else 'newest file broken'}>"

    @property
    def state(self) -> State:
        return self._state

    @override
    async def get(self, name: str) -> Tenant | UnknownTenant:
        return self._in_force.tenants.get(name) or UnknownTenant(name)

    async def run(self, *, every: float = 1.0) -> None:
        """Looks at the file for ever."""
        while True:
            await asyncio.sleep(every)
            await self.look()

    async def look(self) -> None:
        """Takes a changed file into force, if it has stood still since the last look and is right."""
        stamp = await asyncio.to_thread(_stamp, self._in_force.files)
        settled = stamp == self._seen
        self._seen = stamp
        if stamp != self._judged and settled:
            # Off the loop: ten thousand tenants take longer than a heartbeat may wait.
            self._judge(stamp, await asyncio.to_thread(read, self._path, plain=self._plain))

    def _judge(self, stamp: Stamp, found: Directory | Faults) -> None:
        self._judged = stamp
        if isinstance(found, Directory):
            self._in_force = found
            self._seen = self._judged = found.stamp
        errors = found.errors if isinstance(found, Faults) else ()
        self._state = State(errors, len(self._in_force.tenants))
        _say(self._state)
        self._on_change(self._state)


def _say(state: State) -> None:
    if state.ok:
        _log.info("tenants reloaded", tenants=state.tenants)
        return
    shown = state.errors[:_MOST_ERRORS_LOGGED]
    _log.error("tenants file broken, the old one stays in force", errors=list(shown), error_count=len(state.errors))


def _stamp(files: tuple[Path, ...]) -> Stamp:
    return tuple(_stamp_of(file) for file in files)


def _stamp_of(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _document(path: Path) -> object | Faults:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError):
        return Faults(("the tenants file cannot be read",))
    if len(content) > LARGEST:
        return Faults((f"the tenants file is larger than {LARGEST} bytes",))
    return _parsed(content)


def _parsed(content: bytes) -> object | Faults:
    try:
        return Faults(("the tenants file is nested too deep",)) if _too_deep(content) else _constructed(content)
    except yaml.MarkedYAMLError as error:  # quotes the lines around the place: only the place is told
        return Faults((f"the tenants file is no YAML: {_place(error.problem_mark or error.context_mark)}",))
    except (yaml.YAMLError, ValueError):  # characters that are not allowed, a date that is none
        return Faults(("the tenants file is no YAML in UTF-8",))


def _too_deep(content: bytes) -> bool:
    depth = 0
    for event in yaml.parse(content, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            return True
    return False


def _constructed(content: bytes) -> object | Faults:
    loader = _LOADER(content)
    try:
        node = loader.get_single_node()
        return None if node is None else _fault(node) or loader.construct_document(node)
    finally:
        loader.dispose()


def _fault(root: yaml.Node) -> Faults | None:
    """What safe_load would let pass: aliases that multiply, and a key that stands twice (the last would win)."""
    rest, seen = [root], 0
    while rest:
        node = rest.pop()
        seen += 1
        if seen > MOST_NODES:
            return Faults(("the tenants file has too many values, aliases counted as what they stand for",))
        if isinstance(node, yaml.SequenceNode):
            rest.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            twice = _twice(node)
            if twice is not None:
                return Faults((f"the tenants file has a key twice: {_place(twice.start_mark)}",))
            rest.extend(part for pair in node.value for part in pair)
    return None


def _twice(mapping: yaml.MappingNode) -> yaml.Node | None:
    keys: set[Any] = set()
    for key, _ in mapping.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in keys:
                return key
            keys.add(key.value)
    return None


def _place(mark: Any) -> str:  # noqa: ANN401  the marks of yaml's two loaders have no common type
    return "somewhere" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"


def _secret_files(document: object) -> tuple[str, ...]:
    """The files that the document names for passwords and keys, wherever it does so rightly."""
    top = _mapping(document)
    entries = (top.get("default"), *_mapping(top.get("tenants")).values())
    names = (name for entry in entries for name in (_mapping(entry).get("smtp_pass_file"), *key_files(entry)))
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))


def _mapping(value: object) -> Mapping[object, object]:
    return cast("Mapping[object, object]", value) if isinstance(value, dict) else {}


def _secret(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_SECRET + 1)
        return content.decode().rstrip("\r\n") if len(content) <= _LARGEST_SECRET else None
    except (OSError, ValueError):
        return None
