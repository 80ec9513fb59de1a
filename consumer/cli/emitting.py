"""`consumer send`: a request out, and its outcome back."""

import asyncio
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

from consumer.cli import events, wire
from consumer.cli.events import Emission, Seen
from consumer.cli.exits import Exit
from consumer.core.record import Coordinates
from consumer.settings import Settings


def emission(
    tenant: str | None, request_id: str | None, fields: Mapping[str, object], file: Path | None
) -> Emission | str:
    """The record that the flags ask for, or what is wrong with them."""
    if file is None:
        if not tenant or "to" not in fields:
            return "--tenant and --to are needed, or --file"
        return events.request(request_id or str(uuid.uuid4()), tenant, fields)
    if fields:
        return "--file is the whole request: it goes without --to, --subject, --text and --html"
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        return f"--file cannot be read: {error.strerror}"
    return events.raw(content, tenant=tenant, event_id=request_id)


async def send(settings: Settings, asked: Emission, *, wait: float | None, as_json: bool) -> Exit:
    """Writes the request. The outcome is looked for from before that on, so that none is too fast to be seen."""
    if wait is None:
        _written(await wire.send(settings, asked), settings)
        return Exit.OK
    async with wire.outcomes(settings) as outcomes:
        await outcomes.from_end()
        origin = await wire.send(settings, asked)
        _written(origin, settings)
        return await _awaited(outcomes, origin, wait, as_json=as_json)


async def _awaited(outcomes: wire.Outcomes, origin: Coordinates, wait: float, *, as_json: bool) -> Exit:
    try:
        async with asyncio.timeout(wait):
            seen = await _of(outcomes, origin)
    except TimeoutError:
        print(f"no outcome within {wait:g} s; it may still come", file=sys.stderr)
        return Exit.NO_ANSWER
    print(seen.as_json() if as_json else seen.as_line())
    return Exit.OK if seen.kind == events.ACCEPTED else Exit.OTHER


async def _of(outcomes: wire.Outcomes, origin: Coordinates) -> Seen:
    while True:
        async for seen in outcomes.follow():
            if seen.origin == str(origin):
                return seen


def _written(origin: Coordinates, settings: Settings) -> None:
    print(f"written to {settings.topics.requests} at {origin}", file=sys.stderr)
