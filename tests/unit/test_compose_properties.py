"""Two parsers that know nothing of our serialiser, nor of each other, read back what went in.

The one is the stdlib's; the other is mailparse (Rust, by PyPI fast-mail-parser), in its strict mode, where any
repair it had to make is an error. `-m slow` holds the same claims on 100,000 letters thrown by dice.
"""

import re
from binascii import a2b_base64, a2b_qp
from dataclasses import dataclass, replace
from email import message_from_bytes, message_from_string
from email.errors import NonASCIILocalPartDefect
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import EmailPolicy, default
from email.utils import parseaddr
from functools import lru_cache
from itertools import chain
from typing import Any, cast

import pytest
from fast_mail_parser import parse_email
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from consumer.core.compose import Letter, Part, compose, header_allowed, needs_smtputf8
from consumer.core.mail import Address
from consumer.core.mime import body
from tests import dice

MESSAGE_ID = "<0123456789abcdef0123456789abcdef@shop.example>"
DATE = "Sat, 21 Nov 2026 11:00:00 +0000"
NASTY = (
    "Bestellung für Müller",
    "Ваш заказ отправлен",
    "注文番号は三十五です",
    "طلبك في الطريق",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "e\u0301\u0300",
    "\u202eabc\u202c\u200f",
    "x" * 80,
    "ü" * 50,
    "long " * 30,
    "x" * 1200,
    "=?utf-8?q?x?=",
    "=?",
    "=20",
    "--=_0123456789.m",
    "--=_",
    "\r\nBcc: eve@evil.example\r\n\r\n",
    "\r\n.\r\n",
    "\n.\n",
    "\r",
    "\n",
    "\0",
    "\x85\u2028\u2029\x0b\x0c\x1c",
    "\r\n",
    "  ",
    " \t\n",
    "\u00a0",
    '"',
    "\\",
    "a, b; <c@d> (e) [f]",
    '100 % "sure" it\'s',
    "From here",
    "<p>Hello <b>World</b></p>\n",
    "Dear customer, here you are.\n",
)
any_text = st.lists(st.one_of(st.text(max_size=12), st.sampled_from(NASTY)), max_size=6).map("".join)
bodies = st.one_of(st.none(), any_text, st.lists(any_text, max_size=12).map("\n".join))
locals_ = st.one_of(
    st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,12}(\.[a-z0-9]{1,8}){0,2}", fullmatch=True),
    st.sampled_from(("x" * 64, '"a b"', '"a,b"', '"a@b"', r'"a\"b"')),
)
domains = st.sampled_from(("shop.example", "xn--mller-kva.example", "a.b", ".".join(["d" * 60] * 4)))
addresses = st.builds("{}@{}".format, locals_, domains).map(Address)
utf8_addresses = st.builds("{}@{}".format, st.sampled_from(("jörg", "用户", "пример.почта", "عربي")), domains)
several = st.lists(addresses, max_size=4).map(tuple)
types = st.sampled_from(
    ("application/pdf", "image/png", "text/csv; charset=iso-8859-1", "text/calendar; method=REQUEST")
)
filenames = st.one_of(st.none(), any_text, st.sampled_from(("report.pdf", "Rechnung März.pdf", "../../etc/passwd")))
attached = st.builds(Part, st.binary(max_size=200), types, filenames, st.none())
shown = st.builds(
    Part, st.binary(max_size=60), st.just("image/png"), filenames, st.sampled_from(("logo", "a.b@c", "1"))
)
header_names = st.sampled_from(
    ("X-Shop", "List-Id", "X-" + "y" * 70, "Priority", "Bcc", "bcc", "To", "X:", "Content-Type")
)
letters = st.builds(
    Letter,
    from_name=st.one_of(st.none(), any_text),
    from_address=addresses,
    to=several,
    cc=several,
    reply_to=several,
    subject=any_text,
    text=bodies,
    html=bodies,
    headers=st.lists(st.tuples(header_names, any_text), max_size=3).map(tuple),
    attachments=st.lists(st.one_of(attached, shown), max_size=3).map(tuple),
)
utf8_letters = st.builds(
    Letter,
    from_name=st.one_of(st.none(), any_text),
    from_address=st.one_of(addresses, utf8_addresses.map(Address)),
    to=st.lists(st.one_of(addresses, utf8_addresses.map(Address)), max_size=3).map(tuple),
    cc=several,
    reply_to=st.lists(utf8_addresses.map(Address), min_size=1, max_size=2).map(tuple),
    subject=any_text,
    text=bodies,
    html=bodies,
)
FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MANY = 100_000


