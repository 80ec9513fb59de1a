"""PII tokens: where they stand in a request, their values put in place, and values put back to tokens.

Values live only while a mail is made and sent. What a relay says about them is told with the
tokens again (`Mask`), so that outcomes carry what the producer wrote.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any

from typing_extensions import override

from consumer.core.address import is_token, parse_address, parse_recipient
from consumer.core.attempt import Answered, Attempt, InDoubt, Lapsed, NotSent, Withheld
from consumer.core.frozen import frozen
from consumer.core.reply import Reply
from consumer.core.send_email import SendEmail

MASKED = "***"

_SHORTEST = 3  # what is shorter stands in any text by chance
_LONG = 8  # what is as long or longer never does
_LONGEST = 320  # of an address
_AT = ("@", "+40", "=", "%40", "%")  # as it is, xtext, bounce addresses, URLs, the old source routes
_WORD = re.compile(r"[^\W_]+")


@frozen
class Values:
    """What tokens stand for, as far as they are known. Its repr tells nothing of it."""

    by_token: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    def of(self, text: str) -> str:
        """What a text stands for that is a token; any other text itself."""
        return self.by_token.get(text, text)


NONE = Values()
"""Of a request in which there are no tokens."""


@frozen
class Resolved:
    """A request with values in place of tokens.

    `recipients` are in the order of the request's own and as many: two tokens may stand for the same person,
    and an index must mean the same recipient before and after.
    """

    email: SendEmail
    recipients: tuple[str, ...] = field(repr=False)


def tokens(email: SendEmail) -> tuple[str, ...]:
    """The tokens in a request, each once, in the order they stand there."""
    texts = (*email.to, *email.cc, *email.bcc, *email.reply_to, email.sender, email.subject, email.text, email.html)
    if email.attachments:
        texts += tuple(attachment.url for attachment in email.attachments)
    likely: list[str] = []
    for text in texts:
        if text and text[:2] == "NS":
            likely.append(text)  # noqa: PERF401  each mail comes here, and a comprehension is a call
    return tuple(dict.fromkeys(filter(is_token, likely))) if likely else ()


def unresolved(email: SendEmail, values: Values) -> tuple[str, ...]:
    """A line for each place whose token nobody knows, or stands for what cannot stand there."""
    if values is NONE:
        return ()
    return tuple(
        f"{place}: {fault}"
        for place, text in _places(email)
        if is_token(text) and (fault := _fault(place, text, values))
    )


def _fault(place: str, token: str, values: Values) -> str | None:
    value = values.by_token.get(token)
    if value is None:
        return "the token is not known"
    if place.startswith(_ADDRESSES) and parse_address(value) is None:
        return "what the token stands for is no address that mail can be sent to"
    return None


def resolved(email: SendEmail, values: Values) -> Resolved:
    """With values in place of all tokens that are known."""
    if not values.by_token:
        return Resolved(email, email.recipients)
    recipients = tuple(map(values.of, email.recipients))
    attachments = tuple(replace(one, url=values.of(one.url)) for one in email.attachments)
    changed: dict[str, Any] = {name: _put(getattr(email, name), values) for name in _TEXTS}
    return Resolved(replace(email, **changed, attachments=attachments), recipients)


class Mask:
    """Puts tokens back for values in texts, however a relay has written them."""

    def __init__(self, values: Values) -> None:
        self._begins: dict[str, list[tuple[str, str]]] = {}  # by first word: a mail may have a thousand tokens
        for token, value in values.by_token.items():
            for variant in _variants(value):
                self._begins.setdefault(_first_word(variant), []).append((variant, token))

    @override
    def __repr__(self) -> str:
        return f"<Mask of {len(self._begins)}>"

    def text(self, text: str) -> str:
        """The text with tokens in it; the longest value counts where one stands in another."""
        lower = text.lower()
        begun = (pair for word in {"", *_WORD.findall(lower)} for pair in self._begins.get(word, ()))
        found = sorted((pair for pair in begun if pair[0] in lower), key=lambda pair: -len(pair[0]))
        if not found:
            return text
        back = dict(reversed(found))
        pattern = "|".join(_whole(variant) for variant, _ in found)
        return re.sub(pattern, lambda hit: back.get(hit[0].lower(), MASKED), text, flags=re.IGNORECASE)

    def reply(self, reply: Reply) -> Reply:
        return replace(reply, text=self.text(reply.text)) if self._begins else reply

    def replies(self, replies: tuple[Reply, ...]) -> tuple[Reply, ...]:
        return tuple(map(self.reply, replies))


def discreet(attempt: Attempt, values: Values) -> Attempt:
    """The same attempt, with the relay's words masked."""
    if not values.by_token:
        return attempt
    mask = Mask(values)
    match attempt:
        case Answered(recipients, data):
            return replace(attempt, recipients=mask.replies(recipients), data=data and mask.reply(data))
        case InDoubt(_, recipients):
            return replace(attempt, recipients=mask.replies(recipients))
        case NotSent(_, _, reply):
            return replace(attempt, reply=reply and mask.reply(reply))
        case Lapsed() | Withheld():
            return attempt


_ADDRESSES = ("/to/", "/cc/", "/bcc/", "/replyTo/", "/from")
_TEXTS = ("to", "cc", "bcc", "sender", "reply_to", "subject", "text", "html")


def _places(email: SendEmail) -> Iterator[tuple[str, str]]:
    """Whatever may be a token, and where it stands."""
    lists = (("to", email.to), ("cc", email.cc), ("bcc", email.bcc), ("replyTo", email.reply_to))
    for name, addresses in lists:
        for index, address in enumerate(addresses):
            yield f"/{name}/{index}", address
    single = (("from", email.sender), ("subject", email.subject), ("text", email.text), ("html", email.html))
    for name, text in single:
        if text is not None:
            yield f"/{name}", text
    for index, attachment in enumerate(email.attachments):
        yield f"/attachments/{index}/url", attachment.url


def _put(value: str | tuple[str, ...] | None, values: Values) -> str | tuple[str, ...] | None:
    if isinstance(value, tuple):
        return tuple(map(values.of, value))
    return value if value is None else values.of(value)


def _variants(value: str) -> Iterator[str]:
    """A value as it is, in wire form, in xtext (RFC 3461, 4) and the like; of an address also its local part alone."""
    yield from (variant.lower() for variant in _spelled(value) if len(variant) >= _SHORTEST)


def _spelled(value: str) -> Iterable[str]:
    address = parse_recipient(value) if "@" in value[:_LONGEST] else None
    if address is None:
        return (value,)
    local, _, domain = address.rpartition("@")
    spelled = (
        f"{one}{at}{to}" for one in (local, local.replace("+", "+2B")) for at in _AT for to in (domain, _domain(value))
    )
    return dict.fromkeys((value, *spelled, local))


def _domain(value: str) -> str:
    return value.rpartition("@")[2]


def _first_word(variant: str) -> str:
    found = _WORD.search(variant)
    return found[0] if found else ""


def _whole(variant: str) -> str:
    """Not within a longer word: `ann` is not in `channel`."""
    start = r"(?<![^\W_])" if variant[0].isalnum() else ""
    end = r"(?![^\W_])" if variant[-1].isalnum() and len(variant) < _LONG else ""
    return f"{start}{re.escape(variant)}{end}"
