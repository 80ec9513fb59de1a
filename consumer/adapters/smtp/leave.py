"""Leave to send, asked for once and at the latest moment."""

import asyncio
from collections.abc import Callable
from math import inf
from typing import TypeAlias

from consumer.ports import Clock, Permit

Answer: TypeAlias = asyncio.Future[float | None]


class Leave:
    """A mail's permit, and `until` when it holds."""

    __slots__ = ("_answer", "_clock", "_permit", "asked", "until")

    def __init__(self, permit: Permit, clock: Clock) -> None:
        self._permit = permit
        self._clock = clock
        self._answer: Answer | None = None
        self.asked = False
        self.until = -inf

    async def ask(self) -> bool:
        """Once, however long that takes; whether it holds."""
        if not self.asked:
            self.asked = True
            self.answered(await self._permit())
        return self.holds

    def ask_ahead(self, then: Callable[[Answer], None]) -> None:
        """The same while the mail waits for something else; `then` has it answered with what came of it."""
        self.asked = True
        answer = self._permit()
        if not isinstance(answer, asyncio.Future):
            answer = asyncio.ensure_future(answer)  # noqa: TID251  the mail owns it: it ends with `withdraw`
        self._answer = answer
        answer.add_done_callback(then)

    def answered(self, before: float | None) -> None:
        """What was asked for has come."""
        if before is not None:
            self.until = before

    def withdraw(self) -> None:
        """Nobody waits for it any more."""
        if self._answer is not None:
            self._answer.cancel()

    @property
    def lapsed(self) -> bool:
        """Whether it was asked for and is of no use any more."""
        return self.asked and not self.holds

    @property
    def holds(self) -> bool:
        return self._clock.elapsed() < self.until
