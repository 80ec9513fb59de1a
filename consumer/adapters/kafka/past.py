"""What a written outcome tells whoever takes its partition over: read from its headers, its body is not parsed."""

from binascii import unhexlify
from functools import lru_cache
from math import isfinite

from consumer.adapters.kafka.batches import Raw
from consumer.core.about import outcome_type
from consumer.core.attribute import PARKED_COMMAND, TRIALS
from consumer.core.encode import DIGEST_HEADER, KIND_HEADER, SENT_AT_HEADER
from consumer.core.ids import Use, fingerprint
from consumer.core.past import Past
from consumer.core.record import Coordinates

_COMMAND = outcome_type(PARKED_COMMAND).encode()
_USED = frozenset((b"accepted", b"unknown"))
_TRIALS = {outcome_type(trial).encode(): trial for trial in TRIALS}
_TRIED = frozenset((b"accepted", b"rejected", b"failed", b"unknown", b"validated"))


def read_past(record: Raw) -> Past | None:
    """The outcome in a record of the outcome topic; None for what somebody else has written there."""
    headers = dict(record.headers)
    try:
        origin = Coordinates(_number(headers["ce_originpartition"]), _number(headers["ce_originoffset"]))
        kind = headers[KIND_HEADER]
        digest = unhexlify(headers.get(DIGEST_HEADER) or b"")
        tenant, request_id = _tenant(headers.get("ce_tenant")), headers.get("ce_causationid")
        sent = _sent(headers.get(SENT_AT_HEADER) or b"")
        named = headers.get("ce_type")
        mark = None
        if tenant is not None and request_id is not None:
            mark = fingerprint(tenant, request_id.decode(), command=named == _COMMAND)
    except (KeyError, ValueError, TypeError):
        return None
    trial = _TRIALS.get(named or b"") if kind in _TRIED else None
    use = Use.USED if kind in _USED else Use.FREE
    return Past(record.timestamp / 1000, tenant, mark, origin, digest, use, sent, trial)


def _number(value: bytes | None) -> int:
    return int(value)  # pyright: ignore[reportArgumentType]


@lru_cache(maxsize=1024)
def _tenant(value: bytes | None) -> str | None:
    """A tenant's name, once: it is in every one of its outcomes, and kept with each."""
    return None if value is None else value.decode()


def _sent(value: bytes) -> tuple[tuple[float, int], ...]:
    if not value:
        return ()
    return tuple([_body(one) for one in value.split(b",") if one]) if b"," in value else (_body(value),)


def _body(value: bytes) -> tuple[float, int]:
    at, _, recipients = value.partition(b":")
    when = float(at)
    if not isfinite(when):
        raise ValueError
    return when, int(recipients)
