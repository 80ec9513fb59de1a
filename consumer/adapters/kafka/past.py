"""What a written outcome tells whoever takes its partition over: read from its headers, its body is not parsed."""

# The library has types for half of itself.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false

from math import isfinite
from typing import Any

from aiokafka import ConsumerRecord

from consumer.core.attribute import PARKED_COMMAND, TRIALS
from consumer.core.encode import DIGEST_HEADER, KIND_HEADER, SENT_AT_HEADER, outcome_type
from consumer.core.ids import Use, fingerprint
from consumer.core.past import Past
from consumer.core.record import Coordinates

_COMMAND = outcome_type(PARKED_COMMAND).encode()
_USED = frozenset((b"accepted", b"unknown"))
_TRIALS = {outcome_type(trial).encode(): trial for trial in TRIALS}
_TRIED = frozenset((b"accepted", b"rejected", b"failed", b"unknown", b"validated"))


def read_past(raw: ConsumerRecord[Any, Any]) -> Past | None:
    """The outcome in a record of the outcome topic; None for what somebody else has written there."""
    headers: dict[str, bytes] = dict(raw.headers)
    try:
        origin = Coordinates(int(headers["ce_originpartition"]), int(headers["ce_originoffset"]))
        kind = headers[KIND_HEADER]
        digest = bytes.fromhex(headers.get(DIGEST_HEADER, b"").decode())
        tenant, request_id = _text(headers, "ce_tenant"), _text(headers, "ce_causationid")
        sent = _sent(headers.get(SENT_AT_HEADER, b""))
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    command = headers.get("ce_type") == _COMMAND
    mark = None if tenant is None or request_id is None else fingerprint(tenant, request_id, command=command)
    trial = _TRIALS.get(headers.get("ce_type", b"")) if kind in _TRIED else None
    use = Use.USED if kind in _USED else Use.FREE
    return Past(raw.timestamp / 1000, tenant, mark, origin, digest, use, sent, trial)


def _text(headers: dict[str, bytes], name: str) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode()


def _sent(value: bytes) -> tuple[tuple[float, int], ...]:
    pairs = (one.partition(b":") for one in value.split(b",") if one)
    return tuple((_finite(float(at)), int(recipients)) for at, _, recipients in pairs)


def _finite(at: float) -> float:
    if not isfinite(at):
        raise ValueError
    return at