class _Once(EmailPolicy):
    """The default policy, but for headers parsed once: it parses them anew each time one is looked at."""

    @override
    def header_fetch_parse(self, name: str, value: str) -> Any:
        return _parsed(name, value)


@lru_cache(maxsize=4096)
def _parsed(name: str, value: str) -> Any:  # noqa: ANN401  of which kind, its name says
    return default.header_fetch_parse(name, value)


ONCE = _Once()


@dataclass(frozen=True)
class Read:
    """What a reader gets to see of a mail. `parts` are (content, type, file name, cid), in order."""

    sender: tuple[str, ...]
    to: list[str]
    cc: list[str]
    reply_to: list[str]
    subject: str
    custom: dict[str, list[str]]
    text: str | None
    html: str | None
    parts: list[tuple[bytes, str, str, str | None]]


def one_line(text: str) -> str:
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)


def whole_lines(text: str | None) -> str | None:
    if not text:
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


def expected(letter: Letter) -> Read:
    """What went in, in words of Read."""
    custom: dict[str, list[str]] = {}
    for name, value in letter.headers:
        if header_allowed(name):
            custom.setdefault(name, []).append(one_line(value))
    inline = [part for part in letter.attachments if part.cid and letter.html is not None]
    others = [part for part in letter.attachments if part not in inline]
    return Read(
        sender=(re.sub(" +", " ", one_line(letter.from_name or "")).strip(), letter.from_address),
        to=list(letter.to),
        cc=list(letter.cc),
        reply_to=list(letter.reply_to),
        subject=one_line(letter.subject),
        custom=custom,
        text=whole_lines(letter.text if letter.text is not None or letter.html is not None else ""),
        html=whole_lines(letter.html),
        parts=[
            (part.content, part.content_type.partition(";")[0], one_line(part.filename or "").strip(), part.cid)
            for part in chain(inline, others)
        ],
    )


def by_stdlib(content: bytes) -> Read:
    """As the stdlib reads it. Raw UTF-8 in headers it only reads from a string."""
    read = (
        message_from_bytes(content, policy=ONCE)
        if content.isascii()
        else message_from_string(content.decode(), policy=ONCE)
    )
    message = cast("EmailMessage", read)
    found = [part for part in message.walk() if not part.is_multipart()]
    assert not any(part.defects for part in message.walk())
    texts = [part for part in found if part.get_content_disposition() is None]
    return Read(
        sender=(stdlib_name(content), *stdlib_addresses(message, "From")),
        to=stdlib_addresses(message, "To"),
        cc=stdlib_addresses(message, "Cc"),
        reply_to=stdlib_addresses(message, "Reply-To"),
        subject=str(message["Subject"]),
        custom={name: [str(value) for value in message.get_all(name, [])] for name in custom_names(message.keys())},
        text=stdlib_text(texts, "text/plain"),
        html=stdlib_text(texts, "text/html"),
        parts=[stdlib_part(part) for part in found if part not in texts],
    )


def custom_names(names: list[str]) -> list[str]:
    return [name for name in names if header_allowed(name)]


def stdlib_name(content: bytes) -> str:
    """By its older half: the newer one puts a space between two encoded words of a name (python/cpython#128110)."""
    head, _, _ = content.partition(b"\r\n\r\n")
    shown, _ = parseaddr(message_from_string(head.decode())["From"])
    return str(make_header(decode_header(shown)))


def stdlib_addresses(message: EmailMessage, name: str) -> list[str]:
    field = message[name]
    if field is None:
        return []
    assert not [defect for defect in field.defects if not isinstance(defect, NonASCIILocalPartDefect)]
    return [address.addr_spec for address in field.addresses]


