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
    email, written = request.email, request.email.recipients
    sender, identity = signed(request, tenant)
    if values.by_token:
        put = resolved(email, values)
        email, written, sender = put.email, put.recipients, values.of(sender)
    letter = _letter(email, tenant, sender, files)
    if isinstance(letter, Invalid):
        return letter
    content = compose(letter, message_id=identity, date=date_header(now))
    if not answered and written == email.to:
        indices, recipients = _all(len(written)), letter.to
    else:
        indices = tuple([index for index in range(len(written)) if index not in answered])
        recipients = tuple(filter(None, [parse_recipient(written[index]) for index in indices]))
    eight_bit = not content.isascii()
    smtputf8 = not "".join(recipients).isascii() or (eight_bit and needs_smtputf8(letter))
    mail = Mail(letter.from_address, recipients, content, identity, smtputf8, eight_bit, tenant.name)
    return Posted(mail, tenant.relay if email.connection is None else relay_of(request, tenant), indices)


@lru_cache(maxsize=64)
def _all(number: int) -> tuple[int, ...]:
    return tuple(range(number))


def _letter(email: SendEmail, tenant: Tenant, sender: str, files: tuple[Fetched, ...]) -> Letter | Invalid:
    errors: list[str] = []
    to = _addresses("to", email.to, parse_recipient, errors)
    cc = _addresses("cc", email.cc, parse_address, errors) if email.cc else ()
    if email.bcc:
        _addresses("bcc", email.bcc, parse_address, errors)
    reply_to = _addresses("replyTo", email.reply_to, parse_address, errors) if email.reply_to else ()
    from_address = _address_of(sender)
    if from_address is None:
        _addresses("from", (sender,), parse_address, errors)
    headers = _PRIORITIES[email.priority] + email.headers
    if headers:
        errors += faults(headers)
    if errors or from_address is None:
        return Invalid("invalid-request", tuple(errors))
    name = None if email.sender else tenant.from_name
    attachments = tuple(_parts(email, files)) if email.attachments else ()
    return Letter(name, from_address, to, cc, reply_to, email.subject, email.text, email.html, headers, attachments)


def _parts(email: SendEmail, files: tuple[Fetched, ...]) -> Iterator[Part]:
    """What the request says about a file counts before what its host says."""
    for asked, file in zip(email.attachments, files, strict=True):
        yield Part(b"", asked.content_type or file.content_type, asked.filename or file.filename, asked.cid, file.lines)


def _addresses(
    field: str, written: tuple[str, ...], parse: Callable[[str], Address | None], errors: list[str]
) -> tuple[Address, ...]:
    """Those that mail can be sent to; the others are errors."""
    parsed = tuple(filter(None, map(parse, written)))
    if len(parsed) < len(written):
        places = [index for index, address in enumerate(written) if parse(address) is None]
        errors += [f"/{field}/{index}: not an address that mail can be sent to" for index in places]
    return parsed


def signed(request: Request, tenant: Tenant) -> tuple[str, str]:
    """The sender as it was written, and the Message-ID: what an outcome tells of a mail."""
    own = _own_sender(tenant)
    sender = request.email.sender or own
    return sender, message_id(request.mark, _domain(sender, own))


def sender_of(request: Request, tenant: Tenant) -> str:
    """`from` comes only with a connection of the request's own; else the tenant's; else no-reply at its domain."""
    return request.email.sender or _own_sender(tenant)


def _own_sender(tenant: Tenant) -> str:
    return tenant.from_address or f"no-reply@{tenant.domain}"


_address_of = lru_cache(maxsize=256)(parse_address)
"""Of a sender: there are few of them, each with many mails."""


@lru_cache(maxsize=256)
def _domain(sender: str, own: str) -> str:
    """The sender's; the tenant's own, where only a token says who the sender is."""
    known = own if is_token(sender) else sender
    return (parse_address(known) or known).rpartition("@")[2]


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
