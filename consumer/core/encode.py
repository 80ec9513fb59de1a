"""An outcome as its readers get it: a CloudEvent in binary mode.

The attributes (headers that begin with `ce_`) say what it is about; the headers that begin
with `x-` are the journal's: whoever takes a partition over restores ids and windows from
headers alone. The body is `schemas/send-email.outcome.v1.json`, or that of the type that was asked for.
"""

import math
from binascii import hexlify
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

import orjson

from consumer.core.about import attributes, time
from consumer.core.attribute import VALIDATE_CREDENTIALS
from consumer.core.outcome import (
    Accepted,
    Cancelled,
    Declined,
    Duplicate,
    Expired,
    Failed,
    Invalid,
    Obeyed,
    Outcome,
    RateLimited,
    Refusal,
    Rejected,
    Subject,
    Suppressed,
    Timed,
    Unknown,
    Unresolvable,
    Validated,
    Why,
    kind_of,
)
from consumer.core.parked_command import Verb
from consumer.core.probe import WORDS
from consumer.core.record import Headers
from consumer.core.remedy import remedy_of, remedy_of_token
from consumer.core.reply import BLOCKED, Blocked, Reply
from consumer.core.timestamp import format_timestamp

KIND_HEADER = "x-kind"
"""How the request ended, from the closed set of `kind`."""
SENT_AT_HEADER = "x-sent-at"
"""When a relay took a body, and for how many recipients: `seconds since the epoch:recipients`, joined by commas."""
DIGEST_HEADER = "x-digest"
"""The digest of the request, in hexadecimal digits."""

Body: TypeAlias = dict[str, object]

_ACCEPTED = (KIND_HEADER, b"accepted")
_MAX_RESPONSE = 1000
_ON_THE_LIST = "not sent: the recipient is on the tenant's suppression list"
_ALL_RESPONSES = 100_000  # with 1,000 recipients of full length an outcome still fits into Kafka's default of 1 MB


def outcome_event(
    subject: Subject,
    outcome: Outcome,
    *,
    source: str,
    now: float,
    digest: bytes | None = None,
    sent: tuple[tuple[float, int], ...] = (),
) -> tuple[Headers, bytes]:
    """Headers and value of the outcome's record. `source` names group and topic as a URI reference.

    The id comes from the coordinates of the request: written twice, it is the same event.
    """
    headers = attributes(subject, source)
    if isinstance(outcome, Accepted):  # nearly all: nobody has to look what it is again
        ended, body = _ACCEPTED, _accepted(outcome)
    else:
        ended, body = (KIND_HEADER, kind(outcome).encode()), _body(outcome)
    headers += (time(now), ended)
    if sent:
        told = ""
        for at, recipients in sent:
            told += f",{at!r}:{recipients}"
        headers.append((SENT_AT_HEADER, told[1:].encode()))
    if digest is not None:
        headers.append((DIGEST_HEADER, hexlify(digest)))
    if subject.type == VALIDATE_CREDENTIALS:  # the first seed's answer, however the request ended
        body["success"] = isinstance(outcome, Validated)
    return tuple(headers), orjson.dumps(body)


def kind(outcome: Outcome) -> str:
    """Its name in the headers, from a closed set; its `type` says which of three that have several it is."""
    match outcome:
        case Duplicate():
            return "duplicate"
        case Invalid():
            return "invalid"
        case Declined():
            return "declined"
        case _:
            return kind_of(outcome)


def _body(outcome: Outcome) -> Body:  # noqa: C901, PLR0911, PLR0912 - a case for each ending
    match outcome:
        case Accepted():
            return _accepted(outcome)
        case Rejected():
            return _rejected(outcome)
        case Suppressed(recipients):
            text = "All recipients are blocked: too many bounces or complaints."
            blocked = tuple(Refusal(recipient, BLOCKED) for recipient in recipients)
            return _failed(429, "blocked", text, {"accepted": [], **_refusals(blocked)})
        case RateLimited(retry_after):
            seconds = math.ceil(max(retry_after, 0))
            text = f"The tenant's limit is reached; there is room again in {seconds} s."
            return _failed(429, "rate-limited", text, {"retryAfter": seconds})
        case Expired():
            return _expired(outcome)
        case Duplicate():
            return _duplicate(outcome)
        case Invalid(type, errors):
            return _failed(404 if type == "unknown-tenant" else 400, type, _listed(errors), {"errors": errors})
        case Unresolvable(type, errors, too_large):
            return _failed(413 if too_large else 424, type, _listed(errors), {"errors": errors})
        case Unknown(reason, message_id, at):
            text = "The relay may or may not have the mail, and nobody can find out."
            more: Body = {"reason": reason, "messageId": message_id, "sentAt": format_timestamp(at)}
            return _failed(504, "unknown", text, more)
        case Failed():
            return _failure(outcome)
        case Validated():
            return _validated(outcome)
        case Cancelled():
            return _cancelled(outcome)
        case Obeyed(command, id_):
            return {"status": 204, "message": _DONE[command], "command": command, "id": id_}
        case Declined(type, command, id_):
            status, text = _DECLINED[type]
            return _failed(status, type, text, {"command": command, "id": id_})


