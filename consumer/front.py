"""How a process is seen: over HTTP, or by the process that started it and shows it together with others."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson
from prometheus_client import CollectorRegistry
from pydantic import TypeAdapter, ValidationError

from consumer.adapters import page
from consumer.adapters.http import Checks, serve
from consumer.adapters.link import answering
from consumer.adapters.metrics import merge
from consumer.core.overview import Overview
from consumer.settings import Http

READY, METRICS, VIEW, STOP = "ready", "metrics", "view", "stop"
"""What a worker can be asked for."""

_VIEW = TypeAdapter(Overview)


@dataclass(frozen=True, slots=True)
class Front:
    """What there is to see. `title` is what the process is called among others."""

    ready: Checks
    registry: CollectorRegistry
    view: Callable[[], Overview]
    title: str


@asynccontextmanager
async def served(front: Front, http: Http) -> AsyncGenerator[str]:
    """Over HTTP until it is left; hands out host:port. Raises `CannotListenError`."""

    def shown() -> str:
        return page.render(front.view(), title=front.title)

    async with serve(
        http.host, http.port, ready=front.ready, registry=front.registry, page=shown, policy=page.POLICY
    ) as port:
        yield f"{http.host}:{port}"


@asynccontextmanager
async def linked(
    front: Front, link: int, *, stop: Callable[[], None], alone: Callable[[], None]
) -> AsyncGenerator[None]:
    """By who started this process, over the descriptor that it inherited, until it is left.

    `stop` is called when that one asks to stop, `alone` if it is gone.
    """

    def stopped() -> bytes:
        stop()
        return b""

    answers = {
        READY: lambda: orjson.dumps(dict(front.ready())),
        METRICS: lambda: merge.dumped(merge.snapshot(front.registry)),
        STOP: stopped,
        VIEW: lambda: _VIEW.dump_json(front.view()),
    }
    async with answering(link, answers, alone=alone):
        yield


def ready_of(answer: bytes) -> Mapping[str, bool]:
    """What a worker answered to `READY`."""
    found: dict[str, bool] = orjson.loads(answer)
    return found


def view_of(answer: bytes) -> Overview | None:
    """What a worker answered to `VIEW`; None if it is of another version (this one was replaced while it ran)."""
    try:
        return _VIEW.validate_json(answer)
    except ValidationError:
        return None
