"""The way of a validation: admit, look at the tenant, connect and log in, tell.

It sends nothing, so that one which was lost with its process is simply carried out again. Nothing of it waits: what
is down is its answer, for somebody sits there and wants to know.
"""

from dataclasses import dataclass
from typing import Protocol

from consumer.core.access import missing, relay_of_access
from consumer.core.ending import Concluded, Ending, Skipped
from consumer.core.outcome import Failed, Invalid, Outcome, Validated
from consumer.core.partition import Admitted, Work
from consumer.core.probe import Probed, Reached, discreet_reply
from consumer.core.request import Validation
from consumer.core.tenant import Relay, Unavailable, UnknownTenant
from consumer.ports import Clock, Prober, Tenants


class Desk(Protocol):
    """The partition that a validation is at."""

    def admit_validation(self, work: Work, request: Validation, now: float) -> Admitted | Concluded | Skipped:
        """Whether it may be carried out now."""
        ...


@dataclass(frozen=True, slots=True)
class Validating:
    """Takes a validation from its request to its ending."""

    tenants: Tenants
    prober: Prober
    clock: Clock

    async def handle(self, work: Work, request: Validation, desk: Desk) -> Ending:
        """The way, once."""
        work.request = request
        tenant = await self.tenants.get(request.tenant)
        if isinstance(tenant, Unavailable):
            return _concluded(request, NOT_NOW)
        if isinstance(tenant, UnknownTenant):
            return _concluded(request, NOBODY)

        errors = missing(request.access, tenant)
        if errors:
            return _concluded(request, Invalid("invalid-request", errors))

        admitted = desk.admit_validation(work, request, self.clock.now())
        if not isinstance(admitted, Admitted):
            return admitted

        relay = relay_of_access(request.access, tenant)
        return _concluded(request, _told(request, relay, await self.prober.probe(relay)))


NOBODY = Invalid("unknown-tenant", ("tenant: not configured",))
NOT_NOW = Failed("config", "config-unavailable")


def _told(request: Validation, relay: Relay, probed: Probed) -> Outcome:
    reply = discreet_reply(probed.reply, relay, own_user=request.access.smtp_user is not None)
    if isinstance(probed, Reached):
        return Validated(probed.stages, relay.user is not None, reply)
    return Failed(probed.stages[-1].name, probed.reason, reply, probed.stages)


def _concluded(request: Validation, outcome: Outcome) -> Concluded:
    return Concluded(request.subject, outcome, request.digest)