def _accepted(outcome: Accepted) -> Body:
    accepted, rejected = outcome.accepted, outcome.rejected
    asked, refused = accepted, _NONE_REFUSED
    if rejected:
        asked = (*accepted, *[one.recipient for one in rejected if not isinstance(one.reply, Blocked)])
        refused = _refusals(rejected)
    return {
        "status": 204,
        "message": _taken(len(accepted), len(accepted) + len(rejected)),
        "accepted": accepted,
        **refused,
        "envelope": {"from": outcome.sender, "to": asked},
        "response": _legible(outcome.response, _MAX_RESPONSE),
        "messageId": outcome.message_id,
        "sentAt": format_timestamp(outcome.at),
    }


@lru_cache(maxsize=64)
def _taken(accepted: int, number: int) -> str:
    return f"The relay accepted the mail for {accepted} of {number} recipients."


def _rejected(outcome: Rejected) -> Body:
    response = _legible(str(outcome.reply), _MAX_RESPONSE)
    more: Body = {"accepted": [], **_refusals(outcome.rejected), "response": response}
    if outcome.message_id is not None:
        more["messageId"] = outcome.message_id
    return _failed(422, "rejected", f"The relay refused the mail for good: {response}", more)


def _expired(outcome: Expired) -> Body:
    text = f"No relay took the mail in time; the last reason was: {outcome.last_reason}"
    if not outcome.last_reason:
        text = "Its time was up before anything was done."
    more: Body = {"reason": outcome.last_reason, "attempts": outcome.attempts, "accepted": []}
    return _failed(408, "expired", _legible(text, _MAX_RESPONSE), {**more, **_refusals(outcome.rejected)})


def _cancelled(outcome: Cancelled) -> Body:
    text = "The request was cancelled before a relay took the mail."
    more: Body = {"reason": outcome.last_reason, "attempts": outcome.attempts, "accepted": []}
    return _failed(410, "cancelled", text, {**more, **_refusals(outcome.rejected)})


def _failure(outcome: Failed) -> Body:
    reply = outcome.reply
    if reply is None:
        words, remedy = WORDS.get(outcome.reason, outcome.reason), remedy_of_token(outcome.reason)
    else:
        words, remedy = f"the relay said {reply}", remedy_of(reply)
    status = 503 if outcome.stage == "config" else 422 if outcome.credentials else 502
    more = _reached(outcome.stages, reply) | {"stage": outcome.stage, "reason": outcome.reason}
    text = _legible(f"It came as far as {outcome.stage}: {words}", _MAX_RESPONSE)
    text = f"{text} ({remedy})" if remedy else text
    return _failed(status, f"{outcome.stage}-failed", text, more)


def _validated(outcome: Validated) -> Body:
    text = "The relay took the login." if outcome.login else "The relay can be used; there was nothing to log in with."
    return {"status": 204, "message": text, **_reached(outcome.stages, outcome.reply)}


def _reached(stages: tuple[Timed, ...], reply: Reply | None) -> Body:
    body: Body = {}
    if stages:
        body["stage"] = stages[-1].name
        body["stages"] = [{"stage": one.name, "ms": round(one.seconds * 1000, 1)} for one in stages]
    if reply is not None:
        body["response"] = _legible(str(reply), _MAX_RESPONSE)
    return body


_DONE: Mapping[Verb, str] = {
    "cancel": "The parked request has ended; its own outcome says how.",
    "promote": "The parked request is due now.",
}
_DECLINED: Mapping[Why, tuple[int, str]] = {
    "not-parked": (404, "No request with this id is parked for this tenant."),
    "in-flight": (409, "The request is being worked on at this moment."),
    "window-full": (409, "The request waits for a slot of its tenant's window, and no command exceeds a limit."),
    "queued": (409, "The request stands in its tenant's queue, which keeps its order."),
    "expired": (408, "The command's time was up before it was read."),
    "config-unavailable": (503, "A part was sent, and without its tenant's configuration nobody can say how it ended."),
}


def _duplicate(outcome: Duplicate) -> Body:
    same = outcome.type == "duplicate"
    text = "This request was taken before." if same else "Another request was taken before under this id."
    return _failed(409, outcome.type, text, {"original": outcome.original._asdict()})


def _failed(status: int, type_: str, error: str, more: Mapping[str, object]) -> Body:
    return {"status": status, "type": type_, "error": error, "message": error, **more}


def _listed(errors: tuple[str, ...]) -> str:
    return "; ".join(errors)


_NONE_REFUSED: Mapping[str, object] = {"rejected": (), "rejectedErrors": ()}


def _refusals(refusals: tuple[Refusal, ...]) -> Mapping[str, object]:
    if not refusals:
        return _NONE_REFUSED
    room = min(_MAX_RESPONSE, _ALL_RESPONSES // len(refusals))
    return {
        "rejected": [refusal.recipient for refusal in refusals],
        "rejectedErrors": [_refusal(refusal, room) for refusal in refusals],
    }


def _refusal(refusal: Refusal, room: int) -> Body:
    reply = refusal.reply
    if isinstance(reply, Blocked):  # no relay was asked, so there is no code
        return {"recipient": refusal.recipient, "type": "blocked", "response": _ON_THE_LIST}
    enhanced = {} if reply.enhanced is None else {"enhancedCode": reply.enhanced}
    return {"recipient": refusal.recipient, "code": reply.code, **enhanced, "response": _legible(str(reply), room)}


def _legible(text: str, room: int) -> str:
    """What a relay said need not be UTF-8, nor short."""
    text = text[:room]
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
