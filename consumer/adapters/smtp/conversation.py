"""One mail over one connection, told apart by the point where it ended.

Before the line with the lone dot is written nothing can have been delivered; after the
relay's reply to it everything is known; in between nobody can tell (RFC 1047; RFC 5321,
4.5.3.2.6 and 6.1). Where the relay pipelines, MAIL, RCPT and DATA travel together (RFC 2920).
"""

from collections.abc import Callable
from functools import lru_cache

from consumer.adapters.smtp.content import BLOCK, stuffed, whole
from consumer.adapters.smtp.dialer import Connection, OnStage
from consumer.adapters.smtp.leave import Leave
from consumer.adapters.smtp.link import Flight, LinkError
from consumer.adapters.smtp.options import Timeouts
from consumer.adapters.smtp.reasons import EndedError, Reason, refused
from consumer.core.attempt import Answered, Attempt, InDoubt, Lapsed, NotSent, Stage
from consumer.core.mail import Mail
from consumer.core.reply import Reply
from consumer.ports import Clock

RESET = "RSET\r\n"


class Conversation:
    """What is said about one mail.

    `heard` tells whether the relay said anything at all, `clean` whether another conversation may follow.
    """

    def __init__(self, connection: Connection, mail: Mail, leave: Leave, *, timeouts: Timeouts, clock: Clock) -> None:
        self._connection = connection
        self._link = connection.link
        self._mail = mail
        self._leave = leave
        self._timeouts = timeouts
        self._clock = clock
        self._stage = Stage.MAIL
        self._recipients: list[Reply] = []
        self._ended = False
        self._in_flight = connection.offers.pipelining and connection.hurried
        self._behind = connection.bodies > 0
        self.heard = False
        self.clean = True

    async def hold(self, on_stage: OnStage, lend: Callable[[Connection], bool]) -> Attempt:
        """Hand the mail over. `lend` lets the next one begin behind the end of its body."""
        refusal = self._unfit()
        if refusal or self._leave.lapsed:
            return refusal or Lapsed()
        self.clean = False
        self._on_stage, self._lend = on_stage, lend
        try:
            return await (self._in_one_flight() if self._in_flight else self._stage_by_stage())
        except EndedError as ended:
            return ended.ending
        except LinkError as lost:
            if self._ended:
                return InDoubt(lost.reason, tuple(self._recipients))
            if self._behind and not self.heard and lost.reason is Reason.TIMEOUT:
                return Lapsed()  # it was the body before whose reply did not come
            return NotSent(self._stage, lost.reason, lost.reply)

    def _unfit(self) -> NotSent | None:
        offers = self._connection.offers
        if 0 < offers.size < len(self._mail.content):
            reply = Reply(552, "larger than the relay takes (local)", "5.3.4")
            return NotSent(Stage.MAIL, Reason.TOO_LARGE_FOR_RELAY, reply)
        if self._mail.smtputf8 and not offers.smtputf8:
            reply = Reply(553, "the relay has no SMTPUTF8 (local)", "5.6.7")
            return NotSent(Stage.MAIL, Reason.SMTPUTF8_NOT_OFFERED, reply)
        return None

    async def _stage_by_stage(self) -> Attempt:
        if self._connection.needs_reset:
            await self._ask(RESET, (Stage.MAIL,))
        (mail,) = await self._ask(self._mail_command(), (Stage.MAIL,))
        if not mail.positive:
            return self._settle(NotSent(Stage.MAIL, refused(mail), mail))
        for recipient in self._mail.recipients:
            self._recipients += await self._ask(f"RCPT TO:<{recipient}>\r\n", (Stage.RCPT,))
        if not self._any_recipient:
            return self._settle(self._answered(None))
        # As late as can be: the grant's lifetime is short, and a mail that nobody takes needs none.
        if not await self._leave.given():
            return self._settle(Lapsed())
        (data,) = await self._ask("DATA\r\n", (Stage.DATA,))
        if data.code != 354:
            return self._refused_data(data)
        return await self._body()

    async def _in_one_flight(self) -> Attempt:
        if not await self._leave.given():
            self.clean = True
            return Lapsed()
        recipients, reset = self._mail.recipients, self._connection.needs_reset
        rcpt = "".join([f"RCPT TO:<{recipient}>\r\n" for recipient in recipients])
        commands = f"{RESET if reset else ''}{self._mail_command()}{rcpt}DATA\r\n"
        mail, *self._recipients, data = await self._ask(commands, _stages(len(recipients), reset=reset))
        if data.code == 354 and mail.positive and self._any_recipient:
            return await self._body()
        if data.code == 354:
            # Any byte now is content, the lone dot a mail to nobody or under another sender: not even that.
            self._link.fail(Reason.UNEXPECTED_REPLY)
        if not mail.positive:
            return self._settle(NotSent(Stage.MAIL, refused(mail), mail))
        if not self._any_recipient:
            return self._settle(self._answered(None))
        return self._refused_data(data)

    async def _ask(self, commands: str, stages: tuple[Stage, ...]) -> list[Reply]:
        """The replies to commands of these stages, without that to a RSET before them."""
        self._stage = stages[0]
        reset = self._connection.needs_reset
        flight = self._link.ask(commands.encode(), *_patience(self._timeouts, stages))
        try:
            replies = await self._link.land(flight)
        except LinkError:
            self._look_at(flight, stages)
            self._stage = stages[min(len(flight.replies), len(stages) - 1)]
            raise
        self._look_at(flight, stages)
        return replies[1:] if reset else replies

    def _look_at(self, flight: Flight, stages: tuple[Stage, ...]) -> None:
        """Ends where a reply is one that nothing can follow."""
        replies = zip(stages, flight.replies, flight.took, strict=False)
        if self._connection.needs_reset and (first := next(replies, None)):
            if not first[1].positive:
                # Without the reply: it is no verdict on this mail.
                raise EndedError(Stage.MAIL, Reason.UNEXPECTED_REPLY)
            self._connection.needs_reset = False
        for stage, reply, took in replies:
            self._on_stage(stage, took)
            self.heard = True
            if reply.code >= 300 and stage is not Stage.DATA and (reply.code < 400 or reply.code == 421):
                raise EndedError(stage, refused(reply), reply)

    def _refused_data(self, data: Reply) -> Attempt:
        if data.code < 400:
            raise EndedError(Stage.DATA, Reason.UNEXPECTED_REPLY, data)
        return self._settle(self._answered(data))

    async def _body(self) -> Attempt:
        self._stage = Stage.BODY
        if not self._leave.holds:
            # The relay waits for content and there is no way back: the connection is of no more use.
            return self._too_late()
        began = self._clock.elapsed()
        reply = await self._body_reply()
        self._on_stage(Stage.BODY, self._clock.elapsed() - began)
        if 300 <= reply.code < 400:
            return InDoubt(Reason.UNEXPECTED_REPLY, tuple(self._recipients))
        # A definite answer ends the envelope: no RSET after it, whose error could hide it.
        return self._settle(self._answered(reply), in_envelope=False)

    async def _body_reply(self) -> Reply:
        end = whole(self._mail.content) or await self._all_but_the_end()
        self._connection.bodies += 1
        try:
            # Whoever begins behind it has its turn before the loop's next: both leave in one write.
            still = self._may_start if self._lend(self._connection) else None
            flight = self._link.ask(end, self._timeouts.body, still=still)
            self._ended = True
            (reply,) = await self._link.land(flight)
        finally:
            self._connection.bodies -= 1
        self._connection.took = flight.took[0]
        return reply

    async def _all_but_the_end(self) -> bytes:
        """Writes the body, and answers with the last block of it, that has the end in it."""
        for block, last in stuffed(self._mail.content):
            if last:
                return block
            await self._link.write(block, self._timeouts.block)
        raise AssertionError("a body has an end")

    def _may_start(self) -> bool:
        return self._leave.holds or len(self._mail.content) > BLOCK  # of a long one the most is written

    def _too_late(self) -> Attempt:
        """Its 354 came after the leave had run out. With DATA sent last, new leave would fare no better."""
        return Lapsed() if self._in_flight else NotSent(Stage.DATA, Reason.TOO_SLOW)

    @property
    def outlived(self) -> bool:
        """Whether a flight took longer than the leave that it left with."""
        too_late = self._stage is Stage.BODY and not self._ended and not self._leave.holds
        return self._in_flight and too_late and not self._behind

    def _settle(self, attempt: Attempt, *, in_envelope: bool = True) -> Attempt:
        """The relay and we agree on where we are, so that another mail may follow; it begins with RSET where needed."""
        self._connection.needs_reset = in_envelope
        closing = isinstance(attempt, Answered) and attempt.data is not None and attempt.data.code == 421
        self.clean = not closing
        return attempt

    def _answered(self, data: Reply | None) -> Answered:
        return Answered(tuple(self._recipients), data, self._clock.now())

    @property
    def _any_recipient(self) -> bool:
        return any(reply.positive for reply in self._recipients)

    def _mail_command(self) -> str:
        offers = self._connection.offers
        size = f" SIZE={len(self._mail.content)}" if offers.size else ""
        eight_bit = " BODY=8BITMIME" if self._mail.eight_bit and offers.eight_bit else ""
        smtputf8 = " SMTPUTF8" if self._mail.smtputf8 else ""
        return f"MAIL FROM:<{self._mail.sender}>{size}{eight_bit}{smtputf8}\r\n"


@lru_cache(maxsize=256)
def _stages(recipients: int, *, reset: bool) -> tuple[Stage, ...]:
    """The stage of each command of a flight."""
    return (Stage.MAIL,) * (1 + reset) + (Stage.RCPT,) * recipients + (Stage.DATA,)


@lru_cache(maxsize=256)
def _patience(timeouts: Timeouts, stages: tuple[Stage, ...]) -> tuple[float, ...]:
    """How long to wait for each reply."""
    of = {Stage.MAIL: timeouts.mail, Stage.RCPT: timeouts.rcpt, Stage.DATA: timeouts.data}
    return tuple(of[stage] for stage in stages)
