"""`consumer send`: a request out, and its outcome back."""

import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

from consumer.cli import wire
from consumer.cli.exits import Exit
from consumer.client import events
from consumer.client.events import Emission
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
    """Writes the request, and waits for its outcome if that is wanted."""
    async with wire.client(settings, follow=wait is not None) as client:
        submitted = await client.emit(asked)
        print(f"written to {settings.topics.requests} at {submitted.at}", file=sys.stderr)
        if wait is None:
            return Exit.OK
        seen = await submitted.outcome(wait)
    if seen is None:
        print(f"no outcome within {wait:g} s; it may still come", file=sys.stderr)
        return Exit.NO_ANSWER
    print(seen.as_json() if as_json else seen.as_line())
    return Exit.OK if seen.accepted else Exit.OTHER
