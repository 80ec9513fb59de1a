"""How a tenant says with what its mail is signed: one key, or a list of them (RFC 8463 asks for RSA beside Ed25519)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from consumer.core import wire
from consumer.core.address import parse_address
from consumer.core.dkim import DkimKey

MOST_KEYS = 4

_SELECTOR = re.compile(r"[A-Za-z0-9]([\w-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([\w-]{0,61}[A-Za-z0-9])?){0,3}", re.ASCII)
_PATH = re.compile(wire.LINE)
_SECRETS = ("private_key", "private_key_file")
_KEY_RULE = "a private key in PEM without a password: RSA of 1024 to 4096 bits, or Ed25519"

Files: TypeAlias = Mapping[str, str]
"""The contents of files by their names."""


@dataclass(frozen=True, slots=True)
class Said:
    """A key as the configuration has it. Its repr tells no key."""

    domain: str
    selector: str
    pem: str | None = field(repr=False)
    file: str | None = None


def read_dkim(value: object) -> tuple[Said, ...] | str:
    """What is said of the keys, or the rule that it breaks."""
    if not isinstance(value, list):
        said = _said(value)
        return said if isinstance(said, str) else (said,)
    items = cast("list[object]", value)
    if not 0 < len(items) <= MOST_KEYS:
        return f"must be a key or a list of 1 to {MOST_KEYS} of them"
    found = [_said(item) for item in items]
    for number, said in enumerate(found, 1):
        if isinstance(said, str):
            return f"(key {number}) {said}"
    return tuple(cast("list[Said]", found))


def keys(said: tuple[Said, ...], files: Files) -> tuple[DkimKey, ...] | str:
    """The keys themselves, or the rule that one of them breaks."""
    if not said:
        return ()
    from consumer.core.dkim_key import load_key  # noqa: PLC0415  6 MB that few need

    found: list[DkimKey] = []
    for number, one in enumerate(said, 1):
        place = f"(key {number}) " if len(said) > 1 else ""
        pem = one.pem if one.file is None else files.get(one.file)
        if pem is None:
            return f"{place}private_key_file must name a file that can be read"
        key = load_key(pem)
        if key is None:
            return f"{place}{_SECRETS[one.file is not None]} must {'hold' if one.file else 'be'} {_KEY_RULE}"
        found.append(DkimKey(one.domain, one.selector, key))
    return tuple(found)


def key_files(entry: object) -> tuple[str, ...]:
    """The files that an entry names for its keys, wherever it does so rightly."""
    said = cast("Mapping[object, object]", entry).get("dkim") if isinstance(entry, dict) else None
    read = read_dkim(said)
    return () if isinstance(read, str) else tuple(one.file for one in read if one.file is not None)


def _said(item: object) -> Said | str:
    given = cast("Mapping[object, object]", item if isinstance(item, dict) else {})
    broken = next(_broken(given), None)
    if broken is not None:
        return broken
    domain = parse_address(f"x@{given['domain']}") or ""
    said = cast("Mapping[str, str]", given)
    return Said(domain[2:].lower(), said["selector"], said.get("private_key"), said.get("private_key_file"))


def _broken(given: Mapping[object, object]) -> Iterator[str]:
    domain, selector, pem, file = (given.get(key) for key in ("domain", "selector", *_SECRETS))
    if not {"domain", "selector"} <= given.keys() <= {"domain", "selector", *_SECRETS}:
        yield "must have domain, selector and private_key or private_key_file, and nothing else"
    if not isinstance(domain, str) or parse_address(f"x@{domain}") is None:
        yield "domain must be a domain"
    if not isinstance(selector, str) or not _SELECTOR.fullmatch(selector):
        yield "selector must be a name as DNS has them (a number needs quotes)"
    if (pem is None) == (file is None):
        yield "must have one of private_key and private_key_file"
    if pem is not None and not (isinstance(pem, str) and 0 < len(pem) <= 65_536):
        yield f"private_key must be {_KEY_RULE}"
    if file is not None and not (isinstance(file, str) and 0 < len(file) <= 1024 and _PATH.fullmatch(file)):
        yield "private_key_file must be the name of a file"
