"""The way out to relays: a pool for each relay and user, and one conversation for each mail."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from typing_extensions import override

from consumer import ports
from consumer.adapters.smtp.content import checked, ready
from consumer.adapters.smtp.conversation import Conversation, Terms
from consumer.adapters.smtp.dialer import Connection, Dialer, OnStages, Reach, reach
from consumer.adapters.smtp.leave import Leave
from consumer.adapters.smtp.options import SmtpOptions
from consumer.adapters.smtp.pool import Pool, Room
from consumer.adapters.smtp.reasons import Reason
from consumer.core.attempt import Attempt, NotSent, Stage
from consumer.core.circuit import Cause, Circuit
from consumer.core.mail import Mail
from consumer.core.overview import CircuitNow
from consumer.core.tenant import Relay
from consumer.ports import Clock, Permit

MOST_STALE = 2
"""How many connections that their relay had given up while they were idle one mail may find."""

_STALE = frozenset({Reason.CONNECTION_LOST, Reason.CLOSING, Reason.UNSOLICITED_REPLY, Reason.UNEXPECTED_REPLY})
_SHUTTING_DOWN = NotSent(Stage.CONNECT, Reason.SHUTTING_DOWN)


_log = structlog.stdlib.get_logger(__name__)


def _unobserved(_stages: Sequence[Stage], _seconds: Sequence[float]) -> None:
    """Nobody measures."""


@dataclass(frozen=True, slots=True)
class PoolsSnapshot:
    """All pools together, for metrics: connections (busy, idle or being opened), mails that wait for one, open circuits."""

    pools: int
    open: int
    busy: int
    idle: int
    waiting: int
    circuits: Mapping[Cause, int]


class SmtpTransport(ports.Transport):
    """Sends through aiosmtplib's connections. Close it with `aclose`."""

    def __init__(
        self,
        clock: Clock,
        options: SmtpOptions | None = None,
        *,
        on_stages: OnStages = _unobserved,
        on_circuit: Callable[[Cause], None] = lambda _: None,
        reach: Reach = reach,
        tokens: ports.Tokens | None = None,
    ) -> None:
        options = options or SmtpOptions()
        self._clock = clock
        self._limits = options.limits
        self._dialer = Dialer(clock, options, on_stages=on_stages, reach=reach, tokens=tokens)
        self._terms = Terms(clock, options.timeouts, on_stages)
        self._on_circuit = on_circuit
        self._pools: dict[Relay, Pool] = {}
        self._sends = 0
        self._open = 0
        self._starving: dict[Pool, None] = {}
        self._room = Room(self._take_room, self._give_room, self._owes_room)
        self._closing = False

    @override
    async def send(self, mail: Mail, relay: Relay, permit: Permit) -> Attempt:
        content = ready(mail)
        if content is None:
            content = await checked(mail.content)
        if isinstance(content, NotSent):
            return content
        pool = self._pool(relay)
        if (withheld := pool.withheld()) is not None:
            return withheld
        conversation = Conversation(mail, content, Leave(permit, self._clock), self._terms)
        pool.approach(conversation)
        try:
            for left in range(MOST_STALE, -1, -1):
                connection = await pool.take(conversation)
                if not isinstance(connection, Connection):
                    return connection
                try:
                    attempt = await conversation.hold(connection, pool.lend)
                finally:
                    connection.mails += 1
                    pool.give_back(connection, clean=conversation.clean)
                now = self._clock.elapsed()
                pool.served(now)
                stale = (
                    left and isinstance(attempt, NotSent) and connection.mails > 1 and _given_up(attempt, conversation)
                )
                if not stale:
                    pool.learn(attempt, now, conversation)
                    return attempt
                pool.retire_idle()
                conversation = conversation.anew()
                pool.line_up(conversation)
        finally:
            if conversation.placed:
                pool.places.release()
        raise AssertionError("the last round returns")

    def snapshot(self) -> PoolsSnapshot:
        pools = self._pools.values()
        return PoolsSnapshot(
            pools=len(pools),
            open=self._open,
            busy=sum(pool.busy for pool in pools),
            idle=sum(len(pool.idle) for pool in pools),
            waiting=sum(max(0, pool.places.taken - pool.busy - pool.opening) for pool in pools),
            circuits=Counter(cause for pool in pools if (cause := pool.circuit.cause) is not None),
        )

    def circuits(self) -> tuple[CircuitNow, ...]:
        """The relays that are left alone now, for people who look."""
        behind = self._clock.now() - self._clock.elapsed()
        return tuple(
            CircuitNow(pool.relay.name, pool.circuit.cause.value, behind + pool.circuit.until)
            for pool in self._pools.values()
            if pool.circuit.cause is not None and pool.cooling
        )

    async def aclose(self) -> None:
        """Say goodbye on idle connections, hang up on the others; done within about the time for QUIT."""
        self._closing = True
        links = [connection.link for pool in self._pools.values() for connection in pool.connections]
        for pool in self._pools.values():
            pool.shut(_SHUTTING_DOWN)
        try:
            async with asyncio.timeout(self._limits.quit + 1):
                for link in links:
                    await link.closed.wait()
        except TimeoutError:
            for link in links:
                link.abort()

    def _pool(self, relay: Relay) -> Pool:
        pool = self._pools.get(relay)
        if pool is None:
            for old in [key for key, each in self._pools.items() if each.disposable]:
                del self._pools[old]
            self._retire_former(relay)
            pool = Pool(
                relay, self._dialer.dial, self._room, limits=self._limits, clock=self._clock, on_circuit=self._told
            )
            self._pools[relay] = pool
            if self._closing:
                pool.shut(_SHUTTING_DOWN)
        self._sends += 1
        pool.used = self._sends
        return pool

    def _told(self, relay: Relay, circuit: Circuit, was: Cause | None) -> None:
        """A line for each opening and each closing; a probe that failed is neither."""
        if circuit.cause is None:
            _log.info("circuit closed", relay=relay.name, reason=was)
        elif circuit.cause is not was:
            _log.info("circuit opened", relay=relay.name, reason=circuit.cause, last_reason=circuit.reason)
            self._on_circuit(circuit.cause)

    def _retire_former(self, relay: Relay) -> None:
        """Where a password was changed, nobody comes any more for the connections that were made with the former one."""
        for former, pool in self._pools.items():
            if relay.user is not None and (former.name, former.user) == (relay.name, relay.user):
                pool.retire_idle()

    def _take_room(self, pool: Pool) -> bool:
        if self._open < self._limits.total:
            self._open += 1
            self._starving.pop(pool, None)
            return True
        if pool.open == 0 and pool not in self._starving:
            self._starving[pool] = None
            self._make_room()
        return False

    def _make_room(self) -> None:
        """Close the longest idle connection of the pool that was used least recently."""
        for pool in sorted(self._pools.values(), key=lambda pool: pool.used):
            if pool.retire_idle(1):
                return

    def _give_room(self) -> None:
        self._open -= 1
        for pool in list(self._starving):
            pool.dispatch()

    def _owes_room(self) -> bool:
        """Whether a pool has no connection because others have them all: the next one that is done makes room."""
        if not self._starving:
            return False  # as nearly always, for each mail
        self._starving = {pool: None for pool in self._starving if pool.waiting}
        return bool(self._starving)


def _given_up(attempt: NotSent, conversation: Conversation) -> bool:
    """The relay had closed the connection while it was idle, and said nothing about this mail."""
    if attempt.reason not in _STALE:
        return False
    return attempt.stage is Stage.MAIL and (not conversation.heard or attempt.reply is not None)
