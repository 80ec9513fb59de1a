"""Spans as they begin: what they hang on, and what is said of them at once.

A sampler decides by what a span begins with, so the attributes that never change are given then.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags, Tracer, TraceState

from consumer.adapters.tracing import names
from consumer.core.record import Coordinates
from consumer.core.trace import Trace, tracestate

MOST_LINKS = 128
"""OpenTelemetry's own default for what a span may keep: more would be dropped."""

_NOTHING = Context()


@dataclass(frozen=True, slots=True)
class Where:
    """What all spans are about."""

    topic: str
    group: str
    client: str


class Spans:
    """Begins the four spans."""

    def __init__(self, tracer: Tracer, where: Where) -> None:
        self._tracer = tracer
        self._names = {operation: f"{operation} {where.topic}" for operation in names.TYPES}
        self._common = {
            operation: {
                names.SYSTEM: "kafka",
                names.OPERATION: operation,
                names.OPERATION_TYPE: kind,
                names.TOPIC: where.topic,
                names.GROUP: where.group,
                names.CLIENT: where.client,
            }
            for operation, kind in names.TYPES.items()
        }

    def poll(self, started: int, messages: int, traces: Iterable[str]) -> None:
        """Records came: a span of its own, linked to those who wrote them; `started` in nanoseconds since the epoch."""
        attributes = {**self._common[names.POLL], names.MESSAGES: messages}
        span = self._tracer.start_span(
            self._names[names.POLL],
            _NOTHING,
            kind=SpanKind.CLIENT,
            attributes=attributes,
            links=links_to(traces),
            start_time=started,
        )
        span.end()

    def process(self, at: Coordinates, parent: Trace | None, started: int) -> Span:
        """A request is worked on, as a child of whoever wrote it."""
        attributes = {
            **self._common[names.PROCESS],
            names.PARTITION: str(at.partition),
            names.OFFSET: at.offset,
        }
        context = _NOTHING if parent is None else trace.set_span_in_context(NonRecordingSpan(named(*parent)), _NOTHING)
        return self._tracer.start_span(
            self._names[names.PROCESS], context, kind=SpanKind.CONSUMER, attributes=attributes, start_time=started
        )

    def send(self, host: str, port: int) -> Span:
        """A mail is handed over, as part of what the task is at."""
        attributes = {names.PROTOCOL: "smtp", names.SERVER: host, names.PORT: port}
        return self._tracer.start_span(names.SEND, kind=SpanKind.CLIENT, attributes=attributes)

    def commit(self, partition: int, outcomes: int, traces: Iterable[str]) -> Span:
        """A tick is written: linked to the spans that its outcomes come from."""
        attributes = {
            **self._common[names.COMMIT],
            names.PARTITION: str(partition),
            names.MESSAGES: outcomes,
        }
        return self._tracer.start_span(
            self._names[names.COMMIT], _NOTHING, kind=SpanKind.CLIENT, attributes=attributes, links=links_to(traces)
        )


def links_to(traces: Iterable[str]) -> list[Link]:
    """Links to those that are kept: nobody could follow the others."""
    return [Link(named(one)) for one in islice((one for one in traces if _sampled(one)), MOST_LINKS)]


def _sampled(traceparent: str) -> bool:
    return int(traceparent[54], 16) & 1 == 1


def named(traceparent: str, state: str | None = None) -> SpanContext:
    """The span that a `traceparent` of version 00 names; both were looked at before."""
    ids, span, flags = traceparent[3:35], traceparent[36:52], traceparent[53:55]
    states = None if state is None else TraceState.from_header([state])
    sampled = TraceFlags(int(flags, 16))
    return SpanContext(int(ids, 16), int(span, 16), is_remote=True, trace_flags=sampled, trace_state=states)


def trace_of(span: Span) -> Trace | None:
    """How others may name this span; None where nothing is traced. A sampler may have put a member before its parent's."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return Trace(parent, tracestate(context.trace_state.to_header()) if context.trace_state else None)


def now() -> int:
    """Nanoseconds since the epoch, as spans count."""
    return time.time_ns()
