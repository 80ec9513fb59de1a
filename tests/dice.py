"""Letters thrown by dice: the same number always makes the same one.

Hypothesis makes better letters (it shrinks what fails), but took 16.5 of the 17.6 ms that one costs: 100,000 of them
are an affair of half an hour. These take 0.1 ms. A number that fails belongs into a test as an example.
"""

from collections.abc import Callable
from random import Random
from typing import TypeVar

from consumer.core.compose import Letter, Part
from consumer.core.mail import Address

T = TypeVar("T")

ODD = "aZ09 .,;:<>()[]{}@\"'\\/=?_-\t\r\n\0\x0b\x1f\x7f\x85\xa0\xad\u0301\u200b\u202e\u2028\ufeffäßéøжщ漢字かな한ع😀👩‍👧🏳️‍🌈"


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


_ATEXT = "abcxyz0189!#$%&'*+/=?^_`{|}~-"
_LOCALS = ("x" * 64, '"a b"', '"a,b"', '"a@b"', r'"a\"b"')
_DOMAINS = ("shop.example", "xn--mller-kva.example", "a.b", ".".join(["d" * 60] * 4))
_TYPES = ("application/pdf", "image/png", "text/csv; charset=iso-8859-1", "text/calendar; method=REQUEST")
_FILENAMES = ("report.pdf", "Rechnung März.pdf", "../../etc/passwd")
_HEADERS = ("X-Shop", "List-Id", "X-" + "y" * 70, "Priority", "Bcc", "bcc", "To", "X:", "Content-Type")
