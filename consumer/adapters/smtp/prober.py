"""A connection to a relay without a mail: opened as for a mail, by the same dialer and so past the same guard.

It does not come from a pool: what is asked for is whether a connection can be made now.
"""

from collections.abc import Sequence
from dataclasses import replace

from typing_extensions import override

from consumer import ports
from consumer.adapters.smtp.dialer import Connection, Dialer
from consumer.adapters.smtp.options import Timeouts
from consumer.adapters.smtp.reasons import Reason
from consumer.core.attempt import NotSent, Stage
from consumer.core.outcome import Timed
from consumer.core.probe import AUTH, DNS, GREETING, TCP, TLS, Probed, Reached, Stopped, place
from consumer.core.tenant import Relay
from consumer.ports import Clock

_QUIT = 1.0
_NAMES = {Stage.GREETING: GREETING, Stage.TLS: TLS, Stage.AUTH: AUTH}


class SmtpProber(ports.Prober):
    """Tries relays out. Each stage has `patience` seconds, or what it has for a mail if that is less."""

    def __init__(self, dialer: Dialer, clock: Clock, timeouts: Timeouts, patience: float) -> None:
        self._dialer = dialer
        self._clock = clock
        self._timeouts = replace(
            timeouts,
            connect=min(timeouts.connect, patience),
            greeting=min(timeouts.greeting, patience),
            tls=min(timeouts.tls, patience),
            auth=min(timeouts.auth, patience),
        )

    @override
    async def probe(self, relay: Relay) -> Probed:
        notes = _Notes(self._clock)
        dialer = self._dialer.watched(self._timeouts, notes.took, notes.resolved)
        found = await dialer.dial(relay)
        if isinstance(found, NotSent):
            return Stopped(notes.until(found), found.reason, found.reply)
        await _goodbye(found)
        return Reached(notes.stages, found.welcome)


class _Notes:
    """How long each stage took. A stage that comes twice (EHLO, before TLS and after) counts where it came first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._resolved: float | None = None
        self._seconds: dict[str, float] = {}

    def resolved(self) -> None:
        self._resolved = self._clock.elapsed()

    def took(self, stages: Sequence[Stage], seconds: Sequence[float]) -> None:
        for stage, each in zip(stages, seconds, strict=True):
            self._took(stage, each)

    def _took(self, stage: Stage, seconds: float) -> None:
        if stage is not Stage.CONNECT:
            name = _NAMES[stage]
            within = self._seconds.get(TLS, 0.0) if name == GREETING and name not in self._seconds else 0.0
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds - within
            return
        connecting = 0.0 if self._resolved is None else self._clock.elapsed() - self._resolved
        self._seconds[DNS] = max(0.0, seconds - connecting)
        if self._resolved is not None:
            self._seconds[TCP] = min(connecting, seconds)

    @property
    def stages(self) -> tuple[Timed, ...]:
        return tuple(Timed(name, seconds) for name, seconds in self._seconds.items())

    def until(self, ended: NotSent) -> tuple[Timed, ...]:
        """The last one is where it ended."""
        last = place(ended)
        if last == TCP and self._resolved is None and ended.reason == Reason.TIMEOUT:
            last = DNS
        took = self._seconds.pop(last, 0.0)
        return (*self.stages, Timed(last, took))


async def _goodbye(connection: Connection) -> None:
    connection.link.quit(_QUIT)
    await connection.link.closed.wait()
