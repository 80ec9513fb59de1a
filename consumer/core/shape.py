"""The names of a record's headers, read once for all records that a producer writes alike.

A shape says under which name each attribute of an event stands. There is none where names are odd in any way: those
records are read header by header (`core/envelope.py`), and tests hold both ways to be equal.
"""

from collections.abc import Mapping
from functools import lru_cache

from consumer.core import attribute
from consumer.core.frozen import frozen
from consumer.core.record import ORIGIN_HEADER
from consumer.core.trace import Trace, trace

AS_PLAIN = {"type": "operation", "id": "request_id", "datacontenttype": "content-type"}
AS_BINARY = {"datacontenttype": "content-type"}  # the binding, 3.2.1
PLAIN = {name: AS_PLAIN.get(name, name) for name in attribute.RULES}
BINARY = {name: AS_BINARY.get(name, f"ce_{name}") for name in attribute.RULES}
PLAIN_HEADERS = frozenset(("tenant", "request_id", "operation", "content-type", "expirytime", "correlationid"))
TRACES = frozenset((*attribute.TRACE, *(f"ce_{name}" for name in attribute.TRACE)))

LONGEST = 512
"""Characters of all names together, for which there is a shape: a cache is no place to keep what anybody writes."""

JSON = frozenset((b"application/json", b"application/json; charset=utf-8", b"application/json; charset=UTF-8"))
"""Values of `content-type` of which nothing else has to be known."""


@frozen
class Shape:
    """The name of the header that holds each attribute, as it was written; None where there is none."""

    number: int  # of headers
    tenant: str
    id: str
    type: str | None
    specversion: str | None  # this one and the next are there in a binary event only
    source: str | None
    content_type: str | None
    correlation_id: str | None
    expires: str | None
    traces: tuple[tuple[str, str | None], ...]  # parent and state: the event's own before its transport's
    texts: tuple[str, ...]  # attributes that mean nothing to us, but have to be UTF-8 all the same
    forwarded: bool

    def trace(self, given: Mapping[str, bytes]) -> Trace | None:
        """The first that is one."""
        for parent, state in self.traces:
            told = None if state is None else given[state].decode(errors="replace")
            found = trace(given[parent].decode(errors="replace"), told)
            if found is not None:
                return found
        return None


@lru_cache(maxsize=256)
def shape_of(names: str) -> Shape | None:
    """The shape of headers with these names, a line each. Of another number of headers, it is not theirs."""
    written = names.split("\n")
    by_name = {name.lower(): name for name in written}
    ours = [name for name in map(str.lower, written) if name in PLAIN_HEADERS | TRACES or name.startswith("ce_")]
    binary = any(name.startswith("ce_") for name in ours)
    headers = BINARY if binary else PLAIN
    required = [headers[name] for name in (attribute.REQUIRED if binary else ("tenant", "id"))]
    mixed = binary and not (PLAIN_HEADERS - {"content-type"}).isdisjoint(ours)
    if len(set(ours)) < len(ours) or not by_name.keys() >= set(required) or mixed:
        return None
    get = by_name.get
    parents = [(get(parent), get(state)) for parent, state in _traces(binary=binary)]
    return Shape(
        len(written),
        by_name[headers["tenant"]],
        by_name[headers["id"]],
        get(headers["type"]),
        get(headers["specversion"]) if binary else None,
        get(headers["source"]) if binary else None,
        get("content-type"),
        get(headers["correlationid"]),
        get(headers["expirytime"]),
        tuple((parent, state) for parent, state in parents if parent is not None),
        tuple(by_name[name] for name in ours if name not in headers.values() and name not in TRACES),
        ORIGIN_HEADER in written,
    )


def _traces(*, binary: bool) -> tuple[tuple[str, str], ...]:
    own, transport = ("ce_traceparent", "ce_tracestate"), ("traceparent", "tracestate")
    return (own, transport) if binary else (transport,)
