"""What a producer may ask for: one mail.

`schemas/send-email.v1.json` is the contract, and its judge has seen whatever is read here: nothing is judged twice.
The two vocabularies of the wire are made one: `recipient` is a `to`, `message` is a `text`.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from typing_extensions import override

from consumer.core.frozen import frozen
from consumer.core.tenant import Scheme
from consumer.core.timestamp import parse_timestamp


@frozen
class Attachment:
    """A file to fetch, and what to call it. Its repr tells nobody's data."""

    url: str
    filename: str | None = None
    content_type: str | None = None
    cid: str | None = None
    sha256: str | None = None

    @override
    def __repr__(self) -> str:
        return "<Attachment>"


@frozen
class Connection:
    """A relay of the producer's own, for this one mail. Its repr tells nothing of it."""

    server: str
    port: int | None = None
    user: str | None = None
    password: str | None = None
    scheme: Scheme = Scheme.SMTP

    @override
    def __repr__(self) -> str:
        return "<Connection>"


@frozen
class SendEmail:
    """One mail as asked for. Whatever a person can hide in may be a PII token instead.

    `to` is the To of the mail, by whichever of its two names it came. `recipients` are everybody it goes to, each once.
    """

    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    sender: str | None = None
    reply_to: tuple[str, ...] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    priority: Literal["high", "normal", "low"] = "normal"
    connection: Connection | None = None
    h_limit: int | None = None
    on_unknown: Literal["report", "resend"] | None = None
    send_at: float | None = None
    recipients: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        everybody = self.to if not self.cc and not self.bcc else (*self.to, *self.cc, *self.bcc)
        object.__setattr__(self, "recipients", everybody if len(everybody) == 1 else _once(everybody))

    @override
    def __repr__(self) -> str:
        return f"<SendEmail to {len(self.recipients)}, {len(self.attachments)} attachments>"


def read_email(data: Mapping[str, Any]) -> SendEmail:
    """The mail that is asked for by data which keeps the schema."""
    get = data.get
    recipient, limit, at = get("recipient"), get("hLimit"), get("sendAt")
    connection, attachments, headers = get("connection"), get("attachments"), get("headers")
    return SendEmail(
        tuple(get("to", ())) if recipient is None else (recipient,),
        tuple(get("cc", ())),
        tuple(get("bcc", ())),
        get("from"),
        tuple(get("replyTo", ())),
        get("subject", ""),
        get("text") or get("message"),
        get("html"),
        tuple(map(_attachment, attachments)) if attachments else (),
        tuple(headers.items()) if headers else (),
        get("priority", "normal"),
        None if connection is None else _connection(connection),
        None if limit is None else int(limit),  # JSON Schema knows one kind of number: 10.0 is an integer
        get("onUnknown"),
        None if at is None else parse_timestamp(at),
    )


def _attachment(described: str | Mapping[str, Any]) -> Attachment:
    if isinstance(described, str):
        return Attachment(described)
    get = described.get
    return Attachment(described["url"], get("filename"), get("contentType"), get("cid"), get("sha256"))


def _connection(connection: Mapping[str, Any]) -> Connection:
    get = connection.get
    port = get("port")
    scheme = Scheme.SMTPS if get("scheme") == "smtps" else Scheme.SMTP  # an empty one is the default (second seed)
    return Connection(connection["server"], None if port is None else int(port), get("user"), get("password"), scheme)


def _once(everybody: tuple[str, ...]) -> tuple[str, ...]:
    """Local parts differ by case, domains do not (RFC 5321, 2.4)."""
    once: dict[tuple[str, str], str] = {}
    for address in everybody:
        local, _, domain = address.rpartition("@")
        once.setdefault((local, domain.lower()) if local else ("", address), address)
    return tuple(once.values())
