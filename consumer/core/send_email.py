"""What a producer may ask for: one mail.

`schemas/send-email.v1.json` is the contract. This is the same contract as types, with
the two vocabularies of the wire made one: `recipient` is a `to`, `message` is a `text`.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)
from typing_extensions import override

from consumer.core import wire
from consumer.core.closed import Closed
from consumer.core.tenant import Scheme
from consumer.core.timestamp import parse_timestamp

_SHORT = (("recipient", "to"), ("message", "text"))
"""At most one of each pair; `message` becomes the other, `recipient` has a rule of its own."""


def _integral(value: object) -> object:
    """JSON Schema knows one kind of number: 10.0 is an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_port(value: object) -> object:
    """A port is a number, also in digits."""
    return int(value) if isinstance(value, str) and wire.PORT.fullmatch(value) else _integral(value)


def as_scheme(value: object) -> object:
    """An empty one is the default (second seed)."""
    if value in ("", "smtp"):
        return Scheme.SMTP
    return Scheme.SMTPS if value == "smtps" else None


def local_fits(value: str) -> str:
    """RFC 5321, 4.5.3.1.1."""
    if wire.LOCAL_FITS.match(value):
        return value
    raise ValueError


def _recipient_fits(value: str) -> str:
    if wire.RECIPIENT_FITS.match(value):
        return value
    raise ValueError


def _described(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


def _pairs(value: object) -> object:
    return tuple(cast("Mapping[object, object]", value).items()) if isinstance(value, dict) else None


def _settable(name: str) -> str:
    lower = name.lower()
    if lower in wire.OWN_HEADERS or lower.startswith(wire.OWN_HEADER_PREFIXES):
        raise ValueError
    return name


def _seconds(value: object) -> object:
    return parse_timestamp(value) if isinstance(value, str) else None


MailAddress = Annotated[str, StringConstraints(max_length=254, pattern=wire.ADDRESS), AfterValidator(local_fits)]
Recipient = Annotated[str, StringConstraints(max_length=254, pattern=wire.RECIPIENT), AfterValidator(_recipient_fits)]
Addresses = Annotated[tuple[MailAddress, ...], Field(strict=False, max_length=1000)]
Body = Annotated[str, StringConstraints(min_length=1, max_length=10_485_760)]
Url = Annotated[str, StringConstraints(max_length=8192, pattern=wire.URL)]
HeaderName = Annotated[str, StringConstraints(max_length=76, pattern=wire.HEADER_NAME), AfterValidator(_settable)]
HeaderValue = Annotated[str, StringConstraints(min_length=1, max_length=998, pattern=wire.LINE)]
Count = Annotated[int, BeforeValidator(_integral), Field(ge=1, le=1_000_000_000)]


class Attachment(Closed):
    """A file to fetch, and what to call it."""

    url: Url
    filename: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=wire.FILENAME)] | None = None
    content_type: Annotated[str, StringConstraints(max_length=255, pattern=wire.MEDIA_TYPE)] | None = Field(
        default=None, alias="contentType"
    )
    cid: Annotated[str, StringConstraints(max_length=250, pattern=wire.CONTENT_ID)] | None = None
    sha256: Annotated[str, StringConstraints(pattern=wire.SHA256)] | None = None


class Connection(Closed):
    """A relay of the producer's own, for this one mail."""

    server: Annotated[str, StringConstraints(max_length=253, pattern=wire.HOST)]
    port: Annotated[int, BeforeValidator(as_port), Field(ge=1, le=65535)] | None = None
    user: Annotated[str, StringConstraints(max_length=320, pattern=wire.USER)] | None = None
    password: Annotated[str, StringConstraints(max_length=4096, pattern=wire.PASSWORD)] | None = None
    scheme: Annotated[Scheme, BeforeValidator(as_scheme)] = Scheme.SMTP


Timestamp = Annotated[float, BeforeValidator(_seconds)]
OneAttachment: TypeAlias = Annotated[Attachment, BeforeValidator(_described)]


class SendEmail(Closed):
    """One mail as asked for. Whatever a person can hide in may be a PII token instead."""

    recipient: Recipient | None = None
    several: Addresses = Field(default=(), alias="to")
    cc: Addresses = ()
    bcc: Addresses = ()
    sender: MailAddress | None = Field(default=None, alias="from")
    reply_to: Annotated[tuple[MailAddress, ...], Field(strict=False, max_length=20)] = Field(
        default=(), alias="replyTo"
    )
    subject: Annotated[str, StringConstraints(max_length=998, pattern=wire.LINE)] = ""
    text: Body | None = None
    html: Body | None = None
    attachments: Annotated[tuple[OneAttachment, ...], Field(strict=False, max_length=50)] = ()
    headers: Annotated[tuple[tuple[HeaderName, HeaderValue], ...], BeforeValidator(_pairs), Field(max_length=50)] = ()
    priority: Literal["high", "normal", "low"] = "normal"
    connection: Connection | None = None
    h_limit: Count | None = Field(default=None, alias="hLimit")
    on_unknown: Literal["report", "resend"] | None = Field(default=None, alias="onUnknown")
    send_at: Timestamp | None = Field(default=None, alias="sendAt")

    @model_validator(mode="before")
    @classmethod
    def _one_vocabulary(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        fields = dict(cast("dict[str, object]", value))
        for short, name in _SHORT:
            if short in fields and name in fields:
                raise ValueError
        if "message" in fields:
            fields["text"] = fields.pop("message")
        return fields

    @model_validator(mode="after")
    def _whole(self) -> "SendEmail":
        if not (self.to or self.cc or self.bcc) or (self.text is None and self.html is None):
            raise ValueError
        if self.sender is not None and self.connection is None:
            raise ValueError
        return self

    @property
    def to(self) -> tuple[str, ...]:
        """The To of the mail, by whichever of its two names it came."""
        return self.several if self.recipient is None else (self.recipient,)

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everybody it goes to, each once: local parts differ by case, domains do not (RFC 5321, 2.4)."""
        everybody = (*self.to, *self.cc, *self.bcc)
        if len(everybody) == 1:
            return everybody
        once: dict[tuple[str, str], str] = {}
        for address in everybody:
            local, _, domain = address.rpartition("@")
            once.setdefault((local, domain.lower()) if local else ("", address), address)
        return tuple(once.values())

    @override
    def __repr__(self) -> str:
        return f"<SendEmail to {len(self.recipients)}, {len(self.attachments)} attachments>"

    __str__ = __repr__
