r"""The rules for text on the wire, as `schemas/send-email.v1.json` has them.

Written twice, there for everyone and here for what else looks at text; a test keeps them equal. They
use what every regex engine reads alike: no `\s`, no `\d`, no look-around, hexadecimal
escapes within classes.
"""

import re

UNSEEN = (  # of non-ASCII: controls, blanks, marks that turn or hide text, and look-alikes of comma and at
    r"\x7f-\xa0\xad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\uff0c\uff20\ufff0-\uffff"
)
ATOM = rf"[^\x00-\x20\x22\x28\x29\x2c\x2e\x3a-\x3c\x3e\x40\x5b-\x5d{UNSEEN}]+"  # RFC 5322, 3.2.3; RFC 6532, 3.2
LOCAL_PART = rf"{ATOM}(\.{ATOM})*"

_LETTER = rf"[^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e{UNSEEN}]"  # or digit, of any script
_INNER = rf"[^\x00-\x2c\x2e\x2f\x3a-\x40\x5b-\x60\x7b-\x7e{UNSEEN}]"  # or a hyphen
_LABEL = rf"{_LETTER}({_INNER}{{0,61}}{_LETTER})?"
_DOMAIN = rf"{_LABEL}(\.{_LABEL})*"

TOKEN = "NS-EU-[0-9A-Z]+-[0-9A-Z]+"  # noqa: S105 - the form of a PII token, no secret
ADDRESS = rf"^({TOKEN}|{LOCAL_PART}@{_DOMAIN})$"
MAILBOX = rf"^{LOCAL_PART}@{_DOMAIN}$"
RECIPIENT = rf"^({TOKEN}|{LOCAL_PART}(@{_DOMAIN})?)$"  # without a domain: a mailbox of the relay's own
RECIPIENT_FITS = re.compile("^([^@]{1,64}(@|$)|NS-EU-)")
LOCAL_FITS = re.compile("^([^@]{1,64}@|NS-EU-)")  # RFC 5321, 4.5.3.1.1

LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"

_NAME = r"[A-Za-z0-9_]([A-Za-z0-9_\x2d]{0,61}[A-Za-z0-9_])?"
_IPV6 = r"[0-9A-Fa-f]{0,4}(:[0-9A-Fa-f]{0,4}){2,7}(:[0-9]{1,3}(\.[0-9]{1,3}){3})?"
HOST = rf"^({_NAME}(\.{_NAME})*|{_IPV6})$"
PORT = re.compile("^0{0,5}([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$")
USER = r"^[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]*$"
PASSWORD = r"^[^\x00\t\r\n\f]*$"  # noqa: S105 - a rule, no secret
DIRECTORY = r"^[A-Za-z0-9][A-Za-z0-9.\x2d]*$"  # an id, or a domain
APPLICATION = r"^[A-Za-z0-9\x2d]+$"

HEADER_NAME = "^[!-9;-~]+$"  # RFC 5322, 2.2
OWN_HEADERS = frozenset(
    (
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "apparently-to",
        "original-recipient",
        "x-original-to",
        "envelope-to",
        "x-envelope-to",
        "x-envelope-from",
        "subject",
        "date",
        "message-id",
        "return-path",
        "received",
        "received-spf",
        "delivered-to",
        "errors-to",
        "return-receipt-to",
        "mime-version",
        "auto-submitted",
        "authentication-results",
        "domainkey-signature",
        "x-smtpapi",
        "x-mc-bccaddress",
        "x-msys-api",
    )
)
"""What the mail, a relay or a receiver answers for; the last three tell a provider whom else to write to."""

OWN_HEADER_PREFIXES = ("content-", "dkim-", "arc-", "resent-", "bimi-", "x-spam-", "x-ms-exchange-organization-")
