"""The way of a request, as a span: a child of whoever asked, and the parent of whoever reads the outcome."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeVar

from opentelemetry import context, trace
from opentelemetry.trace import Span, StatusCode
from typing_extensions import override

from consumer.adapters.tracing import names
from consumer.adapters.tracing.spans import Spans, now, trace_of
from consumer.core.decode import Asked, Refused
from consumer.core.ending import Again, Concluded, Ending, Forwarded, Later, Ordered, Skipped
from consumer.core.outcome import Invalid, Subject, kind_of
from consumer.core.record import Record
from consumer.core.trace import Trace
from consumer.core.work import Work
from consumer.delivery import Delivery, Desk

Ended = TypeVar("Ended", Ending, Concluded | None)


class _Kept:
    """Reads records, and the one that it has just read not again: it is asked twice in a row for each."""

    def __init__(self, read: Callable[[Record], Asked | Refused]) -> None:
        self._read = read
        self._last: tuple[Record, Asked | Refused] | None = None

    def __call__(self, record: Record) -> Asked | Refused:
        last = self._last
        if last is not None and last[0] is record:
            self._last = None
            return last[1]
        asked = self._read(record)
        self._last = record, asked
        return asked


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedDelivery(Delivery):
    """A delivery whose outcomes name its own spans, so that their readers' spans come below them."""

    spans: Spans

    @classmethod
    def of(cls, delivery: Delivery, spans: Spans) -> Self:
        inner: dict[str, Any] = {field.name: getattr(delivery, field.name) for field in fields(delivery)}
        inner["decode"] = _Kept(delivery.decode)
        return cls(**inner, spans=spans)

    @override
    async def handle(self, work: Work, desk: Desk) -> Ending:
        return await self._traced(work, lambda: Delivery.handle(self, work, desk))

    @override
    async def doubt(self, work: Work, lifetime: float) -> Ending:
        return await self._traced(work, lambda: Delivery.doubt(self, work, lifetime))

    @override
    async def cancel(self, work: Work) -> Concluded | None:
        return await self._traced(work, lambda: Delivery.cancel(self, work))

    async def _traced(self, work: Work, go: Callable[[], Awaitable[Ended]]) -> Ended:
        """Read first, for in an event that is all in its value the parent stands in there."""
        started = now()
        asked = self.decode(work.record)
        span = self.spans.process(work.record.at, _asker(asked.subject), started)
        with _current(span):
            ending = await go()
            _tell(span, asked.subject, ending)
            return _below(ending, trace_of(span))


@contextmanager
def _current(span: Span) -> Generator[None]:
    """The span of all that this task does meanwhile. What goes wrong is told by its type: texts quote."""
    token = context.attach(trace.set_span_in_context(span))
    try:
        yield
    except BaseException as error:
        span.set_attribute(names.ERROR, type(error).__name__)
        if isinstance(error, Exception):  # but not a task that was told to end
            span.set_status(StatusCode.ERROR)
        raise
    finally:
        context.detach(token)
        span.end()


def _tell(span: Span, subject: Subject, ending: Ending | None) -> None:
    """What came of it, from closed sets. Of what was refused nothing is known for certain, so neither id nor tenant."""
    if not span.is_recording():
        return
    if not (isinstance(ending, Concluded) and isinstance(ending.outcome, Invalid)):
        told = {names.TENANT: subject.tenant, names.MESSAGE: subject.id}
        span.set_attributes({name: value for name, value in told.items() if value is not None})
    match ending:
        case Concluded(outcome=outcome):
            span.set_attribute(names.OUTCOME, kind_of(outcome))
        case Later(reason):
            span.set_attributes({names.OUTCOME: "parked", names.REASON: reason.value})
        case Forwarded() | Skipped() | Again() | Ordered():
            span.set_attribute(names.OUTCOME, type(ending).__name__.lower())
        case None:
            pass


def _asker(subject: Subject) -> Trace | None:
    return None if subject.traceparent is None else Trace(subject.traceparent, subject.tracestate)


def _below(ending: Ended, trace: Trace | None) -> Ended:
    """The same ending, whose outcome names the span in place of the request's."""
    if trace is None:
        return ending
    named = {"traceparent": trace.parent, "tracestate": trace.state}
    if isinstance(ending, Concluded):
        return replace(ending, subject=replace(ending.subject, **named))
    if isinstance(ending, Ordered):
        command = ending.command
        return replace(ending, command=replace(command, subject=replace(command.subject, **named)))
    return ending
