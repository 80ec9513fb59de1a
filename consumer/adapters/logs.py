"""Logging: one line an event, its fields from one table, and nobody's data in any of them.

A field that is not in the table is dropped and named. Exceptions are logged by type and
place, never with their text: what a library says about an input often quotes it. Other
libraries' lines come through here too, from warning on, and the same line at most once
in ten seconds: a broker that is away makes aiokafka say so 20 times a second.
"""

import asyncio
import logging
import select
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import partial
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Literal, TextIO, TypeAlias, cast

import orjson
from typing_extensions import override

_shown = sys.modules.setdefault("rich", cast("ModuleType", None))
import structlog  # noqa: E402  for tracebacks that we never show it would load rich: 3 MB, and 46 ms of each start
from structlog.typing import EventDict, Processor  # noqa: E402

if not _shown:  # the commands' own library finds it again
    del sys.modules["rich"]

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Format: TypeAlias = Literal["auto", "json", "console"]

FIELDS: Mapping[str, str] = {
    # what the frame adds
    "event": "what happened, in fixed words",
    "level": "debug, info, warning or error",
    "logger": "who says so",
    "timestamp": "when, in UTC",
    "exception": "the types of an exception and what caused it, never its text",
    "frames": "where it came from, as file:line function",
    "suppressed": "how many of the same line were left out before this one",
    "dropped_fields": "fields that are not in this table: a mistake of ours",
    # where
    "partition": "a partition of the request topic",
    "offset": "an offset in it",
    "origin": "partition:offset where the producer put a forwarded record",
    "home": "the partition that a tenant lives in",
    "topic": "a topic",
    "group": "the consumer group",
    "generation": "the generation of the group",
    "epoch": "how often this process has opened a partition",
    "nonce": "a takeover, in the metadata of the offset",
    "position": "the next offset to take",
    "partitions": "several partitions",
    "tenant": "the name of a tenant, as it is configured",
    "relay": "host:port of a relay",
    "address": "host:port that is listened on or connected to",
    "worker": "the number of one of several processes (--workers)",
    "pid": "the id of a process",
    # what
    "outcome": "an ending, from a closed set",
    "reason": "why, from a closed set",
    "stage": "a stage of an SMTP conversation",
    "last_reason": "what the attempt before came to: a stage and codes, or a reason from a closed set",
    "code": "the code of an SMTP reply",
    "state": "a state, from a closed set",
    "signal": "the signal that came",
    "setting": "the name of a setting",
    "version": "of this program",
    "python": "of Python",
    "errors": "places and rules, never values",
    "exit_code": "with what the process ends",
    # how many, how long
    "count": "how many",
    "error_count": "how many errors there are in all",
    "tenants": "how many tenants are in force",
    "open_intents": "sends that had leave when the partition was taken over",
    "restored": "outcomes that ids and windows were rebuilt from",
    "parked": "requests that wait",
    "in_flight": "requests under way",
    "records": "how many records",
    "attempt": "the how manieth attempt",
    "seconds": "how long it took",
    "within": "how long is waited at most, in seconds",
    "due": "when, in seconds since the epoch",
}

_LONGEST = 500
_MOST_ITEMS = 20
_MOST_FRAMES = 12
_QUIET = 10.0
_GATHERED = 0.05
_REQUESTS = "consumer.requests"
_MOST_REMEMBERED = 500


