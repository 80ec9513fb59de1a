"""What a tenant's configuration may say: each key and how its value is read."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from consumer.core import wire
from consumer.core.address import is_token, parse_address
from consumer.core.dkim_fields import read_dkim
from consumer.core.durations import DURATION_RULE, bounded, parse_duration
from consumer.core.tenant import Limit, MicrosoftAccount, Mode, Scheme

MOST_LIMITS = 20

_HOST = re.compile(wire.HOST)
_USER = re.compile(wire.USER)
_PASSWORD = re.compile(wire.PASSWORD)
_LINE = re.compile(wire.LINE)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must be, said where it is not."""

    text: str


Read: TypeAlias = Callable[[object], object]
"""From a plain value to the one that is meant, or to the rule that it breaks."""


def _matching(pattern: re.Pattern[str], longest: int, rule: str) -> Read:
    def read(value: object) -> object:
        right = isinstance(value, str) and 0 < len(value) <= longest and pattern.fullmatch(value)
        return value if right else Rule(rule)

    return read


def _host(value: object) -> object:
    text = value.lower() if isinstance(value, str) else ""
    return text if len(text) <= 253 and _HOST.fullmatch(text) else Rule("must be a host name or an address")


def _domain(value: object) -> object:
    address = parse_address(f"no-reply@{value}") if isinstance(value, str) else None
    return Rule("must be a domain") if address is None else value


def _address(value: object) -> object:
    if isinstance(value, str) and not is_token(value) and parse_address(value) is not None:
        return value
    return Rule("must be one address, without a name and without quotes")


def _port(value: object) -> object:
    if isinstance(value, str) and wire.PORT.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
        return value
    return Rule("must be a port, from 1 to 65535")


def _scheme(value: object) -> object:
    if value == "":  # the second seed's default
        return Scheme.SMTP
    if isinstance(value, str) and value in set(Scheme):
        return Scheme(value)
    return Rule("must be smtp (STARTTLS), smtps (TLS at connect) or plain")


def _count(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 10**9:
        return value
    return Rule("must be a whole number, at least 1")


def _duration(value: object) -> object:
    if isinstance(value, str):
        seconds = parse_duration(value)
    else:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        seconds = bounded(cast("float", value)) if number else None
    return Rule(DURATION_RULE) if seconds is None else float(seconds)


def _one_of(*words: str) -> Read:
    def read(value: object) -> object:
        return value if isinstance(value, str) and value in words else Rule(f"must be {' or '.join(words)}")

    return read


def _mode(value: object) -> object:
    if isinstance(value, str) and value in set(Mode):
        return Mode(value)
    return Rule(f"must be {', '.join(Mode)}")


def _flag(value: object) -> object:
    return value if isinstance(value, bool) else Rule("must be true or false")


def _limits(value: object) -> object:
    items = cast("list[object]", value) if isinstance(value, list) else None
    if items is None or len(items) > MOST_LIMITS:
        return Rule(f"must be a list of at most {MOST_LIMITS} limits")
    limits = [_limit(item) for item in items]
    for number, limit in enumerate(limits, 1):
        if isinstance(limit, Rule):
            return Rule(f"(limit {number}) {limit.text}")
    return tuple(cast("list[Limit]", limits))


def _limit(item: object) -> Limit | Rule:
    if not isinstance(item, dict) or not {"count", "per"} <= item.keys() <= _LIMIT.keys():
        return Rule("must have count and per, may have unit, and nothing else")
    given = {"unit": "messages"} | cast("dict[str, object]", item)
    read = {key: reader(given[key]) for key, reader in _LIMIT.items()}
    for key, value in read.items():
        if isinstance(value, Rule):
            return Rule(f"{key} {value.text}")
    return Limit(**cast("dict[str, Any]", read))


def _dkim(value: object) -> object:
    read = read_dkim(value)
    return Rule(read) if isinstance(read, str) else read


def _microsoft(value: object) -> object:
    if not isinstance(value, dict) or not _NEEDED <= value.keys() <= _MICROSOFT.keys():
        return Rule("must have tenant_id, client_id and client_secret, may have authority and scope, and nothing else")
    given = cast("dict[str, object]", value)
    read = {key: reader(given[key]) for key, reader in _MICROSOFT.items() if key in given}
    for key, found in read.items():
        if isinstance(found, Rule):
            return Rule(f"({key}) {found.text}")
    scope = _SCOPES.get(str(read.get("authority")))
    return MicrosoftAccount(**cast("dict[str, Any]", ({"scope": scope} if scope else {}) | read))


def _authority(value: object) -> object:
    found = _AUTHORITY.fullmatch(value.rstrip("/")) if isinstance(value, str) else None
    return found[0].lower() if found else Rule("must be https:// and a host, and a port if wanted")


_path = _matching(_LINE, 1024, "must be the name of a file")
_NEEDED = frozenset(("tenant_id", "client_id", "client_secret"))
_AUTHORITY = re.compile(r"(?i:https)://[A-Za-z0-9.\x2d]{1,253}(?::[0-9]{1,5})?")
_SCOPES = {
    "https://login.microsoftonline.us": "https://outlook.office365.us/.default",
    "https://login.partner.microsoftonline.cn": "https://partner.outlook.cn/.default",
    "https://login.chinacloudapi.cn": "https://partner.outlook.cn/.default",
}
"""Of national clouds: learn.microsoft.com/entra/identity-platform/authentication-national-cloud"""

_MICROSOFT: Mapping[str, Read] = {
    "tenant_id": _matching(re.compile(wire.DIRECTORY), 253, "must be a directory's id or one of its domains"),
    "client_id": _matching(re.compile(wire.APPLICATION), 64, "must be an application's id"),
    "client_secret": _matching(_PASSWORD, 4096, "must be text in one line, not empty"),
    "authority": _authority,
    "scope": _matching(re.compile(r"https://[!-~]+/\.default"), 512, "must be https://... and end in /.default"),
}
_LIMIT: Mapping[str, Read] = {"count": _count, "per": _duration, "unit": _one_of("messages", "recipients")}

FIELDS: Mapping[str, Read] = {
    "smtp_host": _host,
    "smtp_port": _port,
    "smtp_scheme": _scheme,
    "smtp_user": _matching(_USER, 320, "must be text without blanks, not empty (a number needs quotes)"),
    "smtp_pass": _matching(_PASSWORD, 4096, "must be text in one line, not empty (a number needs quotes)"),
    "smtp_pass_file": _path,
    "ca_file": _path,
    "from_name": _matching(_LINE, 256, "must be text in one line, not empty (a number needs quotes)"),
    "from_address": _address,
    "domain": _domain,
    "microsoft_auth": _microsoft,
    "dkim": _dkim,
    "hLimit": _count,
    "limits": _limits,
    "over_limit": _one_of("defer", "reject"),
    "on_unknown": _one_of("report", "resend"),
    "on_bounce_rate": _one_of("report", "hold"),
    "max_connections": _count,
    "max_age": _duration,
    "mode": _mode,
    "redirect_to": _address,
    "simulator": _flag,
}
