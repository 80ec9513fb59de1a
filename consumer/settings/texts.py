"""How a variable's text becomes a value. The rules name what is wanted and never quote what was given."""

import json
import re
import ssl
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, TypeAlias, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, SecretStr

from consumer.core.durations import DURATION_RULE, bounded, parse_duration

_HOST = re.compile(r"(?!-)[a-z0-9_.-]{1,253}|[0-9a-f:.]{2,45}")
_PLACE = re.compile(r"[A-Za-z0-9_.-]{1,253}(:[1-9][0-9]{0,4})?")
_EXTENSION = re.compile(r"(?!auth$)[A-Za-z]{1,64}")
_EXTENSION_VALUE = re.compile(r"[\x20-\x7e]{1,1000}")
_SHORTEST_KEY = 16
_ALMOST_FLAGS = frozenset(("yes", "no", "on", "off", "any", "all", "none", "tru", "fals", "*"))
_SIZE = re.compile(r"([0-9]{1,15}) ?(|[kmg]i?b)", re.IGNORECASE)
_UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
Network: TypeAlias = IPv4Network | IPv6Network


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    seconds = bounded(float(cast("float", value))) if number else parse_duration(str(value))
    if seconds is None:
        raise ValueError(DURATION_RULE)
    return timedelta(seconds=seconds)


def _items(value: object) -> object:
    """A JSON list, or names with commas between them."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return _strings(value)


def _strings(text: str) -> tuple[str, ...]:
    rule = "must be a JSON list of strings, or names with commas between them"
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(rule) from None
    items = cast("list[object]", found) if isinstance(found, list) else [None]
    if not all(isinstance(item, str) for item in items):
        raise ValueError(rule)
    return tuple(cast("list[str]", items))


def _host(text: str) -> str:
    host = text.strip().lower().rstrip(".")
    if not _HOST.fullmatch(host):
        raise ValueError("must be a host name or an address")
    return host


def _network(item: object) -> object:
    if not isinstance(item, str):
        return item
    try:
        return ip_network(item.strip())
    except ValueError:
        pass
    if "/" in item:
        raise ValueError("must be a network such as 10.0.0.0/8 (no bits set behind its length), or a host name")
    return _host(item)


def _places(value: object) -> object:
    """A JSON object of `host` or `host:port` to `address` or `address:port`."""
    if not isinstance(value, str):
        return value
    rule = 'must be a JSON object such as {"relay.example.com:587": "127.0.0.1:2525"}'
    try:
        found: object = json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError(rule) from None
    places = cast("dict[str, object]", found) if isinstance(found, dict) else {"": None}
    if not all(isinstance(place, str) and _PLACE.fullmatch(place) for pair in places.items() for place in pair):
        raise ValueError(rule)
    return {name.lower(): place for name, place in places.items()}


def _extensions(value: object) -> object:
    """A JSON object of names and values as RFC 7628, 3.1 has them."""
    if not isinstance(value, str):
        return value
    rule = (
        'must be a JSON object of strings such as {"logicalCluster": "lkc-1"}, its names of letters, none of them auth'
    )
    try:
        found: object = json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError(rule) from None
    pairs = cast("dict[str, object]", found) if isinstance(found, dict) else {"": None}
    for name, text in pairs.items():
        if not _EXTENSION.fullmatch(name) or not isinstance(text, str) or not _EXTENSION_VALUE.fullmatch(text):
            raise ValueError(rule)
    return pairs


def _flag_or_items(value: object) -> object:
    flag = {"true": True, "1": True, "false": False, "0": False, "": False}
    if isinstance(value, str) and value.strip().lower() in flag:
        return flag[value.strip().lower()]
    if isinstance(value, str) and value.strip().lower() in _ALMOST_FLAGS:
        raise ValueError("must be true or false, or hosts: a JSON list, or names with commas between them")
    return _items(value)


def _name(value: str) -> str:
    # A line break that came with a file or a template would make another group of it, and nobody would see why.
    if not value.isprintable() or value != value.strip():
        raise ValueError("must not begin or end with a space, nor hold line breaks")
    return value


def _size(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return ByteSize(value)
    found = _SIZE.fullmatch(str(value).strip())
    if found is None:
        raise ValueError("must be a size such as 25MiB, 25MB or a number of octets")
    return ByteSize(int(found[1]) * _UNITS[found[2].lower()])


def _servers(value: str) -> str:
    """`host:port`, more of them with commas."""
    servers = [server.strip() for server in value.split(",")]
    for server in servers:
        host, _, port = server.rpartition(":")
        if not _HOST.fullmatch(host.strip("[]").lower()) or not port.isdecimal() or not 1 <= int(port[:6]) <= 65535:
            raise ValueError("must be host:port, or several with commas between them")
    return ",".join(servers)


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable:
        raise ValueError("must be a URL that starts with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must be a URL without a user or password in it")
    return value.rstrip("/")


def readable(path: Path) -> Path:
    """The same path, of a file that can be read now."""
    try:
        with path.open("rb") as file:
            file.read(1)
    except (OSError, ValueError):
        raise ValueError("must name a file that can be read") from None
    return path


def certificates(path: Path) -> Path:
    """The same path, of a file that holds certificates which can be used."""
    try:
        ssl.create_default_context(cafile=str(readable(path)))
    except (ssl.SSLError, OSError):
        raise ValueError("must name a file of certificates (PEM)") from None
    return path


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Host = Annotated[str, AfterValidator(_host)]
Hosts = Annotated[bool | frozenset[Host], BeforeValidator(_flag_or_items)]
Networks = Annotated[tuple[Annotated[Network | str, BeforeValidator(_network)], ...], BeforeValidator(_items)]


def _long(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _SHORTEST_KEY:
        raise ValueError(f"must have at least {_SHORTEST_KEY} characters")
    return value


Places = Annotated[dict[str, str], BeforeValidator(_places)]
Extensions = Annotated[dict[str, str], BeforeValidator(_extensions)]
Name = Annotated[str, Field(min_length=1, max_length=249), AfterValidator(_name)]
CaFile = Annotated[Path, AfterValidator(certificates)]
ReadableFile = Annotated[Path, AfterValidator(readable)]
Secret = Annotated[SecretStr, Field(min_length=1)]
SuppressionKey = Annotated[SecretStr, AfterValidator(_long)]
Size = Annotated[ByteSize, BeforeValidator(_size), Field(ge=1)]
Servers = Annotated[str, AfterValidator(_servers)]
TopicName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
Url = Annotated[str, AfterValidator(_url)]
