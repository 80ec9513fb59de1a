"""Where spans go: as OpenTelemetry's own variables say (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER and so on).

The SDK reads nearly all of them itself. Left to us: which exporter, and under what name.
"""

import asyncio
import os
import threading
from importlib.metadata import entry_points

from opentelemetry import trace
from opentelemetry.environment_variables import OTEL_TRACES_EXPORTER
from opentelemetry.sdk.environment_variables import OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

_LAST_SPANS = 5.0
_GROUP = "opentelemetry_traces_exporter"
_OTLP = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}


class TracingError(Exception):
    """Spans cannot go where OpenTelemetry's variables say. The text names the variable and the rule."""


def provider_of(service: str) -> TracerProvider:
    """The provider of this process: the one that was set before us, or one made as the variables say.

    `service` is the name where OTEL_SERVICE_NAME gives none. Raises `TracingError`.
    """
    there = trace.get_tracer_provider()
    if isinstance(there, TracerProvider):
        return there
    made = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
    for exporter in _exporters():
        made.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(made)
    return made


async def shut(provider: TracerProvider) -> None:
    """Hand over the last spans; bounded. A collector that is away must not keep a process from ending."""
    thread = threading.Thread(target=provider.shutdown, name="last-spans", daemon=True)
    thread.start()
    await asyncio.to_thread(thread.join, _LAST_SPANS)


def _resource(service: str) -> Resource:
    resource = Resource.create()
    if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        return resource.merge(Resource({SERVICE_NAME: service}))
    return resource


def _exporters() -> list[SpanExporter]:
    wanted = [name.strip() for name in _variable(OTEL_TRACES_EXPORTER, "otlp").split(",") if name.strip()]
    return [_exporter(_protocol() if name == "otlp" else name) for name in wanted if name != "none"]


def _protocol() -> str:
    # OpenTelemetry's specification has http/protobuf as the default of new programs.
    asked = _variable(OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, _variable(OTEL_EXPORTER_OTLP_PROTOCOL, "http/protobuf"))
    if asked not in _OTLP:
        raise TracingError(f"{OTEL_EXPORTER_OTLP_PROTOCOL} must be http/protobuf or grpc")
    return _OTLP[asked]


def _exporter(name: str) -> SpanExporter:
    found = next(iter(entry_points(group=_GROUP, name=name)), None)
    if found is None:
        raise TracingError(
            f"{OTEL_TRACES_EXPORTER} or {OTEL_EXPORTER_OTLP_PROTOCOL} asks for an exporter that is not installed; "
            "http/protobuf comes with pip install 'consumer[otel]', for grpc add opentelemetry-exporter-otlp-proto-grpc"
        )
    try:
        return found.load()()
    except (ValueError, TypeError, OSError) as error:
        raise TracingError(f"the exporter cannot be made from its OTEL_ variables: {type(error).__name__}") from error


def _variable(name: str, otherwise: str) -> str:
    return os.environ.get(name, "").strip() or otherwise  # noqa: TID251  OpenTelemetry's own, not ours


__all__ = ["TracingError", "provider_of", "shut"]
