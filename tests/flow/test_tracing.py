"""Spans: who hangs on whom, and what is said of a request."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, Sampler, SamplingResult, StaticSampler
from opentelemetry.trace import SpanKind, StatusCode, TraceState
from typing_extensions import override

from consumer.adapters.tracing import Tracing, Where, names
from consumer.adapters.tracing.around import TracedJournal, TracedSource, TracedTransport
from consumer.core.attempt import Attempt, InDoubt, NotSent, Stage, Withheld
from consumer.core.ending import Concluded
from consumer.core.mail import Mail
from consumer.core.record import Headers
from consumer.core.reply import Reply
from consumer.ports import Journal, Source, Transport
from consumer.stream import World
from tests.builders import tenant
from tests.flow.process import Setup, running, until

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-01"
PLAIN: Headers = (("tenant", b"acme"), ("request_id", b"r-1"), ("traceparent", GIVEN.encode()))
CANARY = "canary"


@dataclass
class Told:
    """What a span says of itself."""

    trace: str
    id: str
    parent: str | None
    kind: SpanKind
    links: list[str]
    attributes: dict[str, Any]
    status: StatusCode

    @property
    def named(self) -> str:
        return f"00-{self.trace}-{self.id}"


class Spans:
    """The spans that have ended."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()

    def all(self, operation: str) -> list[Told]:
        return [_told(span) for span in self.exporter.get_finished_spans() if span.name.split(" ")[0] == operation]

    def one(self, operation: str) -> Told:
        (span,) = self.all(operation)
        return span

    def text(self) -> str:
        return "\n".join(span.to_json() for span in self.exporter.get_finished_spans())


def _told(span: ReadableSpan) -> Told:
    context = span.get_span_context()
    assert context is not None
    return Told(
        f"{context.trace_id:032x}",
        f"{context.span_id:016x}",
        None if span.parent is None else f"{span.parent.span_id:016x}",
        span.kind,
        [f"{link.context.span_id:016x}" for link in span.links],
        dict(span.attributes or {}),
        span.status.status_code,
    )


def traced(setup: Setup, sampler: Sampler = ALWAYS_ON) -> Spans:
    """Puts spans around what the processes of this setup do, as the wiring does."""
    provider, spans = TracerProvider(sampler=sampler, shutdown_on_exit=False), Spans()
    provider.add_span_processor(SimpleSpanProcessor(spans.exporter))
    tracing = Tracing(Where("email.requests", "email-consumer", "one"), provider)

    def around(world: World) -> World:
        source, journal = tracing.source(world.source), tracing.journal(world.journal)
        return replace(world, source=source, journal=journal, delivery=tracing.delivery(world.delivery))

    setup.around = around
    return spans


def ask(setup: Setup, headers: Headers = PLAIN, **fields: object) -> None:
    body = {"to": ["ann@example.com"], "text": "World"} | fields
    setup.kafka.produce(0, orjson.dumps(body), headers=headers, at=setup.clock.now())


async def ended(setup: Setup, number: int = 1) -> list[Concluded]:
    async with running(setup):
        return list(await setup.outcomes(number))


async def test_a_request_is_worked_on_below_who_wrote_it_and_sent_below_that() -> None:
    setup = Setup()
    spans = traced(setup)
    ask(setup)
    (concluded,) = await ended(setup)
    process, send = spans.one(names.PROCESS), spans.one(names.SEND)
    assert (process.trace, process.parent, process.kind) == (TRACE, PARENT, SpanKind.CONSUMER)
    assert (send.trace, send.parent, send.kind) == (TRACE, process.id, SpanKind.CLIENT)
    assert str(concluded.subject.traceparent).startswith(process.named)


async def test_a_fetch_is_linked_to_who_wrote_and_a_tick_to_who_worked() -> None:
    setup = Setup()
    spans = traced(setup)
    ask(setup)
    await ended(setup)
    poll = spans.one(names.POLL)
    assert (poll.parent, poll.links, poll.attributes[names.MESSAGES]) == (None, [PARENT], 1)
    commits = spans.all(names.COMMIT)
    assert {commit.parent for commit in commits} == {None}
    assert [commit.links for commit in commits if commit.links] == [[spans.one(names.PROCESS).id]]


