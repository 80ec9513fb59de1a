"""Tracing is an extra: where it is not installed, or not switched on, nothing of it is imported."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"opentelemetry", "google"}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Blocked())
"""


def ran(code: str, **settings: str) -> str:
    given = {name: text for name, text in os.environ.items() if not name.startswith(("CONSUMER_", "OTEL_"))}
    least = {"CONSUMER_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092", "CONSUMER_TENANTS__URL": "http://config"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=given | least | settings,
        cwd=ROOT,
        check=True,
        timeout=50,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_switched_off_nothing_of_it_is_imported() -> None:
    code = """
import sys
import consumer.app
from consumer.outside import tracing_of
from consumer.settings import load
print(tracing_of(load()), [name for name in sys.modules if name.startswith("opentelemetry")])
"""
    assert ran(code) == "None []\n"


def test_without_the_extra_all_is_as_it_was_and_switching_it_on_says_what_to_install() -> None:
    code = (
        BLOCKED
        + """
import consumer.app
from consumer.cli.start import faults
from consumer.settings import load
print(*faults(load()))
"""
    )
    assert ran(code) == "\n"
    said = "CONSUMER_TRACING__ENABLED needs OpenTelemetry: pip install 'consumer[otel]'\n"
    assert ran(code, CONSUMER_TRACING__ENABLED="true") == said


PROVIDER = """
from consumer.adapters.tracing import provider
try:
    made = provider.provider_of("one")
    processors = made._active_span_processor._span_processors
    print(made.resource.attributes["service.name"], [type(p.span_exporter).__module__ for p in processors])
except provider.TracingError as error:
    print(error)
"""


def test_spans_go_where_opentelemetrys_own_variables_say() -> None:
    http = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    assert ran(PROVIDER) == f"one ['{http}']\n"
    assert ran(PROVIDER, OTEL_SERVICE_NAME="mails", OTEL_TRACES_EXPORTER="none") == "mails []\n"
    both = "one ['opentelemetry.sdk.trace.export', '" + http + "']\n"
    assert ran(PROVIDER, OTEL_TRACES_EXPORTER="console, otlp") == both


def test_an_exporter_that_is_not_installed_is_named_by_its_variable_and_not_quoted() -> None:
    for name, value in (("OTEL_TRACES_EXPORTER", "canary"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "canary")):
        said = ran(PROVIDER, **{name: value})
        assert name in said
        assert "canary" not in said
