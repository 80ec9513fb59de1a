"""The attributes of an outcome, as headers of its record: a CloudEvent in binary mode says by them what it is about."""

from functools import lru_cache

from consumer.core.outcome import Subject
from consumer.core.timestamp import format_timestamp

_CONTENT_TYPE = ("content-type", b"application/json")
_SPEC_VERSION = ("ce_specversion", b"1.0")


def attributes(subject: Subject, source: str) -> list[tuple[str, bytes]]:
    """Of what is not known there is no attribute (CloudEvents 1.0.2, 3.1: an attribute is not empty)."""
    (partition, offset), (origin_partition, origin_offset) = subject.at, subject.origin
    type_, here, there, id_, place = _frame(subject.type, partition, origin_partition, source)
    number = b"%d" % offset
    origin = number if origin_offset == offset else b"%d" % origin_offset
    known = [
        _CONTENT_TYPE,
        _SPEC_VERSION,
        ("ce_id", id_ + origin),
        ("ce_source", place + origin),
        type_,
        here,
        ("ce_offset", number),
        there,
        ("ce_originoffset", origin),
    ]
    if subject.tenant is not None:
        known.append(("ce_tenant", subject.tenant.encode()))
    if subject.id is not None:
        known.append(("ce_causationid", subject.id.encode()))
    if subject.correlation_id is not None:
        known.append(("ce_correlationid", subject.correlation_id.encode()))
    if subject.traceparent is not None:
        known.append(("ce_traceparent", subject.traceparent.encode()))
    if subject.tracestate is not None:
        known.append(("ce_tracestate", subject.tracestate.encode()))
    return known


@lru_cache(maxsize=256)
def _frame(
    request: str | None, partition: int, origin: int, source: str
) -> tuple[tuple[str, bytes], tuple[str, bytes], tuple[str, bytes], bytes, bytes]:
    """What all outcomes of a type and a partition have in common; of id and source, all but the offset."""
    here, there = b"%d" % partition, b"%d" % origin
    type_ = outcome_type(request).encode()
    attributes = ("ce_type", type_), ("ce_partition", here), ("ce_originpartition", there)
    return *attributes, there + b":", f"{source}/{origin}/".encode()


@lru_cache(maxsize=16)
def time(now: float) -> tuple[str, bytes]:
    """When it was written: the same for all that is written in one go."""
    return "ce_time", format_timestamp(now).encode()


@lru_cache(maxsize=16)
def outcome_type(request: str | None) -> str:
    """`email.send-email.v1` is answered by `email.send-email.outcome.v1`."""
    if request is None:
        return "email.unknown.outcome.v1"
    name, _, version = request.rpartition(".")
    return f"{name}.outcome.{version}"
