"""What the tests of sending share: mails, relays to send to, and a transport that does not wait long."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from consumer.adapters.clock import SystemClock
from consumer.adapters.smtp import PoolLimits, SmtpOptions, SmtpTransport, Timeouts
from consumer.core.attempt import Attempt, Stage
from consumer.core.mail import Address, Mail
from consumer.core.tenant import Relay, Scheme
from consumer.ports import Clock, Tokens
from devtools.certificates import Certificates
from devtools.relay import Relay as TestRelay
from devtools.relay_script import Manner, Script

CLOCK = SystemClock()
PATIENT = Timeouts(*(5.0,) * 9)
STAGES = ("SIZE 33554432", "8BITMIME", "SMTPUTF8")
PIPELINED = (*STAGES, "PIPELINING")


def mail(
    number: int = 1,
    *,
    sender: str = "no-reply@acme.example",
    to: tuple[str, ...] = ("ann@example.com",),
    body: bytes = b"World\r\n",
    smtputf8: bool = False,
    eight_bit: bool = False,
) -> Mail:
    message_id = f"<{number}@acme.example>"
    content = b"Message-ID: %s\r\nSubject: Hello\r\n\r\n%s" % (message_id.encode(), body)
    recipients = tuple(Address(address) for address in to)
    return Mail(Address(sender), recipients, content, message_id, smtputf8, eight_bit)


async def granted() -> float | None:
    return CLOCK.elapsed() + 10


async def not_granted() -> float | None:
    return None


def hasty(stage: str) -> Timeouts:
    """Patient, but at this one stage."""
    return replace(PATIENT, **{stage: 0.3})


def options(timeouts: Timeouts = PATIENT, limits: PoolLimits | None = None) -> SmtpOptions:
    """Plain text allowed."""
    return SmtpOptions(timeouts, limits or PoolLimits(), allow_plaintext=True)


@dataclass
class Post:
    """A transport, the relay that it sends to, and how to name that relay."""

    transport: SmtpTransport
    relay: TestRelay
    name: Relay
    stages: list[Stage] = field(default_factory=list)

    async def send(self, what: int | Mail = 1, *, by: Relay | None = None) -> Attempt:
        """Send one mail (or one of this number) within ten seconds."""
        async with asyncio.timeout(10):
            return await self.transport.send(mail(what) if isinstance(what, int) else what, by or self.name, granted)

    def lines(self, verb: str) -> list[str]:
        """All command lines of this verb that the relay got, over all connections."""
        return [line for log in self.relay.sessions for line in log.lines if line.upper().startswith(verb)]


@asynccontextmanager
async def posting(
    script: Script | None = None,
    *,
    manner: Manner | None = None,
    certificates: Certificates | None = None,
    how: SmtpOptions | None = None,
    name: Callable[[int], Relay] = lambda port: Relay("127.0.0.1", port, Scheme.PLAIN),
    extensions: tuple[str, ...] = PIPELINED,
    clock: Clock = CLOCK,
    tokens: Tokens | None = None,
) -> AsyncIterator[Post]:
    """A relay that keeps to the script, and a transport for it; both closed at the end."""
    manner = manner or Manner("plain", extensions)
    async with TestRelay(manner, script, certificates=certificates) as relay:
        stages: list[Stage] = []
        transport = SmtpTransport(
            clock, how or options(), tokens=tokens, on_stages=lambda some, seconds: stages.extend(some[: len(seconds)])
        )
        try:
            yield Post(transport, relay, name(relay.port), stages)
        finally:
            await transport.aclose()
