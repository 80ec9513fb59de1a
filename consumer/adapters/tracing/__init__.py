"""Tracing with OpenTelemetry. Imported only where it is switched on: who does not want it pays nothing.

Spans hang on the ports: nothing on the way of a request knows of them.
"""

from dataclasses import replace

from opentelemetry.sdk.trace import TracerProvider

from consumer.adapters.tracing import names
from consumer.adapters.tracing.around import TracedJournal, TracedSource, TracedTransport
from consumer.adapters.tracing.provider import TracingError, provider_of, shut
from consumer.adapters.tracing.spans import Spans, Where
from consumer.adapters.tracing.way import TracedDelivery
from consumer.delivery import Delivery
from consumer.ports import Journal, Source

__all__ = ["Tracing", "TracingError", "Where"]


class Tracing:
    """The parts of a process, with spans around what they do."""

    def __init__(self, where: Where, made: TracerProvider | None = None) -> None:
        """`made` takes the spans; otherwise whatever OpenTelemetry's variables say. Raises `TracingError`."""
        self._provider = made or provider_of(where.client)
        self._spans = Spans(self._provider.get_tracer(names.SCOPE, schema_url=names.SCHEMA), where)

    def source(self, inner: Source) -> Source:
        return TracedSource(inner, self._spans)

    def journal(self, inner: Journal) -> Journal:
        return TracedJournal(inner, self._spans)

    def delivery(self, inner: Delivery) -> Delivery:
        """With its transport."""
        sending = replace(inner, transport=TracedTransport(inner.transport, self._spans))
        return TracedDelivery.of(sending, self._spans)

    async def aclose(self) -> None:
        """Hand over the last spans; bounded."""
        await shut(self._provider)
