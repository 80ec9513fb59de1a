"""From a request and its tenant to a letter, an envelope and a relay."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

from consumer.core.address import is_token, parse_address, parse_recipient
from consumer.core.attachment import Fetched
from consumer.core.compose import Letter, Part, compose, date_header, message_id, needs_smtputf8
from consumer.core.frozen import frozen
from consumer.core.list_headers import faults
from consumer.core.mail import Address, Mail
from consumer.core.outcome import Invalid
from consumer.core.presets import preset_of
from consumer.core.reply import Reply
from consumer.core.request import Request
from consumer.core.resolve import Values, resolved
from consumer.core.send_email import SendEmail
from consumer.core.tenant import DEFAULT_PORTS, Relay, Scheme, Tenant

_PRIORITIES = {  # X-Priority is what readers look at, Importance is the standard (RFC 2156, 5.3.6)
    "high": (("X-Priority", "1 (Highest)"), ("Importance", "high")),
    "normal": (),
    "low": (("X-Priority", "5 (Lowest)"), ("Importance", "low")),
}


@frozen
class Posted:
    """A mail for those recipients (indices into the request's) that have no final answer yet, and its relay.

    Redirected, it has one recipient in place of them all.
    """

    mail: Mail
    relay: Relay
    indices: tuple[int, ...]
    redirected: bool = False

    def replies(self, given: tuple[Reply, ...]) -> tuple[Reply, ...]:
        """A relay's replies to the mail's recipients, as replies to the request's."""
        if not self.redirected:
            return given
        # Nothing that is said of that one address may be learnt of the others (RFC 3463, 3.8).
        told = (reply if reply.positive or reply.transient else replace(reply, enhanced="5.7.1") for reply in given)
        return tuple(told) * len(self.indices)


def post(
    request: Request,
    tenant: Tenant,
    values: Values,
    files: tuple[Fetched, ...] = (),
    *,
    answered: frozenset[int],
    now: float,
) -> Posted | Invalid:
    """Compose the mail, with values in place of tokens, and with a file for each attachment.

    Its Message-ID is the same for every attempt at the request.
    """
    put = resolved(request.email, values)
    letter = _letter(put.email, tenant, values.of(sender_of(request, tenant)), files)
    if isinstance(letter, Invalid):
        return letter
    identity = _identity(request, tenant)
    content = compose(letter, message_id=identity, date=date_header(now))
    indices = tuple([index for index in range(len(put.recipients)) if index not in answered])
    recipients = tuple(filter(None, [parse_recipient(put.recipients[index]) for index in indices]))
    smtputf8 = needs_smtputf8(letter) or not all(map(str.isascii, recipients))
    eight_bit = not content.isascii()
    sender = letter.from_address
    mail = Mail(sender, recipients, content, identity, smtputf8=smtputf8, eight_bit=eight_bit, lane=tenant.name)
    return Posted(mail, relay_of(request, tenant), indices)


def _letter(email: SendEmail, tenant: Tenant, sender: str, files: tuple[Fetched, ...]) -> Letter | Invalid:
    errors: list[str] = []
    to = _addresses("to", email.to, parse_recipient, errors)
    cc = _addresses("cc", email.cc, parse_address, errors)
    _addresses("bcc", email.bcc, parse_address, errors)
    reply_to = _addresses("replyTo", email.reply_to, parse_address, errors)
    from_ = _addresses("from", (sender,), parse_address, errors)
    headers = _PRIORITIES[email.priority] + email.headers
    errors += faults(headers) if headers else ()
    if errors:
        return Invalid("invalid-request", tuple(errors))
    return Letter(
        from_name=None if email.sender else tenant.from_name,
        from_address=from_[0],
        to=to,
        cc=cc,
        reply_to=reply_to,
        subject=email.subject,
        text=email.text,
        html=email.html,
        headers=headers,
        attachments=tuple(_parts(email, files)),
    )


def _parts(email: SendEmail, files: tuple[Fetched, ...]) -> Iterator[Part]:
    """What the request says about a file counts before what its host says."""
    for asked, file in zip(email.attachments, files, strict=True):
        yield Part(b"", asked.content_type or file.content_type, asked.filename or file.filename, asked.cid, file.lines)


def _addresses(
    field: str, written: tuple[str, ...], parse: Callable[[str], Address | None], errors: list[str]
) -> tuple[Address, ...]:
    """Those that mail can be sent to; the others are errors."""
    if not written:
        return ()
    parsed = list(map(parse, written))
    if None in parsed:
        places = [index for index, address in enumerate(parsed) if address is None]
        errors += [f"/{field}/{index}: not an address that mail can be sent to" for index in places]
    return tuple(filter(None, parsed))


def signed(request: Request, tenant: Tenant) -> tuple[str, str]:
    """The sender as it was written, and the Message-ID: what an outcome tells of a mail."""
    return sender_of(request, tenant), _identity(request, tenant)


def _identity(request: Request, tenant: Tenant) -> str:
    """In the sender's domain; in the tenant's, where only a token says who the sender is."""
    written = request.email.sender
    if written is None or is_token(written):
        written = _own_sender(tenant)
    return message_id(request.tenant, request.id, _domain(written))


@lru_cache(maxsize=256)
def _domain(sender: str) -> str:
    return (parse_address(sender) or sender).rpartition("@")[2]


def sender_of(request: Request, tenant: Tenant) -> str:
    """`from` comes only with a connection of the request's own; else the tenant's; else no-reply at its domain."""
    return request.email.sender or _own_sender(tenant)


def _own_sender(tenant: Tenant) -> str:
    return tenant.from_address or f"no-reply@{tenant.domain}"


def relay_of(request: Request, tenant: Tenant) -> Relay:
    """The request's own relay, where it names one; else the tenant's. Either is trusted by the tenant's authority."""
    connection = request.email.connection
    if connection is None:
        return tenant.relay
    scheme = Scheme(connection.scheme or "smtp")
    preset = preset_of(connection.server)
    return Relay(
        connection.server,
        connection.port or DEFAULT_PORTS[scheme],
        scheme,
        connection.user,
        connection.password,
        tenant.relay.ca_file,
        preset.connections if preset else None,
    )
