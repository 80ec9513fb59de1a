"""Spans around a process, serialised as the exporter does it, and sent to nobody: what tracing costs of CPU time."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from typing_extensions import override

from consumer.adapters.tracing import Tracing, Where
from consumer.stream import World

_ROOM = 100_000


class _Nowhere(SpanExporter):
    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


def around(share: float) -> Callable[[World], World]:
    """Puts spans around the parts of a process, as the wiring does; of so many requests they are kept."""
    provider = TracerProvider(sampler=ParentBasedTraceIdRatio(share), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_Nowhere(), max_queue_size=_ROOM))
    tracing = Tracing(Where("email.requests", "email-consumer", "email-consumer"), provider)

    def wrapped(world: World) -> World:
        source, journal = tracing.source(world.source), tracing.journal(world.journal)
        return replace(world, source=source, journal=journal, delivery=tracing.delivery(world.delivery))

    return wrapped
