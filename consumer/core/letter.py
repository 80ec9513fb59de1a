"""From a request and its tenant to a letter, an envelope and a relay."""

from dataclasses import dataclass

from consumer.core.address import is_token, parse_address, parse_recipient
from consumer.core.compose import Letter, compose, date_header, message_id, needs_smtputf8
from consumer.core.mail import Address, Mail
from consumer.core.outcome import Invalid, Unresolvable
from consumer.core.request import Request
from consumer.core.send_email import SendEmail
from consumer.core.tenant import Relay, Scheme, Tenant

_PORTS = {Scheme.SMTP: 587, Scheme.SMTPS: 465, Scheme.PLAIN: 25}


MOST_ERRORS = 10


@dataclass(frozen=True, slots=True)
class Posted:
    """A mail for those recipients (indices into the request's) that have no final answer yet, and its relay."""

    mail: Mail
    relay: Relay
    indices: tuple[int, ...]


def post(request: Request, tenant: Tenant, *, answered: frozenset[int], now: float) -> Posted | Invalid | Unresolvable:
    """Compose the mail. Its Message-ID is the same for every attempt at the request."""
    email = request.email
    unresolved = _unresolved(email)
    if unresolved:
        return unresolved
    sender = sender_of(request, tenant)
    lists = {"to": email.to, "cc": email.cc, "bcc": email.bcc, "replyTo": email.reply_to, "from": (sender,)}
    parsed = {
        field: tuple(map(parse_recipient if field == "to" else parse_address, written))
        for field, written in lists.items()
    }
    errors = tuple(
        f"/{field}/{index}: not an address that mail can be sent to"
        for field, addresses in parsed.items()
        for index, address in enumerate(addresses)
        if address is None
    )
    if errors:
        return Invalid("invalid-request", errors)
    wire = {field: tuple(filter(None, addresses)) for field, addresses in parsed.items()}
    return _posted(request, tenant, wire, answered, now)


def _unresolved(email: SendEmail) -> Unresolvable | None:
    """What is not resolved yet must not be left out, nor a token be sent in the place of what it stands for."""
    single = {"from": email.sender, "subject": email.subject, "text": email.text, "html": email.html}
    several = {"to": email.to, "cc": email.cc, "bcc": email.bcc, "replyTo": email.reply_to}
    places = [(name, text) for name, text in single.items() if text]
    places += [(f"{name}/{index}", text) for name, texts in several.items() for index, text in enumerate(texts)]
    tokens = tuple(f"/{place}: no PII vault resolves this token" for place, text in places if is_token(text))
    if tokens:
        return Unresolvable("pii-unresolved", tokens[:MOST_ERRORS])
    if email.attachments:
        return Unresolvable("attachment-unsupported", ("/attachments: attachments are not fetched yet",))
    return None


def _posted(
    request: Request, tenant: Tenant, wire: dict[str, tuple[Address, ...]], answered: frozenset[int], now: float
) -> Posted:
    email = request.email
    (sender,) = wire["from"]
    identity = _identity(request, sender)
    letter = Letter(
        from_name=None if email.sender else tenant.from_name,
        from_address=sender,
        to=wire["to"],
        cc=wire["cc"],
        reply_to=wire["replyTo"],
        subject=email.subject,
        text=email.text,
        html=email.html,
        headers=email.headers,
    )
    content = compose(letter, message_id=identity, date=date_header(now))
    indices = tuple(index for index in range(len(email.recipients)) if index not in answered)
    recipients = _recipients(request, indices)
    smtputf8 = needs_smtputf8(letter) or not all(map(str.isascii, recipients))
    mail = Mail(
        sender, recipients, content, identity, smtputf8=smtputf8, eight_bit=not content.isascii(), lane=tenant.name
    )
    return Posted(mail, relay_of(request, tenant), indices)


def _recipients(request: Request, indices: tuple[int, ...]) -> tuple[Address, ...]:
    wire = (parse_recipient(request.email.recipients[index]) for index in indices)
    return tuple(address for address in wire if address is not None)


def signed(request: Request, tenant: Tenant) -> tuple[str, str]:
    """The sender as it was written, and the Message-ID: what an outcome tells of a mail."""
    written = sender_of(request, tenant)
    return written, _identity(request, parse_address(written) or Address(written))


def _identity(request: Request, sender: Address) -> str:
    return message_id(request.tenant, request.id, sender.rpartition("@")[2])


def sender_of(request: Request, tenant: Tenant) -> str:
    """`from` comes only with a connection of the request's own; else the tenant's; else no-reply at its domain."""
    return request.email.sender or tenant.from_address or f"no-reply@{tenant.domain}"


def relay_of(request: Request, tenant: Tenant) -> Relay:
    """The request's own relay, where it names one; else the tenant's. Either is trusted by the tenant's authority."""
    connection = request.email.connection
    if connection is None:
        return tenant.relay
    scheme = Scheme(connection.scheme or "smtp")
    return Relay(
        connection.server,
        connection.port or _PORTS[scheme],
        scheme,
        connection.user,
        connection.password,
        tenant.relay.ca_file,
    )
