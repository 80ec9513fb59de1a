"""One mail over one connection, told apart by the point where it ended.

Before the line with the lone dot is written nothing can have been delivered; after the
relay's reply to it everything is known; in between nobody can tell (RFC 1047; RFC 5321,
4.5.3.2.6 and 6.1). Where the relay pipelines, MAIL, RCPT and DATA travel together (RFC 2920).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from consumer.adapters.smtp.content import end_of, stuffed
from consumer.adapters.smtp.dialer import Connection, OnStages
from consumer.adapters.smtp.leave import Leave
from consumer.adapters.smtp.link import Flight, LinkError
from consumer.adapters.smtp.options import Timeouts
from consumer.adapters.smtp.reasons import EndedError, Reason, refused
from consumer.core.attempt import Answered, Attempt, InDoubt, Lapsed, NotSent, Stage, Withheld
from consumer.core.mail import Mail
from consumer.core.reply import Reply
from consumer.ports import Clock

RESET = "RSET\r\n"
RCPT = "RCPT TO:<%s>\r\n"
_BODY = (Stage.BODY,)

Found: TypeAlias = Connection | NotSent | Withheld | Lapsed | None
"""What a mail is told in its turn; None: leave to open a connection."""

Lend = Callable[[Connection, float], bytes]
"""What the next mail says behind the end of a body, at this moment: its envelope; nothing where there is none."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What all conversations of a transport have in common."""

    clock: Clock
    timeouts: Timeouts
    on_stages: OnStages


