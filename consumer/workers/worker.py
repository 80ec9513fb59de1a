"""One worker: a process of its own, and the link to it."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from subprocess import DEVNULL

from consumer.adapters import link
from consumer.adapters.link import Asking
from consumer.front import READY, STOP

UP_WITHIN = 120.0
"""Seconds after which a worker that has not answered is ended: it hangs. Kafka that is away takes less."""

WORD = "worker"
"""The command that is for us alone: `consumer worker NUMBER DESCRIPTOR`."""


def command() -> Sequence[str]:
    """As this process itself was started, with the interpreter's options, but without the words of ours."""
    return (sys.executable, *sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv[1:])])


@dataclass(frozen=True, slots=True)
class Ended:
    """A process did, after so many seconds. `code` is negative for a signal; `up` says whether it ever answered.

    One that the system could not even start has EX_OSERR.
    """

    code: int
    up: bool
    seconds: float

    @property
    def exit_code(self) -> int:
        """As shells say it."""
        return self.code if self.code >= 0 else 128 - self.code


class Worker:
    """A number among the workers, and the process that has it now."""

    def __init__(self, number: int, words: Sequence[str]) -> None:
        self.number = number
        self.link: Asking | None = None
        """Leads to it, from its start to its end."""
        self._words = words
        self._answered = False
        self._process: asyncio.subprocess.Process | None = None

    @property
    def name(self) -> str:
        return str(self.number)

    @property
    def up(self) -> bool:
        """Whether there is a process that has answered once: its settings, topics and tenants are well."""
        return self._answered and self.link is not None and self.link.open

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def run(self, on_start: Callable[[], None], on_up: Callable[[], None]) -> Ended:
        """Start the process and wait for its end."""
        began = time.monotonic()
        try:
            self._process, self.link = await self._start()
        except OSError:  # no memory, no descriptors, no such program: perhaps later
            return Ended(os.EX_OSERR, up=False, seconds=time.monotonic() - began)
        on_start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._greet(self.link, on_up))
                code = await self._process.wait()
            return Ended(code, self._answered, time.monotonic() - began)
        finally:
            self.link.close()
            self.link, self._process, self._answered = None, None, False

    async def _start(self) -> tuple[asyncio.subprocess.Process, Asking]:
        ours, theirs = link.pair()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words,
                WORD,
                self.name,
                str(theirs),
                stdin=DEVNULL,
                pass_fds=(theirs,),
                start_new_session=True,  # a Ctrl-C is for the parent: two signals would end a worker undrained
            )
        except OSError:
            ours.close()
            raise
        finally:
            os.close(theirs)
        return process, await link.asking(ours)

    def stop(self) -> None:
        """Have it drain; what is not up yet has nothing to drain.

        No signal: who ends all processes of a service at once, as systemd does, has sent it one already, and a second
        would end it undrained.
        """
        if self.up and self.link is not None:
            self.link.tell(STOP)
        else:
            self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        """Pass a signal on, if there is a process."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def ask(self, word: str, within: float) -> bytes | None:
        """What the process answers; None if it does not within so many seconds, or there is none."""
        return None if self.link is None else await self.link.ask(word, within)

    async def _greet(self, to: Asking, on_up: Callable[[], None]) -> None:
        """The first answer comes when it is up; if the process ends before, there is none."""
        if await to.ask(READY, UP_WITHIN) is not None:
            self._answered = True
            on_up()
        elif to.open:
            self.signal(signal.SIGKILL)
