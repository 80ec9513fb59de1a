"""What an attempt means for its request: an outcome, or another attempt later."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from consumer.core.attempt import Answered, Attempt, InDoubt, Lapsed, NotSent, Stage, Withheld
from consumer.core.ending import Again, Concluded, Ending, Later
from consumer.core.frozen import frozen
from consumer.core.ladder import LADDER, next_attempt
from consumer.core.letter import Posted, sender_of, signed
from consumer.core.network import NOT_ALLOWED
from consumer.core.outcome import (
    Accepted,
    Cancelled,
    Expired,
    Failed,
    Invalid,
    Outcome,
    Refusal,
    Rejected,
    Suppressed,
    Unknown,
    Unresolvable,
)
from consumer.core.parking import Progress, Reason
from consumer.core.probe import discreet_reply, place
from consumer.core.remedy import codes, said, why
from consumer.core.reply import Answer, Meaning, Reply, meaning
from consumer.core.request import Request
from consumer.core.tenant import Tenant

RELAY_NOT_ALLOWED = Unresolvable("connection-not-allowed", ("/connection/server: not allowed",))

OUT_OF_TIME = Reply(450, "not accepted before the request expired", "4.4.7")  # RFC 3463, 3.5: delivery time expired
TAKEN_BACK = Reply(450, "not accepted before the request was cancelled")
NOBODY_KNOWS = Reply(450, "nobody knows whether it was accepted before the request ended")

LOOK_AGAIN = 60.0
"""Seconds after which a request looks again whether its relay is still left alone: other credentials are another way."""

SPREAD = 0.5
"""By how much of their wait requests are spread that wait for the same relay."""

_VERDICTS = frozenset({Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.BODY})
"""Where a permanent reply is about this mail; before that it is about us or the relay, and somebody can mend it."""


@frozen
class Chance:
    """What a decision needs from the world: the time, and a number in [0, 1] for the jitter."""

    now: float
    jitter: float
    ladder: Sequence[float] = LADDER


def conclude(  # noqa: C901, PLR0911  a way to end a line
    request: Request, tenant: Tenant, posted: Posted, progress: Progress, attempt: Attempt, chance: Chance
) -> Ending:
    """How the request ends or goes on after this attempt."""
    match attempt:
        case Answered():
            progress = _after(progress, posted, attempt)
            if len(progress.answers) < len(request.email.recipients):
                if request.test is not None:
                    return _told(request, posted, progress, _last_word(attempt))
                return _retry(progress, chance)
            outcome = finish(request, tenant, progress, identity=posted.mail.message_id)
            return Concluded(request.subject, outcome, request.digest, progress)
        case NotSent():
            return _not_sent(request, tenant, posted, progress, attempt, chance)
        case InDoubt():
            return in_doubt(request, tenant, progress, chance.now)
        case Lapsed():
            return Again()
        case Withheld() if request.test is not None:
            stage = Stage.AUTH if attempt.reason.startswith("token-") else Stage.CONNECT
            return _told(request, posted, progress, NotSent(stage, attempt.reason))
        case Withheld():
            return _left_alone(progress, attempt, chance)


def finish(
    request: Request, tenant: Tenant, progress: Progress, rest: Reply = OUT_OF_TIME, *, identity: str | None = None
) -> Outcome:
    """The outcome of a request whose recipients all have their final answer, or that has run out of time.

    Recipients without an answer get `rest`. `identity` is the Message-ID, where it is at hand.
    """
    written = request.email.recipients
    taken: list[str] = []
    for index, reply in progress.answers:
        if reply.positive:
            taken.append(written[index])
    accepted = tuple(taken)
    refused = () if len(accepted) == len(written) else _refusals(written, dict(progress.answers), rest)
    if accepted and progress.sent_at:
        response = str(progress.response or Reply(250, ""))
        sender = sender_of(request, tenant)
        identity = identity or signed(request, tenant)[1]
        return Accepted(accepted, refused, sender, response, identity, progress.sent_at[-1][0])
    if len(progress.answers) < len(written):
        told = tuple(one for one in refused if one.reply is not rest)
        return Expired(progress.last_reason, progress.attempts, told)
    said = [one.reply for one in refused if isinstance(one.reply, Reply)]
    return Rejected(said[-1], refused, signed(request, tenant)[1]) if said else Suppressed(written)


def _refusals(written: tuple[str, ...], final: Mapping[int, Answer], rest: Reply) -> tuple[Refusal, ...]:
    answers = ((address, final.get(index, rest)) for index, address in enumerate(written))
    return tuple(Refusal(address, answer) for address, answer in answers if not answer.positive)


def left_out(request: Request, tenant: Tenant, progress: Progress) -> Concluded:
    """How a request ends whose last recipients are blocked: what went out before stays said."""
    outcome = finish(request, tenant, progress)
    if progress.sent_at and not isinstance(outcome, Accepted):  # it was to be sent again, and is not
        outcome = Unknown(progress.last_reason, signed(request, tenant)[1], progress.sent_at[-1][0])
    return Concluded(request.subject, outcome, request.digest, progress)


def cancel(request: Request, tenant: Tenant | None, progress: Progress) -> Outcome | None:
    """The outcome of a request that is not wanted any more: what went out stays said, for which the tenant is needed."""
    accepted, in_doubt = _went_out(progress)
    if accepted:
        return None if tenant is None else finish(request, tenant, progress, NOBODY_KNOWS if in_doubt else TAKEN_BACK)
    if in_doubt:
        return _unknown(request, tenant, progress)
    written = request.email.recipients
    refused = tuple(Refusal(written[index], reply) for index, reply in progress.answers)
    return Cancelled(progress.last_reason, progress.attempts, refused)


def unsent(
    request: Request, tenant: Tenant, progress: Progress, outcome: Invalid | Unresolvable | Suppressed
) -> Concluded:
    """How a request ends that nothing more can be sent for: by that outcome, unless an earlier attempt sent something."""
    accepted, in_doubt = _went_out(progress)
    told: Outcome = outcome
    if accepted:
        why = "blocked" if isinstance(outcome, Suppressed) else outcome.type
        rest = Reply(554, f"not accepted before it could not be sent any more: {why}")
        told = finish(request, tenant, progress, NOBODY_KNOWS if in_doubt else rest)
    elif in_doubt:
        told = _unknown(request, tenant, progress)
    return Concluded(request.subject, told, request.digest, progress)


def _went_out(progress: Progress) -> tuple[bool, bool]:
    """Whether a relay took it for somebody, and whether nobody knows for somebody else: it was to be sent again."""
    accepted = sum(reply.positive for _, reply in progress.answers)
    return accepted > 0, sum(recipients for _, recipients in progress.sent_at) > accepted


def _unknown(request: Request, tenant: Tenant | None, progress: Progress) -> Unknown:
    identity = signed(request, tenant)[1] if tenant else None
    return Unknown(progress.last_reason, identity, progress.sent_at[-1][0])


def _after(progress: Progress, posted: Posted, attempt: Answered) -> Progress:
    data = attempt.data
    answers: list[tuple[int, Answer]] = []
    taken = 0
    reason = "" if data is None else codes("data", data.code, data.enhanced)
    replies = posted.replies(attempt.recipients) if posted.redirected else attempt.recipients
    for index, reply in zip(posted.indices, replies, strict=True):
        final = data if data is not None and 200 <= reply.code < 300 else reply
        if 200 <= final.code < 300:
            taken += 1
            answers.append((index, reply))
        elif final.transient:
            reason = said("rcpt" if final is reply else "data", final)
        else:
            answers.append((index, final))
    sent = ((attempt.at, taken),) if taken else ()
    return Progress(  # every field, for each mail comes here: `replace` takes as long as all the rest of this
        progress.attempts + 1,
        (*progress.answers, *answers),
        data if taken else progress.response,
        (*progress.sent_at, *sent),
        reason,
        progress.files,
        progress.promoted,
    )


def _not_sent(
    request: Request, tenant: Tenant, posted: Posted, progress: Progress, attempt: NotSent, chance: Chance
) -> Ending:
    progress = replace(progress, attempts=progress.attempts + 1)
    answer = _verdict(attempt)
    if answer is not None:
        return _refused(request, tenant, posted, progress, posted.replies((answer,))[0])
    if request.test is not None:
        return _told(request, posted, progress, attempt)
    if attempt.reason == NOT_ALLOWED:
        return _not_allowed(request, tenant, progress, chance)
    return _retry(replace(progress, last_reason=why(attempt)), chance)


def _last_word(attempt: Answered) -> NotSent:
    """Where it ended that the mail was refused for now."""
    refused = next((reply for reply in attempt.recipients if not reply.positive), None)
    return NotSent(Stage.DATA if refused is None else Stage.RCPT, "refused", refused or attempt.data)


def _told(request: Request, posted: Posted, progress: Progress, attempt: NotSent) -> Concluded:
    """A test is not tried again: somebody waits for what is said now."""
    own_user = request.test is not None and request.test.smtp_user is not None
    reply = discreet_reply(attempt.reply, posted.relay, own_user=own_user)
    outcome = Failed(place(attempt), attempt.reason, reply)
    return Concluded(request.subject, outcome, request.digest, progress)


def _verdict(attempt: NotSent) -> Reply | None:
    """The relay's refusal for good of this very mail, if it is one."""
    reply = attempt.reply
    if reply is None or reply.transient or attempt.stage not in _VERDICTS:
        return None
    # That we are not logged in is ours to mend, wherever the relay says so.
    return None if meaning(reply) is Meaning.BAD_CREDENTIALS else reply


