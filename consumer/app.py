"""The wiring: the only file that knows ports and adapters."""

# The library has types for half of itself.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false

import asyncio
import gc
import random
import secrets
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import structlog
import uvloop
from aiokafka.helpers import create_ssl_context

from consumer.adapters import logs, schemas
from consumer.adapters.clock import SystemClock, watch_loop
from consumer.adapters.config_api import ConfigApi
from consumer.adapters.http import CannotListenError
from consumer.adapters.kafka import topics
from consumer.adapters.kafka.client import Cluster, Names
from consumer.adapters.kafka.homes import homes
from consumer.adapters.kafka.journal import KafkaJournal
from consumer.adapters.kafka.mailbag import KafkaMailbag
from consumer.adapters.kafka.source import READ_AHEAD, KafkaSource, Membership
from consumer.adapters.metrics import Metrics
from consumer.adapters.metrics.hour import Hour
from consumer.adapters.metrics.observer import Telemetry
from consumer.adapters.simulator import Simulator
from consumer.adapters.smtp.transport import SmtpTransport
from consumer.adapters.tenants_file import TenantsFile
from consumer.adapters.vault_http import VaultHttp
from consumer.core.attribute import SEND_TEST_EMAIL, VALIDATE_CREDENTIALS
from consumer.core.decode import Decoder
from consumer.core.encode import outcome_event
from consumer.core.ending import Concluded
from consumer.core.feedback import FEEDBACK, Ear
from consumer.core.ladder import LADDER
from consumer.core.overview import Overview
from consumer.core.partition import Keeping
from consumer.core.record import Headers
from consumer.core.tenant import HOUR
from consumer.core.tenants import Faults
from consumer.delivery import Delivery
from consumer.front import Front, linked, served
from consumer.outside import (
    WrongTracingError,
    bearer_of,
    guard_of,
    prober_of,
    resolver_of,
    smtp_options,
    suppression_of,
    tenants_of,
    tokens_of,
    tracing_of,
)
from consumer.ports import BrokenError, UncertainError
from consumer.settings import Kafka, Settings
from consumer.stream import Hearing, Pace, Queue, Room, Stream, World
from consumer.validation import Validating

_log = structlog.stdlib.get_logger("consumer")

EX_OK, EX_UNAVAILABLE, EX_SOFTWARE, EX_CONFIG = 0, 69, 70, 78
"""Exit codes (sysexits.h): done; Kafka or an address cannot be had; the journal cannot be trusted; wrong settings."""


def cluster(kafka: Kafka) -> Cluster:
    """How every client of ours reaches the brokers."""
    security: dict[str, Any] = {"security_protocol": kafka.security_protocol}
    if "SSL" in kafka.security_protocol:
        security["ssl_context"] = create_ssl_context(cafile=str(kafka.ssl_cafile) if kafka.ssl_cafile else None)
    if (bearer := bearer_of(kafka)) is not None:
        security |= {"sasl_mechanism": kafka.sasl_mechanism, "sasl_oauth_token_provider": bearer}
    elif "SASL" in kafka.security_protocol and kafka.sasl_password is not None:
        security["sasl_mechanism"] = kafka.sasl_mechanism
        security["sasl_plain_username"] = kafka.sasl_username
        security["sasl_plain_password"] = kafka.sasl_password.get_secret_value()
    return Cluster(
        kafka.servers,
        kafka.client_id,
        kafka.request_timeout.total_seconds(),
        kafka.retry_backoff.total_seconds(),
        security,
    )


def run(settings: Settings, link: int | None = None) -> int:
    """Run until a signal says stop; the exit code.

    A worker has the descriptor of a `link` to the process that started it, and is seen through that one.
    """
    code = EX_SOFTWARE
    # What start-up has made stays. The default, a look at the youngest after 700, took 7 % of all CPU time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.get_loop().set_exception_handler(logs.loop_exception)
            code = runner.run(_run(settings, link))
    except* CannotListenError as wrong:
        code = _told(wrong, EX_UNAVAILABLE)
    except* BrokenError as wrong:
        code = _told(wrong, EX_SOFTWARE)
    except* WrongTracingError as wrong:
        code = _told(wrong, EX_CONFIG)
    return code


def _told(group: BaseExceptionGroup[Exception], code: int) -> int:
    for error in _leaves(group):
        _log.error("cannot go on", errors=str(error), exit_code=code)
    return code


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


