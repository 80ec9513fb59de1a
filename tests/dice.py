"""Letters thrown by dice: the same number always makes the same one.

Hypothesis makes better letters (it shrinks what fails), but took 16.5 of the 17.6 ms that one costs: 100,000 of them
are an affair of half an hour. These take 0.1 ms. A number that fails belongs into a test as an example.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from consumer.core.compose import Letter, Part
from consumer.core.mail import Address

T = TypeVar("T")

ODD = "aZ09 .,;:<>()[]{}@\"'\\/=?_-\t\r\n\0\x0b\x1f\x7f\x85\xa0\xad\u0301\u200b\u202e\u2028\ufeffäßéøжщ漢字かな한ع😀👩‍👧🏳️‍🌈"

LINES = ("Hello", "Grüße", "注文番号", "=?utf-8?q?x?=", "a  b", "w " * 40, "x" * 120, '"', "\\", ", ", "<a@b>", "👩‍👧")
BODIES = (*LINES, "\r\n.\r\n", "\n.\n", "--=_0.m", "\r", "From here", "x" * 1100)
TOKENS = (
    *(b"1e999", b"-1e308", b"1" * 400, b"NaN", b"Infinity", b"-0", b"0.1e-400", b"null", b"true", b"[]", b"{}"),
    *(
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\\u0000"',
        b'"',
        b"\\",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\0",
    ),
    *(b"[" * 2_000, b'{"a":' * 500, b'"to":[],', b'"connection":{"server":"a"},', b"//", b"'", b",,", b"\r\n"),
)
WRITTEN_DOMAINS = (
    ("example.com", "example.com"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("пример.example", "xn--e1afmkfd.example"),
    ("xn--mller-kva.example", "xn--mller-kva.example"),
)


@dataclass(frozen=True)
class Expected:
    """What a reader and a relay have to see of a request."""

    envelope: list[str]
    to: list[str]
    cc: list[str]
    reply_to: list[str]
    subject: str
    headers: dict[str, str]


def letter(number: int, nasty: tuple[str, ...]) -> Letter:
    """The letter of this number; `nasty` are pieces that its texts are made of, besides odd characters."""
    dice = Random(number)  # noqa: S311  nothing secret hangs on it
    return Letter(
        from_name=_maybe(dice, lambda: text(dice, nasty)),
        from_address=address(dice),
        to=_several(dice, lambda: address(dice), 4),
        cc=_several(dice, lambda: address(dice), 4),
        reply_to=_several(dice, lambda: address(dice), 2),
        subject=text(dice, nasty),
        text=_maybe(dice, lambda: _lines(dice, nasty)),
        html=_maybe(dice, lambda: _lines(dice, nasty)),
        headers=_several(dice, lambda: (dice.choice(_HEADERS), text(dice, nasty)), 3),
        attachments=_several(dice, lambda: _part(dice, nasty), 3),
    )


def text(dice: Random, nasty: tuple[str, ...], most: int = 6) -> str:
    """Up to so many pieces, each nasty or of odd characters."""
    return "".join(dice.choice(nasty) if dice.random() < 0.5 else odd(dice) for _ in range(dice.randint(0, most)))


def odd(dice: Random, most: int = 12) -> str:
    """Up to so many characters: of those that were trouble to somebody, or any that there is."""
    return "".join(dice.choice(ODD) if dice.random() < 0.8 else _any(dice) for _ in range(dice.randint(0, most)))


def address(dice: Random) -> Address:
    """One in wire form."""
    local = dice.choice(_LOCALS) if dice.random() < 0.2 else _atoms(dice)
    return Address(f"{local}@{dice.choice(_DOMAINS)}")


def _any(dice: Random) -> str:
    code = dice.randrange(0x110000 - 0x800)
    return chr(code if code < 0xD800 else code + 0x800)  # no surrogates: JSON has none


def _lines(dice: Random, nasty: tuple[str, ...]) -> str:
    return dice.choice(("\n", "\r\n", "")).join(text(dice, nasty) for _ in range(dice.randint(0, 8)))


def _atoms(dice: Random) -> str:
    return ".".join("".join(dice.choices(_ATEXT, k=dice.randint(1, 12))) for _ in range(dice.randint(1, 3)))


def _part(dice: Random, nasty: tuple[str, ...]) -> Part:
    filename = _maybe(dice, lambda: dice.choice(_FILENAMES) if dice.random() < 0.3 else text(dice, nasty, 3))
    if dice.random() < 0.5:
        return Part(dice.randbytes(dice.randint(0, 60)), "image/png", filename, dice.choice(("logo", "a.b@c", "1")))
    return Part(dice.randbytes(dice.randint(0, 200)), dice.choice(_TYPES), filename)


def _maybe(dice: Random, make: Callable[[], T]) -> T | None:
    return make() if dice.random() < 0.7 else None


def _several(dice: Random, make: Callable[[], T], most: int) -> tuple[T, ...]:
    return tuple(make() for _ in range(dice.randint(0, most)))


_NO_LINE = {*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029}
_ATEXT = "abcxyz0189!#$%&'*+/=?^_`{|}~-"
_LOCALS = ("x" * 64, '"a b"', '"a,b"', '"a@b"', r'"a\"b"')
_DOMAINS = ("shop.example", "xn--mller-kva.example", "a.b", ".".join(["d" * 60] * 4))
_TYPES = ("application/pdf", "image/png", "text/csv; charset=iso-8859-1", "text/calendar; method=REQUEST")
_FILENAMES = ("report.pdf", "Rechnung März.pdf", "../../etc/passwd")
_HEADERS = ("X-Shop", "List-Id", "X-" + "y" * 70, "Priority", "Bcc", "bcc", "To", "X:", "Content-Type")


def request(number: int) -> tuple[dict[str, Any], Expected]:
    """A valid send-email of this number, and what has to come of it, worked out without our code."""
    dice = Random(number)  # noqa: S311
    lists = {name: _addresses(dice, most) for name, most in (("to", 4), ("cc", 3), ("bcc", 3), ("replyTo", 2))}
    if not any(lists[name] for name in ("to", "cc", "bcc")):
        lists["to"] = [("ann@example.com", "ann@example.com")]
    subject = _line(dice)
    bodies = {"text": _lines(dice, BODIES), "html": f"<p>{_lines(dice, BODIES)}</p>"}
    chosen = dice.choice((("text",), ("html",), ("text", "html")))
    headers = {f"X-{number}": _line(dice) or "x" for number in range(dice.randint(0, 2))}
    fields: dict[str, Any] = {name: [written for written, _ in pairs] for name, pairs in lists.items() if pairs}
    fields |= {"subject": subject} | {name: bodies[name] or "x" for name in chosen}
    fields |= {"headers": headers} if headers else {}
    wire = {name: [address for _, address in pairs] for name, pairs in lists.items()}
    envelope = list(dict.fromkeys((*wire["to"], *wire["cc"], *wire["bcc"])))
    return fields, Expected(envelope, wire["to"], wire["cc"], wire["replyTo"], subject, headers)


def mutilated(number: int, sound: bytes) -> bytes:
    """These bytes, with a few things done to them that people and programs do to JSON."""
    dice = Random(number)  # noqa: S311
    content = bytearray(sound)
    for _ in range(dice.randint(1, 3)):
        at = dice.randint(0, len(content))
        match dice.randrange(4):
            case 0:
                content[at : at + dice.randint(0, 4)] = dice.randbytes(dice.randint(0, 4))
            case 1:
                del content[at : at + dice.randint(1, 20)]
            case 2:
                content[at:at] = content[dice.randint(0, at) : at]
            case _:
                content[at : at + dice.randint(0, 6)] = dice.choice(TOKENS)
    return bytes(content)


def _addresses(dice: Random, most: int) -> list[tuple[str, str]]:
    """As written and as it goes on the wire, each once."""
    pairs: dict[str, str] = {}
    for _ in range(dice.randint(0, most)):
        local = _atoms(dice) if dice.random() < 0.9 else dice.choice(("jörg", "用户", "عربي"))
        domain, wire = dice.choice(WRITTEN_DOMAINS)
        pairs[f"{local}@{domain}"] = f"{local}@{wire}"
    return list(pairs.items())


def _line(dice: Random) -> str:
    return "".join(character for character in text(dice, LINES) if ord(character) not in _NO_LINE)[:300]
