"""What a relay said, and what that means to us."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from typing_extensions import override

from consumer.core.frozen import frozen

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")  # RFC 2034, 4


@frozen
class Reply:
    """One SMTP answer (RFC 5321, 4.2): `text` is without the codes, its lines joined by a space."""

    code: int
    text: str
    enhanced: str | None = None

    @classmethod
    def of(cls, code: int, text: str) -> "Reply":
        """Split the enhanced code (RFC 3463) off the text; one of another class than the code is only text."""
        found = _ENHANCED.match(text)
        if found and found[1][0] == str(code)[0]:
            return cls(code, text[found.end() :], found[1])
        return cls(code, text)

    @property
    def positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def transient(self) -> bool:
        return 400 <= self.code < 500

    @override
    def __str__(self) -> str:
        codes = f"{self.code} {self.enhanced}" if self.enhanced else str(self.code)
        return f"{codes} {self.text}" if self.text else codes


@dataclass(frozen=True, slots=True)
class Blocked:
    """In place of a reply: no relay was asked, for the tenant's suppression list has the recipient."""

    @property
    def positive(self) -> bool:
        return False

    @property
    def transient(self) -> bool:
        return False


BLOCKED = Blocked()

Answer: TypeAlias = Reply | Blocked
"""What stands for good about one recipient."""


class Meaning(StrEnum):
    """What a negative reply asks of us."""

    TRANSIENT = "transient"  # try again later
    THROTTLED = "throttled"  # try again later, and slower
    PERMANENT = "permanent"  # never again
    NO_SUCH_MAILBOX = "no-such-mailbox"  # never again, and the address is to blame
    BAD_CREDENTIALS = "bad-credentials"  # ours to mend, never the recipient's fault
    POLICY = "policy"  # refused for what we are or sent


MEANINGS: tuple[tuple[int | None, str | None, Meaning], ...] = (
    # code, enhanced code or its prefix ending in a dot; the first row that fits is taken
    (None, "5.1.1", Meaning.NO_SUCH_MAILBOX),  # RFC 3463, 3.2: bad destination mailbox address
    (None, "5.1.2", Meaning.NO_SUCH_MAILBOX),  # RFC 3463, 3.2: bad destination system address
    (None, "5.1.3", Meaning.NO_SUCH_MAILBOX),  # RFC 3463, 3.2: bad destination mailbox syntax
    (None, "5.1.10", Meaning.NO_SUCH_MAILBOX),  # RFC 7505, 4.2: the domain takes no mail (null MX)
    (None, "5.7.8", Meaning.BAD_CREDENTIALS),  # RFC 4954, 6: credentials invalid
    (None, "5.7.9", Meaning.BAD_CREDENTIALS),  # RFC 4954, 6: mechanism too weak
    (535, None, Meaning.BAD_CREDENTIALS),  # RFC 4954, 6
    (534, None, Meaning.BAD_CREDENTIALS),  # RFC 4954, 6
    (530, None, Meaning.BAD_CREDENTIALS),  # RFC 4954, 6: authentication required
    (None, "5.7.", Meaning.POLICY),  # RFC 3463, 3.8: security or policy
    (None, "4.7.", Meaning.THROTTLED),  # RFC 3463, 3.8: policy, for now
    (None, "4.3.2", Meaning.THROTTLED),  # RFC 3463, 3.4: system not accepting messages
    (421, None, Meaning.THROTTLED),  # RFC 5321, 3.8: the server closes the channel
    (432, None, Meaning.THROTTLED),  # RFC 4954, 6 and Exchange Online: too many connections
)


def meaning(reply: Reply) -> Meaning:
    """What a negative reply means; what no row names is transient or permanent by its first digit."""
    for code, enhanced, means in MEANINGS:
        if code is not None and code != reply.code:
            continue
        if enhanced is None or _fits(enhanced, reply.enhanced):
            return means
    return Meaning.TRANSIENT if reply.transient else Meaning.PERMANENT


def _fits(pattern: str, enhanced: str | None) -> bool:
    if enhanced is None:
        return False
    return enhanced.startswith(pattern) if pattern.endswith(".") else enhanced == pattern