class App:
    """One process, wired up."""

    def __init__(
        self,
        settings: Settings,
        tenants: TenantsFile | ConfigApi,
        metrics: Metrics,
        partitions: int,
        link: int | None = None,
    ) -> None:
        self._settings = settings
        self._link = link
        self._tenants = tenants
        self._metrics = metrics
        self._telemetry = Telemetry(metrics, logs.concluded)
        self._clock = SystemClock()
        self._cluster = cluster(settings.kafka)
        self._names = Names(
            settings.topics.requests,
            settings.topics.outcomes,
            settings.topics.parked,
            settings.kafka.group_id,
            settings.topics.suppressions,
            settings.topics.feedback,
        )
        reach = guard_of(settings.network).reach
        self._tokens = tokens_of(settings.oauth, self._clock)
        self._transport = SmtpTransport(
            self._clock,
            smtp_options(settings.smtp),
            on_stages=metrics.stages,
            on_circuit=metrics.circuit_opened,
            reach=reach,
            tokens=self._tokens,
        )
        self._prober = prober_of(settings.smtp, metrics, self._clock, reach, self._tokens)
        self._resolver, self._vault = resolver_of(settings, metrics, self._clock)
        self._source = KafkaSource(self._cluster, self._names, self._membership())
        self._journal = self._made_journal()
        self._room = Room(settings.work.in_flight)
        self._hour = Hour()
        self._mailbag = KafkaMailbag(self._cluster, self._names.feedback)
        self._further = KafkaMailbag(self._cluster, self._names.requests, at_once=READ_AHEAD)
        self._tracing = tracing_of(settings)
        self._stream = Stream(self._traced(self._world(partitions)))

    async def serve(self) -> None:
        """Join the group and work until `stop`."""
        async with AsyncExitStack() as stack:
            if self._tracing is not None:
                stack.push_async_callback(self._tracing.aclose)
            for asked in (self._vault, self._tenants):
                if isinstance(asked, VaultHttp | ConfigApi):
                    stack.push_async_callback(asked.aclose)
            stack.push_async_callback(self._tokens.aclose)
            stack.push_async_callback(self._transport.aclose)
            stack.push_async_callback(self._journal.aclose)
            stack.push_async_callback(self._mailbag.aclose)
            stack.push_async_callback(self._further.aclose)
            stack.push_async_callback(self._source.stop)
            await self._show(stack)
            async with asyncio.TaskGroup() as tasks:
                minding = [
                    tasks.create_task(watch_loop(self._metrics.loop_lag)),
                    tasks.create_task(self._gauges()),
                    tasks.create_task(self._watch()),
                ]
                if isinstance(self._tenants, TenantsFile):
                    minding.append(tasks.create_task(self._tenants.run()))
                running = tasks.create_task(self._stream.run())
                await self._source.start(self._stream.revoked, self._assigned)
                await running
                for task in minding:
                    task.cancel()

    async def _show(self, stack: AsyncExitStack) -> None:
        front = Front(self._ready, self._metrics.registry, self._overview, self._settings.kafka.client_id)
        if self._link is None:
            _log.info("listening", address=await stack.enter_async_context(served(front, self._settings.http)))
            return
        await stack.enter_async_context(linked(front, self._link, stop=self.stop, alone=self._orphaned))

    def _orphaned(self) -> None:
        _log.warning("the process that started this one is gone")
        self.stop()

    def stop(self) -> None:
        """Finish what is in flight, within the drain budget."""
        _log.info("stopping", in_flight=self._room.taken)
        self._stream.stop()

    def _assigned(self, partitions: Collection[int]) -> None:
        _log.info("assigned", partitions=sorted(partitions))
        before = {owned.number for owned in self._stream.owned}
        self._stream.assigned(partitions)
        for number in before - set(partitions):
            self._metrics.given_back(number)

    def _ready(self) -> dict[str, bool]:
        progress = self._stream.stalled() < self._settings.work.unready_after.total_seconds()
        return {"assigned": self._source.joined, "restored": self._stream.restored, "progress": progress}

    def _overview(self) -> Overview:
        self._hour.sample(self._clock.now(), self._metrics.outcomes())
        view = self._stream.overview(self._ready(), self._source.lag())
        return replace(view, circuits=self._transport.circuits(), hour=self._hour.minutes())

    async def _watch(self) -> None:
        """A process that does not get on ends: what it holds is safe in Kafka, and a new one may fare better."""
        patience = self._settings.work.exit_after.total_seconds()
        while (stalled := self._stream.stalled()) < patience:
            self._metrics.stalled(stalled)
            await asyncio.sleep(1.0)
        raise BrokenError(f"no progress for {stalled:.0f} s (CONSUMER_WORK__EXIT_AFTER); see the lines before this one")

    async def _gauges(self) -> None:
        """What stands somehow is looked at once a second."""
        while True:
            self._metrics.in_flight(self._room.taken)
            self._metrics.assigned(len(self._stream.owned))
            self._metrics.parked(self._stream.parked())
            self._hour.sample(self._clock.now(), self._metrics.outcomes())
            self._metrics.suppressed(self._stream.suppressions)
            self._telemetry.bouncing(self._stream.bouncing())
            self._metrics.attachment_memory(self._resolver.larder.used)
            pools = self._transport.snapshot()
            self._metrics.pool(opened=pools.open, busy=pools.busy, idle=pools.idle, waiting=pools.waiting)
            self._metrics.circuits(pools.circuits)
            for partition, records in self._source.lag().items():
                self._metrics.lag(partition, records)
            await asyncio.sleep(1.0)

    def _membership(self) -> Membership:
        kafka, work = self._settings.kafka, self._settings.work
        return Membership(
            kafka.session_timeout.total_seconds(),
            kafka.heartbeat_interval.total_seconds(),
            work.drain_within.total_seconds() + 15.0,
            kafka.group_instance_id,
        )

    def _made_journal(self) -> KafkaJournal:
        source = f"/{self._names.group}/{self._names.requests}"

        def encode(concluded: Concluded, now: float) -> tuple[Headers, bytes]:
            return outcome_event(
                concluded.subject,
                concluded.outcome,
                source=source,
                now=now,
                digest=concluded.digest,
                sent=concluded.progress.sent_at,
            )

        timeout = self._settings.kafka.transaction_timeout.total_seconds()
        return KafkaJournal(
            self._cluster,
            self._names,
            encode=encode,
            now=self._clock.now,
            transaction_timeout=timeout,
            suppression=suppression_of(self._settings.suppression) is not None,
        )

    def _hearing(self) -> Hearing | None:
        policy = suppression_of(self._settings.suppression)
        if policy is None:
            _log.info("suppression is off", setting="CONSUMER_SUPPRESSION__KEY")
            return None
        return Hearing(policy, self._mailbag, Ear(schemas.load(FEEDBACK.removeprefix("email."))).hear)

    def _world(self, partitions: int) -> World:
        work = self._settings.work
        delivery = Delivery(
            Decoder(schemas.requests()).decode,
            self._tenants,
            Simulator(self._transport, self._clock),
            self._clock,
            random.Random().random,  # noqa: S311  it spreads retries, and guards nothing
            LADDER,
            self._resolver,
            Validating(self._tenants, self._prober, self._clock),
            self._settings.smtp.simulator,
        )
        pace = Pace(
            in_flight=work.in_flight,
            ahead=work.ahead,
            ahead_bytes=work.ahead_bytes,
            parked=work.parked,
            grant_lifetime=work.grant_lifetime.total_seconds(),
            heartbeat=self._settings.kafka.heartbeat_interval.total_seconds(),
            drain_within=work.drain_within.total_seconds(),
        )
        dedupe, oldest = work.dedupe.total_seconds(), work.max_age.total_seconds()
        trials = {SEND_TEST_EMAIL: work.test_emails, VALIDATE_CREDENTIALS: work.validations}
        keeping = Keeping(ids=dedupe, sends=max(dedupe, oldest, HOUR), requests=oldest, trials=trials)
        return World(
            self._source,
            self._journal,
            delivery,
            self._clock,
            self._telemetry,
            homes(partitions),
            self._room,
            pace,
            keeping,
            lambda: secrets.token_hex(6),
            Queue(self._room, pace),
            self._further,
            hearing=self._hearing(),
        )

    def _traced(self, world: World) -> World:
        tracing = self._tracing
        if tracing is None:
            return world
        source, journal = tracing.source(world.source), tracing.journal(world.journal)
        return replace(world, source=source, journal=journal, delivery=tracing.delivery(world.delivery))


async def _run(settings: Settings, link: int | None) -> int:
    try:
        problems, partitions = await topics.examine(settings, cluster(settings.kafka).options())
    except UncertainError as error:
        _log.error("no Kafka", errors=str(error), address=settings.kafka.servers)
        return EX_UNAVAILABLE
    if problems:
        _log.error("topics", errors=list(problems))
        return EX_CONFIG
    metrics = Metrics()
    tenants = tenants_of(settings, metrics, SystemClock())
    if isinstance(tenants, Faults):
        _log.error("tenants file", errors=list(tenants.errors))
        return EX_CONFIG
    app = App(settings, tenants, metrics, partitions, link)
    _on_signals(app.stop)
    try:
        await app.serve()
    finally:
        logs.flush()
    _log.info("stopped")
    return EX_OK


def _on_signals(stop: Callable[[], None]) -> None:
    """The first signal asks, the second ends the process at once."""
    loop = asyncio.get_running_loop()

    def asked() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
