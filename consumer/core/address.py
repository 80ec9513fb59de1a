"""Addresses and the tokens that may stand for them.

A PII token is resolved only while the message is built; until then it is text like any other.
"""

import re
from functools import lru_cache

import idna

from consumer.core import wire
from consumer.core.mail import Address

_TOKEN = re.compile(wire.TOKEN)
_LOCAL = re.compile(wire.LOCAL_PART)
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # RFC 1123, 2.1
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LOCAL_OCTETS = 64  # RFC 5321, 4.5.3.1.1
_OCTETS = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets


def is_token(text: str) -> bool:
    """Whether the whole text is a PII token."""
    return _TOKEN.fullmatch(text) is not None


def parse_address(text: str) -> Address | None:
    """The address as it goes on the wire, or None for what no relay could be told."""
    local, _, domain = text.rpartition("@")
    if not _LOCAL.fullmatch(local):
        return None
    wire_domain = _a_labels(domain)
    if wire_domain is None or (len(local) if local.isascii() else len(local.encode())) > _LOCAL_OCTETS:
        return None
    address = f"{local}@{wire_domain}"
    octets = len(address) if address.isascii() else len(address.encode())
    return Address(address) if octets <= _OCTETS else None


def parse_recipient(text: str) -> Address | None:
    """An address, or a name without a domain: the relay knows whom it means (as RFC 5321, 4.1.1.3 has for Postmaster)."""
    if "@" in text:
        return parse_address(text)
    return Address(text) if _LOCAL.fullmatch(text) and len(text.encode()) <= _LOCAL_OCTETS else None


def needs_smtputf8(address: Address) -> bool:
    """Whether only a relay with SMTPUTF8 can take it (RFC 6531): the local part is not ASCII."""
    return not address.isascii()


@lru_cache(maxsize=1024)
def _a_labels(domain: str) -> str | None:
    """Plain domains as they are, others after UTS 46; None for what is no domain."""
    if domain.isascii() and "xn--" not in domain.lower():
        return domain if _DOMAIN.fullmatch(domain) else None
    try:
        encoded = idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return None
    return encoded if _DOMAIN.fullmatch(encoded) else None
