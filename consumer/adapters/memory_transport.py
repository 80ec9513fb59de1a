"""A relay in memory: the twin of the SMTP transport, for tests of what stands on it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from typing_extensions import override

from consumer.core.attempt import Answered, Attempt, Lapsed
from consumer.core.mail import Address, Mail
from consumer.core.outcome import Timed
from consumer.core.probe import AUTH, DNS, GREETING, TCP, TLS, Probed, Reached
from consumer.core.reply import Reply
from consumer.core.tenant import Relay
from consumer.ports import Clock, Permit, Prober, Transport

RECIPIENT_OK = Reply(250, "ok", "2.1.5")
TAKEN = Reply(250, "taken", "2.0.0")
WELCOME = Reply(235, "welcome", "2.7.0")

Ending = Callable[[Mail], Awaitable[Attempt | None]]
"""What becomes of a mail that has leave to be sent: an attempt; None: it is taken. Awaits whatever a test is about."""


async def _take(_mail: Mail) -> Attempt | None:
    return None


class MemoryTransport(Transport):
    """Takes every mail for every recipient that is not refused. `handed_over` are the mails that it took, in order."""

    def __init__(self, clock: Clock, *, refused: Mapping[Address, Reply] | None = None, ending: Ending = _take) -> None:
        self._clock = clock
        self.refused = dict(refused or {})
        self.ending = ending
        self.handed_over: list[tuple[Relay, Mail]] = []

    @override
    async def send(self, mail: Mail, relay: Relay, permit: Permit) -> Attempt:
        recipients = tuple(self.refused.get(recipient, RECIPIENT_OK) for recipient in mail.recipients)
        if not _any_positive(recipients):
            return Answered(recipients, None, self._clock.now())
        before = await permit()
        if before is None or self._clock.elapsed() >= before:
            return Lapsed()
        attempt = await self.ending(mail)
        if attempt is not None:
            return attempt
        self.handed_over.append((relay, mail))
        return Answered(recipients, TAKEN, self._clock.now())


def _any_positive(replies: Iterable[Reply]) -> bool:
    return any(reply.positive for reply in replies)


class MemoryProber(Prober):
    """Every relay can be reached, unless `answer` says otherwise. `asked` are those that were, in order."""

    def __init__(self, answer: Callable[[Relay], Awaitable[Probed | None]] | None = None) -> None:
        self.answer = answer
        self.asked: list[Relay] = []

    @override
    async def probe(self, relay: Relay) -> Probed:
        self.asked.append(relay)
        probed = await self.answer(relay) if self.answer else None
        if probed is not None:
            return probed
        names = (DNS, TCP, GREETING, TLS) if relay.user is None else (DNS, TCP, GREETING, TLS, AUTH)
        return Reached(tuple(Timed(name, 0.001) for name in names), None if relay.user is None else WELCOME)
