"""The way of one request: decode, admit, resolve, compose, send, conclude.

Each step returns what it found; if that ended the way, it is returned. Whoever forgets an early return
gets a type error on the next line. What is written down, counted and logged hangs on the ending.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from consumer.contents import NOTHING, Contents, Resolver
from consumer.core.conclude import Chance, cancel, conclude, in_doubt, left_out, unsent
from consumer.core.decode import Asked, Refused
from consumer.core.dkim import sign
from consumer.core.ending import Concluded, Ending, Forwarded, Later, Ordered, Skipped
from consumer.core.ladder import next_attempt
from consumer.core.letter import Posted, post
from consumer.core.outcome import Invalid, Suppressed, Unresolvable
from consumer.core.parking import Progress, Reason
from consumer.core.partition import Admitted, Work
from consumer.core.record import Record
from consumer.core.request import Command, Request, Validation
from consumer.core.resolve import Values, discreet
from consumer.core.send_test_email import as_tested
from consumer.core.simulator import route
from consumer.core.suppression import bounced
from consumer.core.tenant import Tenant, Unavailable, UnknownTenant
from consumer.ports import Clock, Tenants, Transport
from consumer.validation import NOBODY, Validating
from consumer.validation import Desk as ValidationDesk


class Desk(ValidationDesk, Protocol):
    """The partition that a request is at: who lives here, who is admitted, who has leave to send."""

    def home(self, tenant: str) -> int:
        """The partition a tenant lives in."""
        ...

    def admit(self, work: Work, request: Request, tenant: Tenant, now: float) -> Admitted | Concluded | Later | Skipped:
        """Whether it may be sent now; its id and slot are taken in the same step."""
        ...

    def screen(self, request: Request, values: Values, progress: Progress) -> Progress:
        """The progress, with an answer for each recipient that must not be written to."""
        ...

    def permit(self, work: Work) -> Awaitable[float | None]:
        """Leave to send: see `ports.Permit`."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """Takes a request from its record to its ending."""

    decode: Callable[[Record], Asked | Refused]
    tenants: Tenants
    transport: Transport
    clock: Clock
    chance: Callable[[], float]
    ladder: tuple[float, ...]
    resolver: Resolver
    validating: Validating
    simulate: bool = False

    async def handle(self, work: Work, desk: Desk) -> Ending:  # noqa: C901, PLR0911  each step may end it
        """The way, once: an ending for whatever can happen on it."""
        request = self.decode(work.record)
        if isinstance(request, Refused):
            return Concluded(request.subject, request.outcome)

        home = desk.home(request.tenant)
        if home != work.record.at.partition and work.record.forwarded_from is None:
            return Forwarded(home)
        if not isinstance(request, Request):
            return await self._no_mail(work, request, desk)
        work.request = request

        tenant = _meant(request, await self.tenants.get(request.tenant))
        if isinstance(tenant, Unavailable):
            return Later(Reason.CONFIG, self.clock.now() + WHILE_DOWN, work.progress)
        if isinstance(tenant, Invalid):
            return Concluded(request.subject, tenant, request.digest, work.progress)

        admitted = desk.admit(work, request, tenant, self.clock.now())
        if not isinstance(admitted, Admitted):
            return admitted

        resolving = self.resolver.of(request.email, tenant.name, work.progress.files)
        contents = NOTHING if resolving is None else await resolving.contents()
        try:
            if not isinstance(contents, Contents):
                return self._without(contents, work, request, tenant)
            progress = contents.pinned(work.progress) if contents.files else work.progress
            work.progress = desk.screen(request, contents.values, progress)
            if len(work.progress.answers) == len(request.email.recipients):
                return left_out(request, tenant, work.progress)

            posted = (
                await self._made_apart(work, request, tenant, contents)
                if tenant.dkim or contents.files or len(work.record.value or b"") > LARGE
                else self._made(work, request, tenant, contents, self.clock.now())
            )
            if not isinstance(posted, Posted):
                return unsent(request, tenant, work.progress, posted)

            attempt = await self.transport.send(posted.mail, posted.relay, partial(desk.permit, work))
            work.bounced = bounced(posted.mail.recipients, attempt)
        finally:
            if resolving is not None:
                resolving.end()
        chance = Chance(self.clock.now(), self.chance(), self.ladder)
        return conclude(request, tenant, posted, work.progress, discreet(attempt, contents.values), chance)

    async def _no_mail(self, work: Work, request: Command | Validation, desk: Desk) -> Ending:
        """The way of what sends nothing."""
        if isinstance(request, Command):
            return Ordered(request)
        return await self.validating.handle(work, request, desk)

    def _without(
        self, missing: Unavailable | Unresolvable, work: Work, request: Request, tenant: Tenant
    ) -> Concluded | Later:
        """How it ends, or waits, that not all that it refers to can be had."""
        if isinstance(missing, Unresolvable):
            return unsent(request, tenant, work.progress, missing)
        return self._until_back(missing, work)

    def _made(
        self, work: Work, request: Request, tenant: Tenant, contents: Contents, now: float
    ) -> Posted | Invalid | Suppressed:
        """The mail to those without an answer, and its way."""
        answered = frozenset(dict(work.progress.answers)) if work.progress.answers else _NO_ANSWERS
        made = post(request, tenant, contents.values, contents.files, answered=answered, now=now)
        return route(made, request, tenant, simulate=self.simulate)

    async def _made_apart(
        self, work: Work, request: Request, tenant: Tenant, contents: Contents
    ) -> Posted | Invalid | Suppressed:
        """The same, signed where its tenant has a key.

        A large one is made off the loop, which would be held for 0.1 s. So is a signature: it takes a millisecond,
        and lets go of the interpreter meanwhile.
        """
        octets = len(work.record.value or b"") + sum([file.octets for file in contents.files])
        make = partial(self._made, work, request, tenant, contents, self.clock.now())
        posted = await asyncio.to_thread(make) if octets > LARGE else make()
        if isinstance(posted, Posted) and tenant.dkim:
            return replace(posted, mail=await asyncio.to_thread(sign, posted.mail, tenant.dkim, self.clock.now()))
        return posted

    def _until_back(self, missing: Unavailable, work: Work) -> Later:
        """What it needs is down. A host that its producer has named counts as an attempt, like a relay; ours do not."""
        reason = _REASONS[missing.what]
        progress = replace(work.progress, last_reason=reason.value)
        if reason is not Reason.ATTACHMENT:
            return Later(reason, self.clock.now() + WHILE_DOWN, progress)
        progress = replace(progress, attempts=progress.attempts + 1)
        due = next_attempt(self.ladder, progress.attempts, now=self.clock.now(), jitter=self.chance())
        return Later(reason, due, progress)

    async def doubt(self, work: Work, lifetime: float) -> Ending:
        """How a request ends, or goes on, whose sender was lost while it had leave to send.

        `lifetime` is that of the leave, in seconds: the lost one may go on for so long if it was only frozen.
        """
        request = self._again(work)
        if isinstance(request, Concluded):
            return request
        tenant = _meant(request, await self.tenants.get(request.tenant))
        work.tenant = tenant if isinstance(tenant, Tenant) else None
        return in_doubt(request, work.tenant, work.progress, self.clock.now() + lifetime)

    async def cancel(self, work: Work) -> Concluded | None:
        """How a parked request ends that is not wanted any more; None where only its tenant could say, who is away."""
        request = self._again(work)
        if isinstance(request, Concluded):
            return request
        if work.progress.sent_at:
            tenant = _meant(request, await self.tenants.get(request.tenant))
            if isinstance(tenant, Invalid):
                return Concluded(request.subject, tenant, request.digest, work.progress)
            work.tenant = tenant if isinstance(tenant, Tenant) else None
        outcome = cancel(request, work.tenant, work.progress)
        return outcome and Concluded(request.subject, outcome, request.digest, work.progress)

    def _again(self, work: Work) -> Request | Concluded:
        """The request of a record that was read before."""
        match self.decode(work.record):
            case Request() as request:
                work.request = request
                return request
            case Refused(subject, outcome):
                return Concluded(subject, outcome)
            case Command() | Validation():  # are never parked, and have no leave to send
                raise AssertionError(work.record.at)


def _meant(request: Request, tenant: Tenant | UnknownTenant | Unavailable) -> Tenant | Invalid | Unavailable:
    """Whose mail it is; of a test with what that says in place of the stored configuration."""
    if isinstance(tenant, UnknownTenant):
        return NOBODY
    if request.test is None or isinstance(tenant, Unavailable):
        return tenant
    return as_tested(request.test, tenant)


_NO_ANSWERS = frozenset[int]()

LARGE = 262_144
"""Octets of a request and its files from which on their mail is made off the loop."""

WHILE_DOWN = 30.0
"""Seconds after which a dependency that was down is asked again."""

_REASONS = {
    "config": Reason.CONFIG,
    "vault": Reason.VAULT,
    "attachment-host": Reason.ATTACHMENT,
    "attachment-room": Reason.ROOM,
}
