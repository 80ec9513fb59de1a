"""The connections to one relay as one user, and who may have one next.

What can be had is given to those who wait in turns, by `dispatch`, without an await:
that is what keeps a connection from being given twice.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from typing_extensions import override

from consumer.adapters.smtp.ahead import Ahead
from consumer.adapters.smtp.conversation import Conversation, Found
from consumer.adapters.smtp.dialer import Connection
from consumer.adapters.smtp.leave import Answer
from consumer.adapters.smtp.options import PoolLimits
from consumer.adapters.smtp.places import Places
from consumer.adapters.smtp.reasons import OURS
from consumer.adapters.smtp.standing import OnCircuit, Standing
from consumer.adapters.smtp.turns import Turns
from consumer.core.attempt import Attempt, Lapsed, NotSent, Withheld
from consumer.core.tenant import Relay
from consumer.ports import Clock


@dataclass(frozen=True, slots=True)
class Room:
    """What a pool must ask before it opens a connection: whether all pools together may have one more."""

    take: Callable[["Pool"], bool]
    give: Callable[[], None]
    owed: Callable[[], bool]


PROMPT = 1.0
"""Seconds within which a relay has to think about a body, for the next mail to begin behind it."""


class Dial(Protocol):
    def __call__(self, relay: Relay, /) -> Awaitable[Connection | NotSent]: ...


class Pool:
    """Connections of one relay. Its repr names no relay."""

    def __init__(
        self, relay: Relay, dial: Dial, room: Room, *, limits: PoolLimits, clock: Clock, on_circuit: OnCircuit
    ) -> None:
        self.relay = relay
        self._standing = Standing(relay, limits, clock, on_circuit=on_circuit, on_barred=self._clear_out)
        self.width, self.circuit = self._standing.width, self._standing.circuit
        self.ahead = Ahead(limits, clock.elapsed())
        self.places = Places(self.width.size + self.ahead.number, self._placed)
        self.open = 0
        self.used = 0
        self.opening = 0
        self.idle: dict[Connection, float] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self.connections: set[Connection] = set()
        self._dial = dial
        self._room = room
        self._limits = limits
        self._clock = clock
        self._loop = asyncio.get_running_loop()  # once: before Python 3.12 it is a system call each time
        self._waiting = Turns[Conversation]()
        self._ended: NotSent | None = None

    @override
    def __repr__(self) -> str:
        return f"<Pool open={self.open} busy={self.busy} idle={len(self.idle)} waiting={self.waiting}>"

    @property
    def busy(self) -> int:
        return self.open - self.opening - len(self.idle)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def cooling(self) -> bool:
        return self._standing.cooling

    def withheld(self) -> Withheld | None:
        """Why nobody may try now, and until when; None where somebody may."""
        return None if self.circuit.cause is None else self._standing.withheld(self.open)

    @property
    def disposable(self) -> bool:
        """Whether it holds nothing, and knows nothing that the next one would have to learn again."""
        now = self._clock.elapsed()
        return not (self.open or self.places.taken or self.waiting or self._standing.remembered(now))

    def approach(self, conversation: Conversation) -> None:
        """On its way to a connection: a place, leave where others send meanwhile, its turn. `take` waits for all that."""
        conversation.turn = self._loop.create_future()
        self.places.ask(conversation.mail.lane, conversation)

    def line_up(self, conversation: Conversation) -> None:
        """The last part of that way."""
        conversation.turn = self._loop.create_future()
        self._line_up(conversation)

    async def take(self, conversation: Conversation) -> Connection | NotSent | Withheld | Lapsed:
        """A connection, when it is this mail's turn, perhaps with its envelope answered; or why there is none."""
        while True:
            try:
                found = await conversation.turn
            except asyncio.CancelledError:
                self._given_up(conversation)
                raise
            if conversation.begun:
                return conversation.connection
            if found is None:
                # Refused one more (a relay's own limit)? If others stand, wait for one of them.
                found = await self._open()
                if isinstance(found, NotSent) and found.reason not in OURS and self.open != self.opening:
                    self.line_up(conversation)
                    continue
            if isinstance(found, Connection):
                found.hurried = self._clock.elapsed() >= self._standing.unhurried_until
            return found

    def give_back(self, connection: Connection, *, clean: bool = True) -> None:
        """The conversation is over: keep the connection for the next one only if it came to a clean end."""
        connection.users -= 1
        connection.spoiled |= not clean
        if connection.users:
            if connection.spoiled and not connection.bodies:
                connection.link.abort()
            return  # otherwise somebody waits for the reply to a body, or has begun behind it
        if connection.spoiled or not connection.link.usable or self._room.owed():
            connection.link.abort()
        elif self._worn(connection, self._clock.elapsed()):
            connection.link.quit(self._limits.quit)
        else:
            self._keep(connection)
        self.dispatch()

    def lend(self, connection: Connection, now: float) -> bytes:
        """What who is next says behind the end of a body (RFC 2920, 3.1): its envelope, for one round trip a mail."""
        prompt = connection.took is not None and connection.took < PROMPT
        if not prompt or not connection.offers.pipelining or now < self._standing.unhurried_until or self._room.owed():
            return b""
        if self._worn(connection, now, connection.users):
            return b""
        conversation = self._waiting.first()
        if conversation is None:
            self._starve()
            return b""
        if now >= conversation.leave.until:
            return b""
        self._waiting.take()
        connection.users += 1
        connection.hurried = True
        envelope = conversation.begin(connection)
        if not envelope:  # it finds out why, in its own turn
            conversation.turn.set_result(connection)
        return envelope

    def served(self, now: float) -> None:
        """A mail came to its end."""
        if self.ahead.served(now):
            self.places.resize(self.width.size + self.ahead.number)

    def _starve(self) -> None:
        if self.places.wanted:
            self.ahead.starved()

    def dispatch(self) -> None:
        """Give those who wait what there is, in turns."""
        nothing = not self.idle and self.open >= self.width.size and self.circuit.cause is None and self._ended is None
        if nothing or not self._waiting.lanes:
            return
        while self._waiting.first() is not None:
            if (connection := self._newest_idle()) is not None:
                self._give(connection)
            elif self._may_open():
                self.open += 1
                self.opening += 1
                self._answer(None)
            elif (failure := self._ended or self.withheld()) is not None:
                self._answer(failure)
            else:
                return

    def retire_idle(self, at_most: int | None = None) -> int:
        """Close idle connections, the longest idle first; says how many."""
        oldest = list(self.idle)[:at_most]
        for connection in oldest:
            self._retire(connection)
        return len(oldest)

    def shut(self, failure: NotSent) -> None:
        """Close everything, and tell those who wait."""
        self._ended = failure
        for connection in self.connections.difference(self.idle):
            connection.link.abort()
        self.retire_idle()
        if self._sweep is not None:
            self._sweep.cancel()
        while self._waiting.first() is not None:
            self._answer(failure)

    def _give(self, connection: Connection) -> None:
        connection.users += 1
        self._answer(connection)

    def _answer(self, found: Found) -> None:
        if (conversation := self._waiting.take()) is not None:
            conversation.turn.set_result(found)

    def _placed(self, conversation: Conversation) -> None:
        """It has a place. To a busy relay: leave is asked for while others send. Otherwise only just before DATA."""
        conversation.placed = True
        if self.circuit.cause is not None and (withheld := self.withheld()) is not None:
            conversation.turn.set_result(withheld)
        elif self._crowded() and (now := self._clock.elapsed()) >= self._standing.unhurried_until:
            conversation.leave.ask_ahead(partial(self._granted, conversation, now))
        else:
            self._line_up(conversation)

    def _crowded(self) -> bool:
        """Whether who comes now must wait for another mail to end (not merely for a connection to open)."""
        busy = self.open > self.opening and not self.idle
        return busy and (self.open >= self.width.size or self.cooling)

    def _granted(self, conversation: Conversation, asked: float, answer: Answer) -> None:
        """The leave that was asked for ahead has been answered."""
        turn, error = conversation.turn, None if answer.cancelled() else answer.exception()
        if turn.done():  # the mail was given up meanwhile
            return
        if answer.cancelled():
            turn.cancel()
        elif error is not None:
            turn.set_exception(error)
        else:
            now = self._clock.elapsed()
            self.ahead.granted(now - asked)
            conversation.leave.answered(answer.result())
            if now >= conversation.leave.until:
                turn.set_result(Lapsed())
            else:
                self._line_up(conversation)

    def _line_up(self, conversation: Conversation) -> None:
        self._waiting.add(conversation.mail.lane, conversation)
        self.dispatch()

    def _given_up(self, conversation: Conversation) -> None:
        """Who was cancelled on the way gives back what it was given in the same moment."""
        turn = conversation.turn
        conversation.leave.withdraw()
        if conversation.begun:
            self.give_back(conversation.connection, clean=False)
        elif turn.done() and not turn.cancelled():
            found = turn.result()
            if isinstance(found, Connection):
                self.give_back(found)
            elif found is None:
                self._closed(opening=True)

    async def _open(self) -> Connection | NotSent:
        try:
            found = await self._dial(self.relay)
        except BaseException:
            self._closed(opening=True)
            raise
        if isinstance(found, NotSent):
            self._standing.shut_out(found, self.open - 1)
            self._closed(opening=True)
            return found
        self.opening -= 1
        self.connections.add(found)
        found.users = 1
        found.link.on_closed = lambda: self._lost(found)
        self._standing.reached()
        self.dispatch()
        return found

    def learn(self, attempt: Attempt, now: float, conversation: Conversation) -> None:
        """What a conversation came to: how many there may be at once, and whether the relay is left alone."""
        if self._standing.learn(attempt, now, conversation):
            self.dispatch()

    def _clear_out(self) -> None:
        """The relay is left alone, by connections that stand too."""
        self.retire_idle()
        self.dispatch()

    def _may_open(self) -> bool:
        if self._ended or self.open >= self.width.size or self.cooling or (self.opening and not self._standing.proven):
            return False
        return self._room.take(self)

    def _newest_idle(self) -> Connection | None:
        while self.idle:
            connection, _ = self.idle.popitem()
            if connection.link.usable:
                return connection
            connection.link.abort()
        return None

    def _worn(self, connection: Connection, now: float, under_way: int = 0) -> bool:
        if self.open > self.width.size or (self.circuit.cause is not None and self._standing.barred):
            return True
        aged = now - connection.since >= self._limits.age
        return aged or connection.mails + under_way >= self._limits.messages

    def _keep(self, connection: Connection) -> None:
        self._starve()
        # One timer for all of them: one each would be made and cancelled with every mail.
        self.idle[connection] = self._loop.time()
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._limits.idle, self._retire_old)

    def _retire_old(self) -> None:
        loop = self._loop
        self._sweep = None
        for connection, since in list(self.idle.items()):  # the longest idle first
            left = since + self._limits.idle - loop.time()
            if left > 0:
                self._sweep = loop.call_later(left, self._retire_old)
                return
            self._retire(connection)

    def _retire(self, connection: Connection) -> None:
        del self.idle[connection]
        connection.link.quit(self._limits.quit)

    def _lost(self, connection: Connection) -> None:
        self.idle.pop(connection, None)
        self.connections.discard(connection)
        self._closed()

    def _closed(self, *, opening: bool = False) -> None:
        self.open -= 1
        self.opening -= opening
        self._room.give()
        self.dispatch()
