"""A trace goes from the request through the consumer to its outcome, over a real Kafka and to a collector."""

import json

from devtools.collector import Collector, Told
from tests.acceptance.service import until
from tests.acceptance.stage import Stage, mail

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-01".encode()
CANARY = "c4n4ry"


def spans(collector: Collector, operation: str) -> list[Told]:
    return [span for span in collector.spans if span.name.split(" ")[0] == operation]


async def test_a_trace_goes_from_the_request_to_its_outcome_and_spans_nest(stage: Stage) -> None:
    async with Collector() as collector:
        service = await stage.run(
            CONSUMER_TRACING__ENABLED="true",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
            OTEL_BSP_SCHEDULE_DELAY="100",
        )
        headers = (("tenant", b"acme"), ("request_id", b"r-1"), ("traceparent", GIVEN), ("tracestate", b"rojo=1"))
        body = mail(to=[f"{CANARY}@example.com"], subject=CANARY, text=CANARY)
        told = await stage.outcomes.of(await stage.requests.send(json.dumps(body).encode(), headers=headers))
        bad = (("tenant", b"acme"), ("request_id", b"r-2"), ("traceparent", b"00-nothing"))
        also = await stage.outcomes.of(await stage.requests.send(json.dumps(body).encode(), headers=bad))
        assert await service.stop() == 0
        await until(lambda: len(spans(collector, "process")) >= 2)

    assert (told.status, also.status) == (204, 204)
    (process,) = [span for span in spans(collector, "process") if span.trace == TRACE and outcome(span) == "accepted"]
    (send,) = [span for span in spans(collector, "send") if span.trace == TRACE]
    assert send.parent == process.id
    assert told.headers["ce_traceparent"].startswith(f"00-{TRACE}-{process.id}-")
    assert (told.headers["ce_tracestate"], also.headers.get("ce_tracestate")) == ("rojo=1", None)
    assert [span.parent for span in spans(collector, "process") if span.trace == TRACE][0] == PARENT  # noqa: RUF015
    assert any(PARENT in span.links for span in spans(collector, "poll"))
    assert any(process.id in span.links for span in spans(collector, "commit"))
    assert process.service == "email-consumer"
    assert not any(CANARY.encode() in raw for raw in collector.raw)
    assert TRACE not in also.headers["ce_traceparent"]


def outcome(span: Told) -> object:
    return span.attributes.get("email.outcome")


async def test_a_collector_that_is_away_holds_nothing_up(stage: Stage) -> None:
    service = await stage.run(CONSUMER_TRACING__ENABLED="true", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    assert (await stage.asked(mail(), "r-1")).status == 204
    assert await service.stop(within=25.0) == 0


async def test_an_exporter_that_is_not_there_is_said_at_the_start(stage: Stage) -> None:
    service = await stage.prepared(CONSUMER_TRACING__ENABLED="true", OTEL_TRACES_EXPORTER=CANARY)
    service.start()
    assert await service.ended() == 78
    assert "OTEL_TRACES_EXPORTER" in service.said
    assert CANARY not in service.said
