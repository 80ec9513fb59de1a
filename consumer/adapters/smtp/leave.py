"""Leave to send, asked for once and at the latest moment."""

from consumer.ports import Clock, Permit


class Leave:
    """A mail's permit and the moment until which it holds."""

    def __init__(self, permit: Permit, clock: Clock) -> None:
        self._permit = permit
        self._clock = clock
        self._asked = False
        self._before: float | None = None

    async def given(self) -> bool:
        """Whether the body may start now. The first call asks; however long that takes, a later one only looks."""
        if not self._asked:
            self._asked = True
            self._before = await self._permit()
        return self.holds

    @property
    def lapsed(self) -> bool:
        """Whether it was asked for and is of no use any more."""
        return self._asked and not self.holds

    @property
    def holds(self) -> bool:
        return self._before is not None and self._clock.elapsed() < self._before
