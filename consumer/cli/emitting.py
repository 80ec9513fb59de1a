"""`consumer send`: a request out, and its outcome back."""

import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from consumer.adapters import schemas
from consumer.cli import wire
from consumer.cli.exits import Exit
from consumer.client import events
from consumer.client.events import Emission, Operation
from consumer.core.attribute import RULES
from consumer.core.judge import Judge
from consumer.settings import Settings


def emission(
    tenant: str | None,
    request_id: str | None,
    fields: Mapping[str, object],
    file: Path | None,
    operation: Operation | None = None,
) -> Emission | str:
    """The record that the flags ask for, or what is wrong with them."""
    if file is None:
        return _by_flags(tenant, request_id, fields, operation or Operation.SEND_EMAIL)
    if fields:
        return "--file is the whole request: it goes without --to, --subject, --text and --html"
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        return f"--file cannot be read: {error.strerror}"
    return events.raw(content, tenant=tenant, event_id=request_id, operation=operation)


def _by_flags(
    tenant: str | None, request_id: str | None, fields: Mapping[str, object], operation: Operation
) -> Emission | str:
    body = _body(operation, fields)
    if isinstance(body, str):
        return body
    if not tenant:
        return "--tenant is needed, or --file"
    faults = _faults(tenant, request_id, body, operation.type)
    if faults:
        return f"{faults} (what breaks the rules on purpose: --file)"
    return events.request(request_id or str(uuid.uuid4()), tenant, body, operation.type)


def _faults(tenant: str, request_id: str | None, body: Mapping[str, object], type_: str) -> str:
    """What the outcome would be about, said before anything is written."""
    named = (("--tenant", "tenant", tenant), ("--id", "id", request_id))
    found = [f"{flag}: {rule}" for flag, name, text in named if text and (rule := RULES[name](text))]
    return "; ".join((*found, *Judge(schemas.requests()[type_]).errors(body)))


def _body(operation: Operation, fields: Mapping[str, object]) -> Mapping[str, object] | str:
    """What the flags make of each operation: tests and validations are of what the tenant has stored."""
    match operation:
        case Operation.SEND_EMAIL:
            return fields if "to" in fields else "--tenant and --to are needed, or --file"
        case Operation.SEND_TEST_EMAIL:
            to = cast("list[str]", fields.get("to", []))
            return (
                {"email": to[0]} if len(fields) == len(to) == 1 else "a test email goes to one --to; its text is ours"
            )
        case Operation.VALIDATE_CREDENTIALS:
            return "a validation sends nothing: it goes without --to, --subject, --text and --html" if fields else {}


async def send(settings: Settings, asked: Emission, *, wait: float | None, as_json: bool) -> Exit:
    """Writes the request, and waits for its outcome if that is wanted."""
    async with wire.client(settings, follow=wait is not None) as client:
        submitted = await client.emit(asked)
        print(f"written to {settings.topics.requests} at {submitted.at}", file=sys.stderr)
        if wait is None:
            return Exit.OK
        seen = await submitted.outcome(wait)
    if seen is None:
        print(
            f"no outcome within {wait:g} s; it may still come: `consumer parked list` says what waits", file=sys.stderr
        )
        return Exit.NO_ANSWER
    print(seen.as_json() if as_json else seen.as_line())
    return Exit.OK if seen.succeeded else Exit.OTHER
