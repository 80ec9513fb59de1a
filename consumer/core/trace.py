"""Who asked, in the words of W3C Trace Context: the span that a request comes from, and what tracing systems say of it.

What is none is ignored and never an error (3.2, 3.3 and 4.3): a trace must not cost a mail.
"""

import re
from typing import NamedTuple

LONGEST_STATE = 512
"""Characters of a state that are passed on (3.3.1.5)."""

_LONGEST_PARENT = 512
_LONGEST_READ = 8192
_MOST_MEMBERS = 32
_LARGE = 128

_PARENT = re.compile(r"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_KEY = r"[a-z][a-z0-9_*/\x2d]{0,255}|[a-z0-9][a-z0-9_*/\x2d]{0,240}@[a-z][a-z0-9_*/\x2d]{0,13}"
_VALUE = r"[ -+\x2d-<>-~]{0,255}[!-+\x2d-<>-~]"
_MEMBER = re.compile(f"({_KEY})={_VALUE}")


class Trace(NamedTuple):
    """`parent` names a span; `state` is what tracing systems say of its trace, None where they say nothing."""

    parent: str
    state: str | None = None


def trace(parent: str | None, state: str | None) -> Trace | None:
    """Both as they are passed on. Without a parent, a state is that of nothing."""
    known = traceparent(parent) if parent else None
    return None if known is None else Trace(known, tracestate(state) if state else None)


def traceparent(value: str) -> str | None:
    """The trace and the span that it names, as version 00 has it; None where it names none (3.2).

    Of a version to come, only what 00 knows is kept (4.3).
    """
    found = _PARENT.fullmatch(value) if len(value) <= _LONGEST_PARENT else None
    if found is None:
        return None
    version, ids, flags, more = found.groups()
    if version == "00":
        return None if more else value
    return f"00-{ids}-{int(flags, 16) & 1:02x}"


def tracestate(value: str) -> str | None:
    """Its members in their order, without blanks between them; None where one is none, or a key comes twice (3.3.1).

    Of more than 512 characters, members of more than 128 go first, then the last ones (3.3.1.5): the first is the newest.
    """
    if len(value) > _LONGEST_READ:
        return None
    members = [stripped for member in value.split(",") if (stripped := member.strip(" \t"))]
    if len(members) > _MOST_MEMBERS:
        return None
    keys = {found[1] for member in members if (found := _MEMBER.fullmatch(member))}
    return _shortened(members) or None if len(keys) == len(members) else None


def _shortened(members: list[str]) -> str:
    while len(text := ",".join(members)) > LONGEST_STATE:
        large = [place for place, member in enumerate(members) if len(member) > _LARGE]
        del members[large[-1] if large else -1]
    return text