async def test_what_is_said_follows_the_names_of_opentelemetry() -> None:
    setup = Setup()
    spans = traced(setup)
    ask(setup)
    await ended(setup)
    assert {span.name for span in spans.exporter.get_finished_spans()} == {
        "poll email.requests",
        "process email.requests",
        "send",
        "commit email.requests",
    }
    assert spans.one(names.PROCESS).attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "email.requests",
        "messaging.destination.partition.id": "0",
        "messaging.kafka.offset": 0,
        "messaging.consumer.group.name": "email-consumer",
        "messaging.client.id": "one",
        "messaging.message.id": "r-1",
        "email.tenant": "acme",
        "email.outcome": "accepted",
    }
    assert spans.one(names.SEND).attributes == {
        "network.protocol.name": "smtp",
        "server.address": "localhost",
        "server.port": 2525,
        "email.attempt": "answered",
        "email.relay.code": 250,
    }


async def test_a_parent_within_the_value_of_an_event_is_found() -> None:
    setup = Setup()
    spans = traced(setup)
    event = {"specversion": "1.0", "id": "r-1", "source": "/test", "type": "email.send-email.v1", "tenant": "acme"}
    value = event | {"traceparent": GIVEN, "data": {"to": ["ann@example.com"], "text": "World"}}
    structured = (("content-type", b"application/cloudevents+json"),)
    setup.kafka.produce(0, orjson.dumps(value), headers=structured, at=setup.clock.now())
    await ended(setup)
    assert spans.one(names.PROCESS).parent == PARENT


@pytest.mark.parametrize("trace", [None, b"nothing", b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01"])
async def test_without_a_parent_a_trace_begins_with_the_work(trace: bytes | None) -> None:
    setup = Setup()
    spans = traced(setup)
    ask(setup, (("tenant", b"acme"), *((("traceparent", trace),) if trace else ())))
    (concluded,) = await ended(setup)
    process = spans.one(names.PROCESS)
    assert process.parent is None
    assert str(concluded.subject.traceparent).startswith(process.named)


async def test_what_is_not_sampled_is_named_in_its_outcome_all_the_same() -> None:
    setup = Setup()
    spans = traced(setup, ALWAYS_OFF)
    ask(setup)
    (concluded,) = await ended(setup)
    assert concluded.subject.traceparent is not None
    assert concluded.subject.traceparent.startswith(f"00-{TRACE}-")
    assert concluded.subject.traceparent.endswith("-00")
    assert not spans.exporter.get_finished_spans()


async def test_nothing_is_linked_to_a_span_that_nobody_keeps() -> None:
    setup = Setup()
    spans = traced(setup)
    ask(setup, (*PLAIN[:2], ("traceparent", f"00-{TRACE}-{PARENT}-00".encode())))
    await ended(setup)
    assert spans.one(names.POLL).links == []


async def test_without_tracing_a_trace_goes_through_as_it_came() -> None:
    setup = Setup()
    ask(setup)
    (concluded,) = await ended(setup)
    assert concluded.subject.traceparent == GIVEN


STATE = ("tracestate", b"rojo=00f067aa0ba902b7, congo=t61")


@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF], ids=["kept", "not-sampled"])
async def test_what_tracing_systems_say_of_a_trace_goes_on_below_it(sampler: Sampler) -> None:
    setup = Setup()
    spans = traced(setup, sampler)
    ask(setup, (*PLAIN, STATE))
    (concluded,) = await ended(setup)
    assert concluded.subject.tracestate == "rojo=00f067aa0ba902b7,congo=t61"
    assert concluded.subject.traceparent != GIVEN
    told = {span.name: span.get_span_context() for span in spans.exporter.get_finished_spans()}
    below = [context for name, context in told.items() if name in {"process email.requests", "send"}]
    states = [context.trace_state.to_header() for context in below if context is not None]
    assert states == ["rojo=00f067aa0ba902b7,congo=t61"] * (2 if sampler is ALWAYS_ON else 0)


@pytest.mark.parametrize(("last", "kept"), [("d=1", ",d=1"), (f"d={'1' * 123}", "")], ids=["room", "no-room"])
async def test_a_member_that_a_sampler_adds_comes_first_and_the_last_ones_make_room(last: str, kept: str) -> None:
    given = f"a={'1' * 126},b={'1' * 126},c={'1' * 126}"
    setup = Setup()
    traced(setup, Adding())
    ask(setup, (*PLAIN, ("tracestate", f"{given},{last}".encode())))
    (concluded,) = await ended(setup)
    assert concluded.subject.tracestate == f"ours=1,{given}{kept}"


