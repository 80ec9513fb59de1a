"""All workers, seen as one: health, readiness, metrics, the page."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector

from consumer.adapters import page
from consumer.adapters.metrics import merge, table
from consumer.adapters.metrics.hour import Hour
from consumer.adapters.metrics.merge import Merged
from consumer.adapters.metrics.tally import Counts
from consumer.core.overview import Overview, WorkerNow, together
from consumer.front import METRICS, READY, VIEW, ready_of, view_of
from consumer.workers.worker import Worker

WITHIN = 2.0
"""Seconds in which a worker answers whose loop turns; less than `consumer healthcheck` waits."""

EVERY = 1.0
"""Seconds between looks at what each has counted: the most that is lost with one that is killed."""

PARENT = "parent"


class Sight:
    """What is known of all of them. `title` is what they are called among others."""

    def __init__(self, workers: Sequence[Worker], title: str) -> None:
        self._workers = workers
        self._title = title
        self._merged = Merged()
        self._hour = Hour()
        self._restarts = Counter[int]()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        counts = Counts(table.RESTARTS)
        self._registry.register(counts)
        self._restarted = counts.of[""]

    def restarted(self, worker: Worker) -> None:
        """It ended, and is started again."""
        self._restarted.inc()
        self._restarts[worker.number] += 1

    def ended(self, worker: Worker) -> None:
        """Its process is gone."""
        self._merged.ended(worker.name)

    async def look_on(self) -> None:
        """Hear for ever what each has counted."""
        while True:
            await self._count()
            await asyncio.sleep(EVERY)

    async def unwell(self) -> str | None:
        """The workers whose loop does not turn. One that is not there is being started: that is no reason to end all."""
        answers = await self._ask(READY, [worker for worker in self._workers if worker.up])
        stuck = [worker.name for worker in self._workers if worker.up and answers.get(worker.number, b"") is None]
        return f"no answer from worker {', '.join(stuck)}" if stuck else None

    async def ready(self) -> Mapping[str, bool]:
        """The checks of all, each with its worker."""
        answers = await self._ask(READY, self._workers)
        return self._checks({number: ready_of(answer) for number, answer in answers.items() if answer is not None})

    async def registry(self) -> CollectorRegistry:
        """The metrics of all as one. Who does not answer is told of as it last was."""
        await self._count()
        return self._merged.registry()

    async def page(self) -> str:
        """The page for people."""
        answers = await self._ask(VIEW, self._workers)
        seen = {number: view_of(answer) for number, answer in answers.items() if answer is not None}
        views = {number: view for number, view in seen.items() if view is not None}
        workers = tuple(self._now(worker, views.get(worker.number)) for worker in self._workers)
        ready = self._checks({number: view.ready for number, view in views.items()})
        look = Overview(time.time(), ready, hour=self._hour.minutes(), workers=workers)
        return page.render(together(look, views.values()), title=self._title)

    def _checks(self, found: Mapping[int, Mapping[str, bool]]) -> dict[str, bool]:
        checks: dict[str, bool] = {}
        for worker in self._workers:
            its = found.get(worker.number)
            checks |= {f"worker-{worker.name}": its is not None}
            checks |= {f"worker-{worker.name}.{name}": holds for name, holds in (its or {}).items()}
        return checks

    def _now(self, worker: Worker, view: Overview | None) -> WorkerNow:
        partitions = () if view is None else tuple(one.number for one in view.partitions if one.open)
        state = "at work" if view is not None else "no answer" if worker.up else "starting"
        return WorkerNow(worker.number, state, worker.pid, self._restarts[worker.number], partitions)

    async def _count(self) -> None:
        async def heard(worker: Worker) -> None:
            asked = worker.link
            answer = await worker.ask(METRICS, WITHIN)
            # No await behind the answer: what a process has counted must not be heard after its end.
            families = None if answer is None else merge.loaded(answer)
            if families is not None and worker.link is asked:
                self._merged.told(worker.name, families)

        await _each(heard, [worker for worker in self._workers if worker.up])
        self._merged.told(PARENT, merge.snapshot(self._registry))
        self._hour.sample(time.time(), self._merged.outcomes())

    async def _ask(self, word: str, workers: Sequence[Worker]) -> dict[int, bytes | None]:
        answers: dict[int, bytes | None] = {}

        async def ask(worker: Worker) -> None:
            answers[worker.number] = await worker.ask(word, WITHIN) if worker.up else None

        await _each(ask, workers)
        return answers


async def _each(do: Callable[[Worker], Coroutine[None, None, None]], workers: Sequence[Worker]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for worker in workers:
            tasks.create_task(do(worker))
