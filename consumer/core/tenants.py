"""The tenants document, from plain values to tenants or to everything that is wrong with it.

An error names the place and the rule and never a value: there are passwords in here.

A tenant takes from `default` what it does not say itself, with one exception: who
names a relay of his own takes nothing that belongs to the default's relay. Otherwise
the default's password would be sent to a host that another one chose.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeAlias, cast

from consumer.core.address import parse_address
from consumer.core.dkim_fields import keys
from consumer.core.presets import preset_of
from consumer.core.tenant import DEFAULT_PORTS, Mode, Relay, Scheme, Tenant
from consumer.core.tenant_fields import FIELDS, Rule

Plain: TypeAlias = bool | frozenset[str]
"""Where mail may go without TLS: anywhere, nowhere, or to these hosts."""

Values: TypeAlias = Mapping[str, Any]
"""Values that a table of readers has checked, by key."""

NAME_RULE = "must be text of 1 to 128 characters without blanks (a number, or a word such as no, needs quotes)"
_NAME = re.compile(r"[^\x00-\x20\x7f-\xa0]{1,128}")
_KEY = re.compile(r"[A-Za-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Faults:
    """Why a tenants document cannot be used: a line for each, with the place and the rule."""

    errors: tuple[str, ...]


def parse_tenants(
    document: object, *, plain: Plain = False, secrets: Mapping[str, str] | None = None
) -> Mapping[str, Tenant] | Faults:
    """The tenants by name. `secrets` has the contents of the files that the document names for passwords and keys."""
    if not isinstance(document, dict):
        return Faults(("the document must be a mapping with `tenants`, and `default` if wanted",))
    top = cast("dict[object, object]", document)
    errors = [*_strange("", top, ("default", "tenants"))]
    reader = _Reader(plain, secrets or {}, errors)
    default = reader.default(top.get("default", {}))
    tenants = {name: reader.tenant(name, about, default) for name, about in reader.named(top.get("tenants"))}
    if errors:
        return Faults(tuple(errors))
    return {name: tenant for name, tenant in tenants.items() if tenant is not None}


class _Reader:
    """Reads entry by entry and gathers what is wrong."""

    def __init__(self, plain: Plain, secrets: Mapping[str, str], errors: list[str]) -> None:
        self._plain = plain
        self._secrets = secrets
        self._errors = errors
        self._whole = True

    def default(self, entry: object) -> dict[str, Any]:
        """What all share. Where it is wrong, nothing is said about what is missing below it."""
        before = len(self._errors)
        found = self.values("default", entry)
        self._whole = len(self._errors) == before
        return found

    def named(self, tenants: object) -> Iterator[tuple[str, object]]:
        """The entries under `tenants` whose name is one."""
        if not isinstance(tenants, dict):
            self._errors.append("tenants must be a mapping of names to what is known of each")
            return
        for number, (name, about) in enumerate(cast("dict[object, object]", tenants).items(), 1):
            if isinstance(name, str) and _NAME.fullmatch(name):
                yield name, about
            else:
                self._errors.append(f"tenants, name {number}: {NAME_RULE}")

    def values(self, place: str, entry: object) -> dict[str, Any]:
        """What is right in an entry."""
        if not isinstance(entry, dict):
            self._errors.append(f"{place} must be a mapping")
            return {}
        given = cast("dict[object, object]", entry)
        self._errors.extend(_strange(place + ".", given, FIELDS))
        found: dict[str, Any] = {}
        for key, read in FIELDS.items():
            if key in given:
                value = read(given[key])
                if isinstance(value, Rule):
                    self._errors.append(f"{place}.{key} {value.text}")
                else:
                    found[key] = value
        return self._with_keys(place, self._with_secret(place, found))

    def tenant(self, name: str, entry: object, default: Values) -> Tenant | None:
        place = f"tenants.{name}"
        before = len(self._errors)
        own = self.values(place, entry)
        merged = _merged(own, default)
        if "dkim" in own and not _covered(merged):
            self._errors.append(
                f"{place}.dkim domain must be that of the sender (from_address or domain), or one above it"
            )
        if len(self._errors) > before or not self._whole:
            return None
        relay = self._relay(place, merged)
        return None if relay is None else _tenant(name, relay, merged)

    def _with_secret(self, place: str, found: dict[str, Any]) -> dict[str, Any]:
        """With the content of the file in place of its name."""
        file = found.pop("smtp_pass_file", None)
        if file is None:
            return found
        if "smtp_pass" in found:
            self._errors.append(f"{place}.smtp_pass_file must not stand together with smtp_pass")
        elif isinstance(FIELDS["smtp_pass"](self._secrets.get(file)), Rule):
            self._errors.append(f"{place}.smtp_pass_file must name a file that can be read and holds one line of text")
        else:
            found["smtp_pass"] = self._secrets[file]
        return found

    def _with_keys(self, place: str, found: dict[str, Any]) -> dict[str, Any]:
        """With the keys in place of their text or the names of their files."""
        if "dkim" in found:
            read = keys(found["dkim"], self._secrets)
            if isinstance(read, str):
                self._errors.append(f"{place}.dkim {read}")
                del found["dkim"]
            else:
                found["dkim"] = read
        return found

    def _relay(self, place: str, known: Values) -> Relay | None:
        rules = tuple(self._broken(known))
        self._errors.extend(f"{place}.{rule}" for rule in rules)
        if rules:
            return None
        scheme = known.get("smtp_scheme", Scheme.SMTP)
        preset = preset_of(known["smtp_host"])
        return Relay(
            host=known["smtp_host"],
            port=known.get("smtp_port", DEFAULT_PORTS[scheme]),
            scheme=scheme,
            user=known.get("smtp_user"),
            password=known.get("smtp_pass"),
            ca_file=known.get("ca_file"),
            max_connections=known.get("max_connections") or (preset.connections if preset else None),
            microsoft=known.get("microsoft_auth"),
        )

    def _broken(self, known: Values) -> Iterator[str]:  # noqa: C901  a rule each
        host = known.get("smtp_host")
        if host is None:
            yield "smtp_host has to be given here or in default"
        if "microsoft_auth" in known:
            if "smtp_user" not in known:
                yield "smtp_user has to be given with microsoft_auth: the mailbox that sends"
            if "smtp_pass" in known:
                yield "microsoft_auth must not stand together with smtp_pass"
        elif ("smtp_user" in known) != ("smtp_pass" in known):
            yield "smtp_user and smtp_pass go together: one of them is missing"
        if known.get("smtp_scheme") is Scheme.PLAIN and not _allowed(host, self._plain):
            yield "smtp_scheme must be smtp or smtps: plain is not allowed for this host (CONSUMER_SMTP__ALLOW_PLAINTEXT)"
        if known.get("mode") is Mode.REDIRECT_TO and "redirect_to" not in known:
            yield "redirect_to has to be given where mode is redirect-to"
        if "from_address" not in known and "domain" not in known:
            yield "from_address or domain has to be given: mail needs a sender"


_OF_A_LOGIN = frozenset({"smtp_user", "smtp_pass", "microsoft_auth"})
_OF_A_RELAY = frozenset({"smtp_host", "smtp_port", "smtp_scheme", "ca_file", *_OF_A_LOGIN})
_NAMES = {"hLimit": "h_limit"}


def _merged(own: Values, default: Values) -> Values:
    kept = default.keys()
    if "smtp_host" in own:
        kept -= _OF_A_RELAY
    if own.keys() & _OF_A_LOGIN:
        kept -= _OF_A_LOGIN
    merged = {key: default[key] for key in kept} | dict(own)
    if "dkim" not in own and not _covered(merged):
        merged.pop(
            "dkim", None
        )  # the default's key, and a sender of his own: a signature by another domain says nothing
    return merged


def _covered(known: Values) -> bool:
    """Whether each of the keys signs for the sender's domain."""
    signing = known.get("dkim", ())
    sender = parse_address(known.get("from_address") or f"x@{known.get('domain')}") if signing else None
    return not signing or (sender is not None and all(key.covers(sender.rpartition("@")[2]) for key in signing))


def _tenant(name: str, relay: Relay, known: Values) -> Tenant:
    rest = {_NAMES.get(key, key): known[key] for key in known.keys() - _OF_A_RELAY - {"max_connections"}}
    preset = preset_of(relay.host)
    limits = (*rest.pop("limits", ()), *(preset.limits if preset else ()))
    return Tenant(name=name, relay=relay, limits=limits, **rest)


def _allowed(host: str | None, plain: Plain) -> bool:
    if isinstance(plain, bool):
        return plain
    return host is None or host.lower().rstrip(".") in plain


def _strange(
    place: str, given: Mapping[object, object], known: Mapping[str, object] | tuple[str, ...]
) -> Iterator[str]:
    """A key that nobody knows, named only where it looks like one: it could be a value in the wrong place."""
    for number, key in enumerate(given, 1):
        if key in known:
            continue
        folded = {name.lower(): name for name in known}
        near = get_close_matches(str(key).lower(), folded, n=1, cutoff=0.6)
        hint = f"; did you mean {folded[near[0]]}?" if near else f": known are {', '.join(known)}"
        shown = key if isinstance(key, str) and _KEY.fullmatch(key) else f"(key {number})"
        yield f"{place}{shown} is not known{hint}"