def _refused(request: Request, tenant: Tenant, posted: Posted, progress: Progress, reply: Reply) -> Concluded:
    refused = tuple((index, reply) for index in posted.indices)
    progress = replace(progress, answers=(*progress.answers, *refused), last_reason=said("relay", reply))
    return Concluded(request.subject, finish(request, tenant, progress), request.digest, progress)


def in_doubt(request: Request, tenant: Tenant | None, progress: Progress, at: float) -> Concluded | Later:
    """A body went out, or may have, and no reply came back. It counts as sent at `at`, and goes again no earlier."""
    open_ = len(request.email.recipients) - len(progress.answers)
    sent = (*progress.sent_at, (at, open_))
    progress = replace(progress, attempts=progress.attempts + 1, sent_at=sent, last_reason="in doubt")
    if (request.email.on_unknown or (tenant and tenant.on_unknown)) == "resend":
        return Later(Reason.RESEND, at, progress)
    identity = signed(request, tenant)[1] if tenant else None
    return Concluded(request.subject, Unknown(progress.last_reason, identity, at), request.digest, progress)


def _not_allowed(request: Request, tenant: Tenant, progress: Progress, chance: Chance) -> Ending:
    """Who names a relay that we do not connect to is told so; of a tenant's own an operator may think better."""
    if request.email.connection is not None:
        return unsent(request, tenant, progress, RELAY_NOT_ALLOWED)
    return _retry(replace(progress, last_reason=NOT_ALLOWED), chance, Reason.NOT_ALLOWED)


def _retry(progress: Progress, chance: Chance, reason: Reason = Reason.RETRY) -> Later:
    due = next_attempt(chance.ladder, progress.attempts, now=chance.now, jitter=chance.jitter)
    return Later(reason, due, progress)


def _left_alone(progress: Progress, withheld: Withheld, chance: Chance) -> Later:
    """That is no attempt of this request's. It comes again soon: its tenant may have mended what was wrong."""
    until = min(withheld.until, chance.now + LOOK_AGAIN)
    due = until + chance.jitter * SPREAD * max(0.0, until - chance.now)
    return Later(Reason.CIRCUIT, due, replace(progress, last_reason=withheld.reason))
