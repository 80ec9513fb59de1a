"""Leave to send, asked for once and at the latest moment."""

from math import inf

from consumer.ports import Clock, Permit


class Leave:
    """A mail's permit, and `until` when it holds."""

    __slots__ = ("_clock", "_permit", "asked", "until")

    def __init__(self, permit: Permit, clock: Clock) -> None:
        self._permit = permit
        self._clock = clock
        self.asked = False
        self.until = -inf

    async def ask(self) -> None:
        """Once; however long that takes."""
        self.asked = True
        before = await self._permit()
        if before is not None:
            self.until = before

    @property
    def lapsed(self) -> bool:
        """Whether it was asked for and is of no use any more."""
        return self.asked and not self.holds

    @property
    def holds(self) -> bool:
        return self._clock.elapsed() < self.until
