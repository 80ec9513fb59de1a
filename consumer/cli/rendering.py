"""`consumer render`: the mail that an event becomes, without sending it."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from consumer.adapters import schemas, tenants_file
from consumer.adapters.vault_file import BrokenVaultFileError
from consumer.adapters.vault_file import read as read_vault
from consumer.cli import files
from consumer.cli.exits import Exit
from consumer.core.address import is_token
from consumer.core.decode import Decoder
from consumer.core.letter import Posted, post
from consumer.core.request import Request
from consumer.core.resolve import Values, tokens
from consumer.core.send_email import SendEmail
from consumer.core.tenant import Relay, Tenant
from consumer.core.tenants import Faults

_NO_RELAY = Relay("relay.invalid", 587)


@dataclass(frozen=True, slots=True)
class Around:
    """What a mail is made with besides its event: files, and the tenant of an event that is data alone."""

    tenant: str | None
    tenants: Path | None
    pii: Path | None


class _CannotError(Exception):
    """It cannot be rendered: what to say, and the exit code."""

    def __init__(self, lines: tuple[str, ...], code: Exit) -> None:
        super().__init__(*lines)
        self.lines = lines
        self.code = code


def render(path: Path, around: Around) -> Exit:
    """Writes the mail to stdout, and its envelope to stderr."""
    try:
        posted = _posted(path, around)
    except _CannotError as why:
        for line in why.lines:
            print(line, file=sys.stderr)
        return why.code
    print(f"envelope: from {posted.mail.sender} to {', '.join(posted.mail.recipients)}", file=sys.stderr)
    sys.stdout.buffer.write(posted.mail.content)
    sys.stdout.buffer.flush()
    return Exit.OK


def _posted(path: Path, around: Around) -> Posted:
    now = time.time()
    request = _request(path, around.tenant, now)
    if request.email.attachments:
        print(f"without its {len(request.email.attachments)} attachments, which are not fetched here", file=sys.stderr)
        request = replace(request, email=replace(request.email, attachments=()))
    tenant = _tenant(request.tenant, around.tenants)
    values = _values(request.email, around.pii)
    posted = post(request, tenant, values, (), answered=frozenset(), now=now)
    if isinstance(posted, Posted):
        return posted
    raise _CannotError(getattr(posted, "errors", ("no mail comes of it",)), Exit.OTHER)


def _request(path: Path, tenant: str | None, now: float) -> Request:
    found = files.read(path)
    if isinstance(found, str):
        raise _CannotError((found,), Exit.USAGE)
    if len(found) != 1:
        raise _CannotError((f"{path}: holds {len(found)} events, and one is rendered at a time",), Exit.USAGE)
    asked = Decoder(schemas.requests()).decode(found[0].record(tenant, "send-email", now))
    if isinstance(asked, Request):
        return asked
    outcome = getattr(asked, "outcome", None)
    lines: tuple[str, ...] = outcome.errors if outcome is not None else ("only requests for mails are rendered",)
    raise _CannotError(lines, Exit.OTHER)


def _tenant(name: str, path: Path | None) -> Tenant:
    if path is None:
        return Tenant(name, _NO_RELAY, domain="example.com")
    directory = tenants_file.read(path, plain=True)  # nobody is connected to
    if isinstance(directory, Faults):
        raise _CannotError(directory.errors, Exit.SETTINGS)
    if name not in directory.tenants:
        raise _CannotError(("the tenants file has no tenant of this name",), Exit.OTHER)
    return directory.tenants[name]


def _values(email: SendEmail, path: Path | None) -> Values:
    """Values from the file; a token that it does not know, or without a file, stands for itself."""
    try:
        known: Mapping[str, str] = {} if path is None else read_vault(path)
    except BrokenVaultFileError as broken:
        raise _CannotError((str(broken),), Exit.SETTINGS) from broken
    addresses = {*email.recipients, *email.reply_to, email.sender}
    assumed = {token: f"{token}@token.invalid" if token in addresses else token for token in tokens(email)}
    return Values({**assumed, **{token: value for token, value in known.items() if is_token(token)}})