def configure(
    level: Level = "info", form: Format = "auto", *, stream: TextIO | None = None, worker: int | None = None
) -> None:
    """Sets logging up for the process: JSON, or lines for people where that is wanted or a terminal listens.

    `worker` is said in every line.
    """
    out: TextIO = stream or sys.stderr
    people = form == "console" or (form == "auto" and out.isatty())
    _mails.stream = None if people or level not in ("debug", "info") else out
    _mails.more = "" if worker is None else f',"worker":{worker}'
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(() if worker is None else (_of(worker),)),
            *REDACTION,
            structlog.dev.ConsoleRenderer(colors=out.isatty()) if people else _as_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=partial(_Named, out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [Foreign(time.monotonic)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.excepthook = crashed


def _of(worker: int) -> Processor:
    def add(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["worker"] = worker
        return event

    return add


class _Named(structlog.WriteLogger):
    """Writes to a stream, under a name."""

    def __init__(self, stream: TextIO, name: str = "") -> None:
        super().__init__(stream)
        self.name = name


class _Mails:
    """The line of each mail: made by hand, for the frame costs more than the mail, and written with others."""

    def __init__(self) -> None:
        self.stream: TextIO | None = None
        self.more = ""
        self._lines: list[str] = []
        self._second = 0
        self._stamp = ""

    def concluded(self, outcome: str, partition: int, offset: int, seconds: float) -> None:
        """A request has its outcome, one of a closed set. Called within the event loop."""
        if self.stream is None:
            log = structlog.stdlib.get_logger(_REQUESTS)
            log.info("concluded", outcome=outcome, partition=partition, offset=offset, seconds=round(seconds, 3))
            return
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        self._lines.append(
            f'{{"event":"concluded","outcome":"{outcome}","partition":{partition},"offset":{offset},'
            f'"seconds":{seconds:.3f},"level":"info","logger":"{_REQUESTS}"{self.more},'
            f'"timestamp":"{self._stamp}.{int((now - second) * 1e6):06d}Z"}}\n'
        )
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(_GATHERED, self.write)

    def write(self) -> None:
        """All that was gathered, in as few goes as keep lines whole where several processes write to one pipe."""
        lines, self._lines = self._lines, []
        if self.stream is None:
            return
        for piece in _pieces(lines):
            self.stream.write(piece)
            self.stream.flush()


def _pieces(lines: list[str]) -> Iterator[str]:
    piece = ""
    for line in lines:
        if piece and len(piece) + len(line) > select.PIPE_BUF:
            yield piece
            piece = ""
        piece += line
    if piece:
        yield piece


_mails = _Mails()


concluded = _mails.concluded
flush = _mails.write


EVERYDAY = (
    "Heartbeat failed for group %s because it is rebalancing",  # a member has come or gone
    "Group Coordinator Request failed",  # a broker that has just started looks for its coordinators
    "Heartbeat failed: local member_id was not recognized",  # the group has gone on without us: we join again
)
"""What other libraries call a warning, and is in every rolling update."""


class Foreign(logging.Handler):
    """Takes other libraries' lines over: their first line, and the same one at most once in ten seconds.

    "The same" goes by the text before its arguments are put in; `elapsed` is in seconds.
    """

    def __init__(self, elapsed: Callable[[], float]) -> None:
        super().__init__(logging.WARNING)
        self._elapsed = elapsed
        self._said: dict[tuple[str, int, str], tuple[float, int]] = {}

    @override
    def emit(self, record: logging.LogRecord) -> None:
        suppressed = self._suppressed(record)
        if suppressed is None:
            return
        more: dict[str, Any] = {"suppressed": suppressed} if suppressed else {}
        log = structlog.stdlib.get_logger(record.name)
        level = logging.INFO if str(record.msg).startswith(EVERYDAY) else record.levelno
        log.log(level, _first_line(record), exc_info=record.exc_info or None, **more)

    def _suppressed(self, record: logging.LogRecord) -> int | None:
        """How many like it were left out since the last one that was not; None: leave this one out, too."""
        key = (record.name, record.levelno, str(record.msg)[:_LONGEST])
        now = self._elapsed()
        since, left_out = self._said.get(key, (None, 0))
        if since is not None and now - since < _QUIET:
            self._said[key] = since, left_out + 1
            return None
        if len(self._said) >= _MOST_REMEMBERED:
            self._said.clear()
        self._said[key] = now, 0
        return left_out


def loop_exception(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """For `loop.set_exception_handler`: asyncio's own handler writes the reprs of tasks and arguments."""
    log = structlog.stdlib.get_logger("asyncio")
    log.error("an exception that nobody waited for", exc_info=context.get("exception"))


def crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """For `sys.excepthook`: what ends the process is told like all else."""
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.stdlib.get_logger("consumer").critical("crashed", exc_info=error.with_traceback(trace))


def describe(error: BaseException, *, depth: int = 5) -> str:
    """The types of an exception, of those in its group and of its causes."""
    told = type(error).__name__
    if depth == 0:
        return told
    if isinstance(error, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", error).exceptions
        told += f"({', '.join(describe(one, depth=depth - 1) for one in inner[:_MOST_ITEMS])})"
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return f"{told} from {describe(cause, depth=depth - 1)}" if cause else told


def _exception(_logger: object, _method: str, event: EventDict) -> EventDict:
    error = _raised(event.pop("exc_info", None))
    event.pop("stack_info", None)
    if error is not None:
        event["exception"] = describe(error)
        event["frames"] = list(_frames(_innermost(error)))[-_MOST_FRAMES:]
    return event


def _raised(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return _raised(cast("tuple[object, ...]", exc_info)[1])
    return sys.exception() if exc_info else None


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def _frames(error: BaseException) -> Iterator[str]:
    for frame, line in traceback.walk_tb(error.__traceback__):
        yield f"{Path(*Path(frame.f_code.co_filename).parts[-3:])}:{line} {frame.f_code.co_name}"


def _only_known(_logger: object, _method: str, event: EventDict) -> EventDict:
    known: MutableMapping[str, Any] = {name: _plain(value) for name, value in event.items() if name in FIELDS}
    strange = sorted(event.keys() - FIELDS.keys())
    return known | {"dropped_fields": strange} if strange else known


def _plain(value: object) -> object:
    """The same value if it is a plain one; of anything else only the type."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _printable(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in list(cast("list[object]", value))[:_MOST_ITEMS]]
    return f"<{type(value).__name__}>"


def _printable(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[:_LONGEST])
    return shown if len(text) <= _LONGEST else f"{shown}..."


def _first_line(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except (TypeError, ValueError):  # arguments that do not fit the text
        text = str(record.msg)
    return next(iter(text.strip().splitlines()), "")


def _as_json(_logger: object, _method: str, event: EventDict) -> str:
    return orjson.dumps(event, option=orjson.OPT_NON_STR_KEYS).decode()


REDACTION: tuple[Processor, ...] = (_exception, _only_known)
"""What every line goes through before it is rendered."""
