"""The ports, with a span around what they do."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from opentelemetry.trace import Span, StatusCode, get_current_span, use_span
from typing_extensions import override

from consumer.adapters.tracing import names
from consumer.adapters.tracing.spans import Spans, now
from consumer.core.attempt import Answered, Attempt, InDoubt, Lapsed, NotSent, Withheld
from consumer.core.mail import Mail
from consumer.core.packed import Packed
from consumer.core.past import Past
from consumer.core.record import Coordinates, Record
from consumer.core.tenant import Relay
from consumer.core.tick import Tick
from consumer.core.trace import traceparent
from consumer.ports import FencedError, Journal, Opened, Permit, Source, Suppressions, Transport, UncertainError

_HEADERS = ("ce_traceparent", "traceparent")


class TracedSource(Source):
    """A fetch that brings records is a span, linked to those who wrote them."""

    def __init__(self, inner: Source, spans: Spans) -> None:
        self._inner = inner
        self._spans = spans

    @override
    async def fetch(self, partitions: Collection[int], most: int, within: float) -> list[Record]:
        started = now()
        records = await self._inner.fetch(partitions, most, within)
        if records:
            self._spans.poll(started, len(records), _traces(records))
        return records

    @override
    def seek(self, partition: int, offset: int) -> None:
        self._inner.seek(partition, offset)

    @override
    async def reread(self, places: Collection[Coordinates]) -> list[Record]:
        return await self._inner.reread(places)

    @override
    async def unread(self, partitions: Collection[int]) -> Mapping[int, int]:
        return await self._inner.unread(partitions)

    @override
    async def member(self, partition: int) -> bool:
        return await self._inner.member(partition)


class TracedJournal(Journal):
    """A tick is a span, linked to those of its outcomes."""

    def __init__(self, inner: Journal, spans: Spans) -> None:
        self._inner = inner
        self._spans = spans

    @override
    async def open(self, partition: int) -> Opened:
        return await self._inner.open(partition)

    @override
    async def past(self, partition: int, since: float) -> Iterable[Past]:
        return await self._inner.past(partition, since)

    @override
    async def parked(self, partition: int) -> Packed:
        return await self._inner.parked(partition)

    @override
    async def suppressions(self, partition: int) -> Suppressions:
        return await self._inner.suppressions(partition)

    @override
    async def commit(self, partition: int, tick: Tick) -> None:
        traces = (one.subject.traceparent for one in tick.outcomes)
        span = self._spans.commit(partition, len(tick.outcomes), (trace for trace in traces if trace is not None))
        try:
            await self._inner.commit(partition, tick)
        except (FencedError, UncertainError) as error:
            _failed(span, type(error).__name__)
            raise
        finally:
            span.end()

    @override
    async def close(self, partition: int) -> None:
        await self._inner.close(partition)


class TracedTransport(Transport):
    """A send is a span, from the wait for a connection to the relay's last word."""

    def __init__(self, inner: Transport, spans: Spans) -> None:
        self._inner = inner
        self._spans = spans

    @override
    async def send(self, mail: Mail, relay: Relay, permit: Permit) -> Attempt:
        if not get_current_span().is_recording():  # who is sampled is decided with the request
            return await self._inner.send(mail, relay, permit)
        span = self._spans.send(relay.host, relay.port)

        async def noted() -> float | None:
            until = await permit()
            span.add_event(names.LEAVE)
            return until

        # What an exception says may quote: neither it nor its text is kept.
        with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            attempt = await self._inner.send(mail, relay, noted)
            if span.is_recording():
                _tell(span, attempt)
            return attempt


def _tell(span: Span, attempt: Attempt) -> None:
    """How it ended, from closed sets: the relay's words may quote anybody."""
    match attempt:
        case Answered(data=reply):
            span.set_attribute(names.ATTEMPT, "answered")
            if reply is not None and reply.code >= 400:  # RFC 5321, 4.2.1
                _failed(span, "refused")
        case NotSent(stage, reason, reply):
            span.set_attributes({names.ATTEMPT: "not-sent", names.STAGE: stage.value, names.REASON: reason})
            _failed(span, reason)
        case InDoubt(reason):
            reply = None
            span.set_attributes({names.ATTEMPT: "in-doubt", names.STAGE: "body", names.REASON: reason})
            _failed(span, reason)
        case Lapsed():
            reply = None
            span.set_attribute(names.ATTEMPT, "lapsed")
        case Withheld(reason):
            reply = None
            span.set_attributes({names.ATTEMPT: "withheld", names.REASON: reason})
    if reply is not None:
        span.set_attribute(names.CODE, reply.code)


def _failed(span: Span, reason: str) -> None:
    span.set_attribute(names.ERROR, str(reason))
    span.set_status(StatusCode.ERROR)


def _traces(records: Iterable[Record]) -> Iterator[str]:
    """Of records that have theirs in a header: the values of others are read later, and not by us."""
    for record in records:
        for name, value in record.headers:
            if name in _HEADERS and (trace := traceparent(value.decode(errors="replace"))):
                yield trace
                break