def stdlib_text(parts: list[EmailMessage], kind: str) -> str | None:
    for part in parts:
        if part.get_content_type() == kind:
            return cast("str", part.get_content()).replace("\r\n", "\n")
    return None


def stdlib_part(part: EmailMessage) -> tuple[bytes, str, str, str | None]:
    cid = part["Content-ID"]
    content = cast("bytes", part.get_payload(decode=True))
    filename = part["Content-Disposition"].params.get("filename", "")  # get_filename() takes off angle brackets
    return content, part.get_content_type(), filename, cid and str(cid).strip("<>")


def by_mailparse(content: bytes) -> Read:
    """As mailparse reads it."""
    mail = parse_email(content, strict=True)
    assert mail.from_ is not None
    return Read(
        sender=(mail.from_.display_name or "", mail.from_.address),
        to=[address.address for address in mail.to],
        cc=[address.address for address in mail.cc],
        reply_to=[address.address for address in mail.reply_to],
        subject=mail.subject,
        custom={name: mail.headers[name] for name in custom_names(list(mail.headers))},
        text=mailparse_text(mail.text_plain),
        html=mailparse_text(mail.text_html),
        parts=[(part.content, part.mimetype, part.filename, part.content_id) for part in mail.attachments],
    )


def mailparse_text(found: list[str]) -> str | None:
    return found[0].replace("\r\n", "\n") if found else None


def without_mark(read: Read) -> Read:
    """As mailparse shows it: it takes a U+FEFF at the start of a text for a mark of the byte order."""
    return replace(
        read,
        text=read.text and read.text.removeprefix("\ufeff"),
        html=read.html and read.html.removeprefix("\ufeff"),
    )


def assert_reads_back(letter: Letter) -> None:
    content = compose(letter, message_id=MESSAGE_ID, date=DATE)
    assert by_stdlib(content) == expected(letter)
    assert by_mailparse(content) == without_mark(expected(letter))


def assert_travels(letter: Letter) -> None:
    content = compose(letter, message_id=MESSAGE_ID, date=DATE)
    lines = content.split(b"\r\n")
    assert lines[-1] == b""
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
    assert max(map(len, lines)) <= 998
    assert content.isascii() or needs_smtputf8(letter)


@FEW
@given(letters)
def test_both_parsers_read_back_what_went_in(letter: Letter) -> None:
    assert_reads_back(letter)


@FEW
@given(utf8_letters)
def test_both_parsers_read_back_addresses_beyond_ascii(letter: Letter) -> None:
    assert_reads_back(letter)


@FEW
@given(st.one_of(letters, utf8_letters))
def test_a_mail_is_7_bit_with_crlf_and_short_lines_only(letter: Letter) -> None:
    assert_travels(letter)


QUOTED = re.compile(rb"[^\t\r\n -<>-~]")


@given(
    st.lists(st.sampled_from(["a", "bcdefgh", "=", "ü", "ж", "字", "😀", "\0", ".", " ", "\n"]), min_size=1).map(
        "".join
    )
)
def test_a_body_is_quoted_printable_where_a_sixth_of_it_at_most_has_to_be_quoted(text: str) -> None:
    encoding, content = body(text)
    plain = (text if text.endswith("\n") else f"{text}\n").replace("\n", "\r\n").encode()
    few = 6 * len(QUOTED.findall(plain)) <= len(plain)
    expected = b"7bit" if text.isascii() and "\0" not in text else b"quoted-printable" if few else b"base64"
    assert encoding == expected
    decode = {b"7bit": bytes, b"quoted-printable": a2b_qp, b"base64": a2b_base64}
    assert decode[encoding](content) == plain


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_both_parsers_read_back_100_000_letters() -> None:
    for number in range(MANY):
        letter = dice.letter(number, NASTY)
        try:
            assert_reads_back(letter)
            assert_travels(letter)
        except Exception as failed:
            failed.add_note(f"dice.letter({number}, NASTY)")
            raise
