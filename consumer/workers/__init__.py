"""`consumer run --workers N`: the parent of N processes of one group, with one address for health, metrics and the page.

It does none of the work. It starts the workers, starts one again that has ended, has all of them drain when it is asked to
stop, and asks each how it is whenever somebody asks it. The first has to be up before the others are started, so that
what is wrong with settings, topics or Kafka is said once, and the parent ends with that worker's exit code.

A worker sees the end of its link when the parent is gone, however that ended, and drains.
"""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress

import structlog

from consumer.adapters import logs, page
from consumer.adapters.http import CannotListenError, Views, serve_views
from consumer.settings import Settings
from consumer.workers.patience import PAUSES, Patience
from consumer.workers.sight import Sight
from consumer.workers.worker import Ended, Worker, command

BEHIND_THE_DRAIN = 30.0
"""Seconds behind CONSUMER_WORK__DRAIN_WITHIN in which a worker closes everything; then it is killed."""

_log = structlog.stdlib.get_logger("consumer.workers")


def run(settings: Settings) -> int:
    """Keep the workers at work until a signal says stop; the exit code."""
    workers = Workers(settings, command())
    try:
        with asyncio.Runner() as runner:
            runner.get_loop().set_exception_handler(logs.loop_exception)
            return runner.run(workers.run())
    except CannotListenError as wrong:
        _log.error("cannot go on", errors=str(wrong), exit_code=os.EX_UNAVAILABLE)
        return os.EX_UNAVAILABLE


class Workers:
    """The processes, and what becomes of them."""

    def __init__(
        self,
        settings: Settings,
        words: Sequence[str],
        *,
        behind: float = BEHIND_THE_DRAIN,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        """`words` start this program; `behind` and `pauses` are seconds, as their defaults say."""
        self._pauses = pauses
        self._http = settings.http
        self._end_within = settings.work.drain_within.total_seconds() + behind
        self.all = tuple(Worker(number + 1, words) for number in range(settings.work.workers))
        self._sight = Sight(self.all, settings.kafka.client_id)
        self._proved = asyncio.Event()
        self._stopping = asyncio.Event()
        self._code = os.EX_OK

    async def run(self) -> int:
        """Until all have ended; the exit code."""
        _on_signals(self)
        sight = self._sight
        views = Views(sight.unwell, sight.ready, sight.registry, sight.page)
        async with serve_views(self._http.host, self._http.port, views, policy=page.POLICY) as port:
            _log.info("listening", address=f"{self._http.host}:{port}")
            async with asyncio.TaskGroup() as tasks:
                minding = (tasks.create_task(sight.look_on()), tasks.create_task(self._end_the_slow()))
                keeping = [tasks.create_task(self._keep(worker)) for worker in self.all]
                await asyncio.wait(keeping)
                for task in minding:
                    task.cancel()
        _log.info("stopped")
        return self._code

    def stop(self) -> None:
        """Have all of them drain and end."""
        self._stopping.set()
        self._proved.set()  # who waits for it starts nothing any more
        for worker in self.all:
            worker.stop()

    def kill(self) -> None:
        """End all of them at once."""
        for worker in self.all:
            worker.signal(signal.SIGKILL)

    async def _keep(self, worker: Worker) -> None:
        """Start it, and again whenever it ends, until all is to end."""
        patience = Patience(self._pauses)
        if worker is not self.all[0]:
            await self._proved.wait()
        while not self._stopping.is_set():
            ended = await worker.run(lambda: self._started(worker), self._proved.set)
            self._sight.ended(worker)
            pause = self._after(worker, ended, patience)
            if pause is not None:
                await self._pause(pause)

    def _started(self, worker: Worker) -> None:
        _log.info("worker started", worker=worker.number, pid=worker.pid)
        if self._stopping.is_set():  # asked to while the process was made
            worker.stop()

    def _after(self, worker: Worker, ended: Ended, patience: Patience) -> float | None:
        """What its end means: seconds until it is started again, or None."""
        if self._stopping.is_set():
            asked_too_early = ended.code == -signal.SIGTERM and not ended.up  # there was nothing to drain
            self._code = self._code or (os.EX_OK if asked_too_early else ended.exit_code)
            return None
        seconds = round(ended.seconds, 3)
        _log.warning("worker ended", worker=worker.number, exit_code=ended.exit_code, seconds=seconds)
        pause = patience.after(ended.seconds) if self._proved.is_set() else None
        if pause is None:
            self._code = ended.exit_code or os.EX_SOFTWARE
            _log.error("cannot go on", worker=worker.number, exit_code=self._code)
            self.stop()
            return None
        self._sight.restarted(worker)
        return pause

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _end_the_slow(self) -> None:
        await self._stopping.wait()
        await asyncio.sleep(self._end_within)
        _log.error("workers do not end, and are killed", within=self._end_within)
        self.kill()


def _on_signals(workers: Workers) -> None:
    """The first signal asks, the second ends all processes at once."""
    loop = asyncio.get_running_loop()
    both = (signal.SIGTERM, signal.SIGINT)

    def again(number: signal.Signals) -> None:
        workers.kill()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    def asked() -> None:
        for number in both:
            loop.remove_signal_handler(number)
            loop.add_signal_handler(number, again, number)
        _log.info("stopping")
        workers.stop()

    for number in both:
        loop.add_signal_handler(number, asked)