class Adding(StaticSampler):
    """Keeps all, and says so."""

    def __init__(self) -> None:
        super().__init__(Decision.RECORD_AND_SAMPLE)

    @override
    def should_sample(self, *args: Any, **more: Any) -> SamplingResult:
        result = super().should_sample(*args, **more)
        return SamplingResult(result.decision, result.attributes, (result.trace_state or TraceState()).add("ours", "1"))


async def test_without_tracing_a_state_goes_through_with_its_trace() -> None:
    setup = Setup()
    ask(setup, (*PLAIN, STATE))
    (concluded,) = await ended(setup)
    assert (concluded.subject.traceparent, concluded.subject.tracestate) == (GIVEN, "rojo=00f067aa0ba902b7,congo=t61")


async def test_a_request_that_waited_has_a_span_for_each_time_in_one_trace() -> None:
    setup = Setup()
    spans = traced(setup)
    setup.outbox.judge = lambda _: Withheld("auth 535 5.7.8", setup.clock.now() + 50)
    ask(setup)
    async with running(setup):
        await until(lambda: spans.all(names.PROCESS))
        setup.outbox.judge = lambda _: None
        setup.clock.shift += 100
        await setup.outcomes(1)
    first, second = spans.all(names.PROCESS)
    assert (first.attributes[names.OUTCOME], first.attributes[names.REASON]) == ("parked", "relay-circuit")
    assert second.attributes[names.OUTCOME] == "accepted"
    assert (first.trace, first.parent) == (second.trace, second.parent) == (TRACE, PARENT)


@pytest.mark.parametrize(
    ("attempt", "told"),
    [
        pytest.param(
            NotSent(Stage.RCPT, "refused", Reply(550, f"5.1.1 no {CANARY} here")),
            {
                names.ATTEMPT: "not-sent",
                names.STAGE: "rcpt",
                names.REASON: "refused",
                names.CODE: 550,
                names.ERROR: "refused",
            },
            id="before the body",
        ),
        pytest.param(
            InDoubt("connection-lost"),
            {
                names.ATTEMPT: "in-doubt",
                names.STAGE: "body",
                names.REASON: "connection-lost",
                names.ERROR: "connection-lost",
            },
            id="behind the body",
        ),
    ],
)
async def test_a_send_that_failed_says_at_which_stage(attempt: Attempt, told: dict[str, object]) -> None:
    setup = Setup()
    spans = traced(setup)
    setup.outbox.judge = lambda _: attempt
    ask(setup)
    async with running(setup):
        await until(lambda: spans.all(names.PROCESS))
    send = spans.one(names.SEND)
    assert send.status is StatusCode.ERROR
    assert told.items() <= send.attributes.items()


async def test_nobodys_data_is_in_any_span() -> None:
    setup = Setup(tenants=(tenant(),))
    spans = traced(setup)
    setup.outbox.judge = lambda _: NotSent(Stage.MAIL, "refused", Reply(550, f"5.7.1 {CANARY}@example.com may not"))
    ask(setup, to=[f"{CANARY}@example.com"], subject=CANARY, text=CANARY, replyTo=[f"{CANARY}@example.com"])
    ask(setup, (("tenant", CANARY.encode()), ("request_id", CANARY.encode())))
    ask(setup, (("tenant", b"acme"), ("operation", CANARY.encode())), canary=CANARY)
    await ended(setup, 3)
    assert len(spans.all(names.PROCESS)) == 3
    assert [name for name in json.dumps(spans.text()).split() if CANARY in name] == []


async def test_what_an_exception_says_is_in_no_span() -> None:
    setup = Setup()
    spans = traced(setup)

    def broken(_: Mail) -> None:
        raise ValueError(CANARY)

    setup.outbox.judge = broken
    ask(setup)
    with pytest.raises(ExceptionGroup):
        async with running(setup) as process:
            await asyncio.wait([process.task])
    assert spans.one(names.PROCESS).attributes[names.ERROR] == "ValueError"
    assert CANARY not in spans.text()


@pytest.mark.parametrize(
    ("port", "traced"), [(Source, TracedSource), (Journal, TracedJournal), (Transport, TracedTransport)]
)
def test_nothing_of_a_port_is_left_out(port: type, traced: type) -> None:
    """What is not handed on would answer None, as the port's own text does."""
    promised = {name for name in vars(port) if not name.startswith("_")}
    assert promised <= vars(traced).keys()
