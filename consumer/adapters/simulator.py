"""In front of the way out to relays: the stand-ins that take mail and send none."""

from types import CoroutineType
from typing import Any

from typing_extensions import override

from consumer.core.attempt import Answered, Attempt, InDoubt, Lapsed
from consumer.core.mail import Mail
from consumer.core.simulator import STAND_INS, simulated
from consumer.core.tenant import Relay
from consumer.ports import Clock, Permit, Transport


class Simulator(Transport):
    """Answers for the stand-ins itself, after leave to send as a relay would; hands all else on."""

    def __init__(self, inner: Transport, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock

    @override
    def send(self, mail: Mail, relay: Relay, permit: Permit) -> "CoroutineType[Any, Any, Attempt]":
        if relay.port or relay not in STAND_INS:  # the port first: to hash a relay takes a microsecond
            return self._inner.send(mail, relay, permit)
        return self._simulated(mail, relay, permit)

    async def _simulated(self, mail: Mail, relay: Relay, permit: Permit) -> Attempt:
        answers = simulated(mail, relay)
        if answers.data is None:
            return Answered(answers.recipients, None, self._clock.now())
        before = await permit()
        if before is None or self._clock.elapsed() >= before:
            return Lapsed()
        if answers.lost:
            return InDoubt("simulated", answers.recipients)
        return Answered(answers.recipients, answers.data, self._clock.now())