class Conversation:
    """What is said about one mail, of which `content` is `ready`.

    `turn` is done when it has come to a connection, or cannot; `placed` tells whether it holds a place on the way there.
    `begun` tells whether its envelope was said behind the body of another, `heard` whether the relay said anything at
    all, `clean` whether another conversation may follow.
    """

    __slots__ = (
        *("begun", "clean", "connection", "heard", "leave", "mail", "placed", "turn"),
        *("_behind", "_content", "_ended", "_flight", "_in_flight", "_recipients", "_stage", "_terms"),
    )

    turn: asyncio.Future[Found]
    connection: Connection
    _flight: Flight

    def __init__(self, mail: Mail, content: bytes | None, leave: Leave, terms: Terms) -> None:
        self.mail = mail
        self._content = content
        self.leave = leave
        self._terms = terms
        self._stage = Stage.MAIL
        self._recipients: list[Reply] = []
        self._ended = False
        self._in_flight = False
        self._behind = False
        self.placed = False
        self.begun = False
        self.heard = False
        self.clean = True

    def anew(self) -> "Conversation":
        """The same mail once more, over another connection."""
        anew = Conversation(self.mail, self._content, self.leave, self._terms)
        anew.placed = self.placed
        return anew

    def begin(self, connection: Connection) -> bytes:
        """The envelope, to be written behind a body; its turn comes with the replies. Nothing where it cannot be said."""
        if self._unfit(connection):
            return b""
        self._take_up(connection)
        self.begun = True
        commands, within = self._envelope()
        self._flight = connection.link.expect(within, self.turn)
        return commands

    async def hold(self, connection: Connection, lend: Lend) -> Attempt:
        """Hand the mail over. `lend` lets the next one begin behind the end of its body."""
        try:
            before = self._envelope_answered() if self.begun else await self._envelope_first(connection)
            if before is not None:
                return before
            began = now = self._terms.clock.elapsed()
            self._stage = Stage.BODY
            if now >= self.leave.until:
                # The relay waits for content and there is no way back: the connection is of no more use.
                # With DATA sent last, new leave would fare no better.
                return Lapsed() if self._in_flight else NotSent(Stage.DATA, Reason.TOO_SLOW)
            if (last := self._content) is None:
                last = await self._all_but_the_last()
                now = self._terms.clock.elapsed()
            connection.bodies += 1
            try:
                flight = self._end_body(last, lend, now)
                await flight.done
            finally:
                connection.bodies -= 1
            return self._body_answered(flight, began)
        except EndedError as ended:
            return ended.ending
        except LinkError as lost:
            return self._lost(lost)

    async def _envelope_first(self, connection: Connection) -> Attempt | None:
        """What ended it before the body; None once the relay waits for that."""
        refusal = self._unfit(connection)
        if refusal or self.leave.lapsed:
            return refusal or Lapsed()
        self._take_up(connection)
        return await (self._in_one_flight() if self._in_flight else self._stage_by_stage())

    def _lost(self, lost: LinkError) -> Attempt:
        if self._ended:
            return InDoubt(lost.reason, tuple(self._recipients))
        if self._behind and not self.heard and lost.reason is Reason.TIMEOUT:
            return Lapsed()  # it was the body before whose reply did not come
        return NotSent(self._stage, lost.reason, lost.reply)

    def _unfit(self, connection: Connection) -> NotSent | None:
        offers = connection.offers
        if 0 < offers.size < len(self.mail.content):
            reply = Reply(552, "larger than the relay takes (local)", "5.3.4")
            return NotSent(Stage.MAIL, Reason.TOO_LARGE_FOR_RELAY, reply)
        if self.mail.smtputf8 and not offers.smtputf8:
            reply = Reply(553, "the relay has no SMTPUTF8 (local)", "5.6.7")
            return NotSent(Stage.MAIL, Reason.SMTPUTF8_NOT_OFFERED, reply)
        return None

    def _take_up(self, connection: Connection) -> None:
        self.connection = connection
        self._in_flight = connection.offers.pipelining and connection.hurried
        self._behind = connection.bodies > 0
        self.clean = False

    async def _stage_by_stage(self) -> Attempt | None:
        """What ended it before the body; None once the relay waits for that."""
        timeouts = self._terms.timeouts
        if self.connection.needs_reset:
            await self._ask(RESET, Stage.MAIL, timeouts.mail)
        (mail,) = await self._ask(self._mail_command(), Stage.MAIL, timeouts.mail)
        if not mail.positive:
            return self._settle(NotSent(Stage.MAIL, refused(mail), mail))
        for recipient in self.mail.recipients:
            self._recipients += await self._ask(RCPT % recipient, Stage.RCPT, timeouts.rcpt)
        if not _any_positive(self._recipients):
            return self._settle(self._answered(None))
        # As late as can be: the grant's lifetime is short, and a mail that nobody takes needs none.
        if not await self.leave.ask():
            return self._settle(Lapsed())
        (data,) = await self._ask("DATA\r\n", Stage.DATA, timeouts.data)
        return None if data.code == 354 else self._refused_data(data)

    async def _in_one_flight(self) -> Attempt | None:
        """The same in one round trip."""
        if not await self.leave.ask():
            self.clean = True
            return Lapsed()
        self._flight = self.connection.link.ask(*self._envelope())
        await self._flight.done
        return self._envelope_answered()

    def _envelope_answered(self) -> Attempt | None:
        stages = _stages(len(self.mail.recipients), self.connection.needs_reset)
        mail, *self._recipients, data = self._landed(self._flight, stages)
        if mail.code < 300 and _any_positive(self._recipients):
            return None if data.code == 354 else self._refused_data(data)
        if data.code == 354:
            # Any byte now is content, the lone dot a mail to nobody or under another sender: not even that.
            self.connection.link.fail(Reason.UNEXPECTED_REPLY)
        if not mail.positive:
            return self._settle(NotSent(Stage.MAIL, refused(mail), mail))
        return self._settle(self._answered(None))

    async def _ask(self, command: str, stage: Stage, within: float) -> list[Reply]:
        self._stage = stage
        flight = self.connection.link.ask(command.encode(), (within,))
        await flight.done
        return self._landed(flight, (stage,))

    def _landed(self, flight: Flight, stages: tuple[Stage, ...]) -> list[Reply]:
        """The replies to commands of these stages, without that to a RSET before them.

        Ends where one of them is such that nothing can follow.
        """
        replies, took = flight.replies, flight.took
        if self.connection.needs_reset and replies:
            if not replies[0].positive:
                # Without the reply: it is no verdict on this mail.
                raise EndedError(Stage.MAIL, Reason.UNEXPECTED_REPLY)
            self.connection.needs_reset = False
            replies, took, stages = replies[1:], took[1:], stages[1:]
        for at, reply in enumerate(replies):
            if reply.code >= 300 and stages[at] is not Stage.DATA and (reply.code < 400 or reply.code == 421):
                self.heard = True
                self._terms.on_stages(stages, took[: at + 1])
                raise EndedError(stages[at], refused(reply), reply)
        if replies:
            self.heard = True
            self._terms.on_stages(stages, took)
        if len(replies) < len(stages):
            self._stage = stages[len(replies)]
            self.connection.link.check(flight)
        return replies

    def _refused_data(self, data: Reply) -> Attempt:
        if data.code < 400:
            raise EndedError(Stage.DATA, Reason.UNEXPECTED_REPLY, data)
        return self._settle(self._answered(data))

    def _end_body(self, last: bytes, lend: Lend, now: float) -> Flight:
        """Writes the last of the body, its end, and what may be said behind that."""
        link = self.connection.link
        flight = link.expect((self._terms.timeouts.body,))
        behind = lend(self.connection, now)
        self._ended = True
        link.say(b"".join((last, end_of(last), behind)))
        return flight

    def _body_answered(self, flight: Flight, began: float) -> Attempt:
        terms, connection = self._terms, self.connection
        if not flight.replies:
            connection.link.check(flight)
        reply = flight.replies[0]
        connection.took = flight.took[0]
        terms.on_stages(_BODY, (terms.clock.elapsed() - began,))
        recipients = tuple(self._recipients)
        if 300 <= reply.code < 400:
            return InDoubt(Reason.UNEXPECTED_REPLY, recipients)
        # A definite answer ends the envelope: no RSET after it, whose error could hide it.
        connection.needs_reset = False
        self.clean = reply.code != 421
        return Answered(recipients, reply, terms.clock.now())

    async def _all_but_the_last(self) -> bytes:
        """Writes the body, and answers with the last block of it."""
        for block, last in stuffed(self.mail.content):
            if last:
                return block
            await self.connection.link.write(block, self._terms.timeouts.block)
        raise AssertionError("a body has an end")

    @property
    def outlived(self) -> bool:
        """Whether a flight took longer than the leave that it left with."""
        too_late = self._stage is Stage.BODY and not self._ended and not self.leave.holds
        return self._in_flight and too_late and not self._behind

    def _settle(self, attempt: Attempt) -> Attempt:
        """The relay and we agree on where we are, so that another mail may follow; it begins with RSET where needed."""
        self.connection.needs_reset = True
        self.clean = not (isinstance(attempt, Answered) and attempt.data is not None and attempt.data.code == 421)
        return attempt

    def _answered(self, data: Reply | None) -> Answered:
        return Answered(tuple(self._recipients), data, self._terms.clock.now())

    def _envelope(self) -> tuple[bytes, tuple[float, ...]]:
        """All commands before the body, and how long to wait for the reply to each."""
        recipients, reset, timeouts = self.mail.recipients, self.connection.needs_reset, self._terms.timeouts
        rcpt = RCPT * len(recipients) % recipients
        commands = f"{RESET if reset else ''}{self._mail_command()}{rcpt}DATA\r\n"
        within = (timeouts.mail,) * (1 + reset) + (timeouts.rcpt,) * len(recipients) + (timeouts.data,)
        return commands.encode(), within

    def _mail_command(self) -> str:
        offers = self.connection.offers
        size = f" SIZE={len(self.mail.content)}" if offers.size else ""
        eight_bit = " BODY=8BITMIME" if self.mail.eight_bit and offers.eight_bit else ""
        smtputf8 = " SMTPUTF8" if self.mail.smtputf8 else ""
        return f"MAIL FROM:<{self.mail.sender}>{size}{eight_bit}{smtputf8}\r\n"


def _any_positive(recipients: list[Reply]) -> bool:
    for reply in recipients:  # noqa: SIM110  a generator for each mail costs more than the look
        if reply.code < 300:
            return True
    return False


@lru_cache(maxsize=256)
def _stages(recipients: int, reset: bool) -> tuple[Stage, ...]:  # noqa: FBT001
    """The stage of each command of a flight."""
    return (Stage.MAIL,) * (1 + reset) + (Stage.RCPT,) * recipients + (Stage.DATA,)
