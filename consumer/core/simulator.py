"""Mails that no relay is asked to take: of a tenant in dry run, or to recipients that say how it is to end.

The way is the same up to the relay, so windows, intents and outcomes are those of a real mail.
"""

from dataclasses import dataclass, replace

from consumer.core.letter import Posted
from consumer.core.mail import Address, Mail
from consumer.core.outcome import Invalid, Suppressed
from consumer.core.reply import Reply
from consumer.core.request import Request
from consumer.core.tenant import Mode, Relay, Tenant

# No request and no tenant can name a port 0: who comes here was sent here.
DRY_RUN = Relay("dry-run.invalid", 0)
SIMULATOR = Relay("simulator.invalid", 0)
STAND_INS = frozenset((DRY_RUN, SIMULATOR))

ACCEPTED = "accepted@simulator.invalid"
REJECTED = "rejected@simulator.invalid"
BLOCKED = "blocked@simulator.invalid"
UNKNOWN = "unknown@simulator.invalid"

_TAKEN = Reply(250, "taken by nobody: dry run", "2.0.0")
_SIMULATED = Reply(250, "taken by nobody: simulated", "2.0.0")
_FINE = Reply(250, "recipient ok", "2.1.5")
# A refusal that teaches the suppression list nothing (RFC 3463, 3.8): the next one is to end the same way.
_REFUSED = Reply(550, "refused: simulated", "5.7.1")
_REPLIES = {ACCEPTED: _FINE, REJECTED: _REFUSED, BLOCKED: _REFUSED, UNKNOWN: _FINE}
_MIXED = "/: simulator recipients go only with others of their kind"


@dataclass(frozen=True, slots=True)
class Simulated:
    """How a stand-in answers: to each recipient, and to the body; with `lost` the reply to the body never comes."""

    recipients: tuple[Reply, ...]
    data: Reply | None
    lost: bool = False


def route(  # noqa: PLR0911  each is another way
    posted: Posted | Invalid, request: Request, tenant: Tenant, *, simulate: bool
) -> Posted | Invalid | Suppressed:
    """Where the mail goes: by its relay, or by what the tenant's mode or its recipients say instead.

    `simulate`: an operator has allowed simulator recipients for all tenants.
    """
    if isinstance(posted, Invalid):
        return posted
    written = request.email.recipients
    if (simulate or tenant.simulator) and any(asked := [_plain(address) in _REPLIES for address in written]):
        if not all(asked):
            return Invalid("invalid-request", (_MIXED,))
        if all(_plain(address) == BLOCKED for address in written):
            return Suppressed(written)
        return replace(posted, relay=SIMULATOR)
    if tenant.mode is Mode.LIVE:
        return posted
    if tenant.mode is Mode.DRY_RUN:
        return replace(posted, relay=DRY_RUN)
    if tenant.mode is Mode.REDIRECT_TO and tenant.redirect_to is not None:
        target = Address(tenant.redirect_to)
        return replace(posted, mail=replace(posted.mail, recipients=(target,)), redirected=True)
    return posted


def simulated(mail: Mail, relay: Relay) -> Simulated:
    """The conversation with a stand-in."""
    if relay == DRY_RUN:
        return Simulated((_FINE,) * len(mail.recipients), _TAKEN)
    plain = [_plain(address) for address in mail.recipients]
    replies = tuple(_REPLIES.get(address, _REFUSED) for address in plain)
    taken = any(reply.positive for reply in replies)
    return Simulated(replies, _SIMULATED if taken else None, lost=UNKNOWN in plain)


def _plain(address: str) -> str:
    return address.lower()
