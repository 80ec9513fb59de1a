"""The state of an owned partition, and every change it can make.

Nothing here waits: each method reads and stores in one step, and that is what makes it atomic. What a method has
decided is in force at once in memory, and in Kafka with the tick that `cut` hands out and `confirm` or `refuse` ends.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from consumer.core import metadata
from consumer.core.attribute import TRIALS
from consumer.core.bounce_rate import Level, next_hour
from consumer.core.conclude import finish
from consumer.core.ending import Concluded, Ending, Forwarded, Later, Skipped
from consumer.core.flights import Flights
from consumer.core.ids import Ids, Seen, Use, fingerprint
from consumer.core.metadata import LONGEST, encode
from consumer.core.outcome import Accepted, Expired, RateLimited, Subject, Unknown
from consumer.core.parking import Entry, Parking, Reason
from consumer.core.past import Past
from consumer.core.record import Record
from consumer.core.request import Request, Validation
from consumer.core.runs import Runs
from consumer.core.suppression import Policy
from consumer.core.suppression_list import NOTHING_LEARNT, SuppressionList
from consumer.core.tenant import HOUR, Limit, Mode, Tenant
from consumer.core.tick import Tick
from consumer.core.trials import DEFAULT_LIMITS, Trials, trial_of
from consumer.core.window import Windows
from consumer.core.work import Work

ROOM = 1_500
"""Offsets that may be under way at once; fewer where the metadata could not list them (`metadata.room`)."""

DAY = 86_400.0

LOOK_AT_HELD = 60.0
"""Seconds after which a request on hold looks at its tenant's mode again."""

_TOLD = (Concluded, Later)
_USING = (Accepted, Unknown)
_USED, _FREE = Use.USED, Use.FREE
_HOLD = Mode.HOLD

WORTHWHILE = 20
"""Requests of a queue that are read again in one go, while others of the same tenant are in flight."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """It may be sent now: its id and its slot are taken."""


ADMITTED = Admitted()


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long things are kept, in seconds: ids after their request ended, sends for the windows, requests at most.

    `trials` is how many of each type a tenant has in an hour.
    """

    ids: float = DAY
    sends: float = DAY
    requests: float = DAY
    trials: Mapping[str, int] = field(default_factory=lambda: DEFAULT_LIMITS)


class Partition:
    """One partition in its owner's memory."""

    def __init__(
        self,
        number: int,
        position: int,
        nonce: str,
        keeping: Keeping,
        suppression: Policy | None = None,
        overtaken: Iterable[tuple[int, int]] = (),
    ) -> None:
        self.number = number
        self.position = position
        self.nonce = nonce
        self.parking = Parking(number)
        self.listed = None if suppression is None else SuppressionList(suppression)
        self.ids = Ids(keeping.ids, self.parking.holder)
        self.intents: set[int] = set()  # granted, or asked for
        self.asked: dict[int, None] = {}  # in the order of asking
        self._keeping = keeping
        self._flights = Flights()
        self._windows: dict[str, Windows] = {}
        self.limited: dict[str, tuple[Limit, ...]] = {}
        self._trials = Trials(keeping.trials)
        self._unsettled: set[int] = set()  # until their ending is committed
        self._unended = Runs()  # of them, those whose ending is in no tick yet
        self._overtaken = Runs.of(overtaken)  # at or above the position, and taken all the same
        self._ahead: set[int] = set()  # of them, those whose ending is in no tick yet
        self._ticks = 0
        self._advanced = False
        self._lapsed = False
        self._outcomes: list[Concluded] = []
        self._parked: list[Entry | int] = []
        self._forwards: list[tuple[int, Record]] = []
        self._settled: list[int] = []

    # taking

    @property
    def room(self) -> int:
        """How many more may be taken in their turn."""
        overtaken = metadata.octets_overtaken(self._overtaken, len(self._ahead), self.position)
        octets = metadata.LIST - max(metadata.RESERVED, overtaken)
        settling = len(self._unsettled) - len(self._unended)
        return metadata.room(self._below, self._lowest, self.position, ROOM, octets) - settling

    def room_for(self, offset: int) -> bool:
        """Whether the record there may be taken out of its turn."""
        overtaken = metadata.octets_overtaken(self._overtaken, len(self._ahead), self.position, offset)
        below = metadata.octets_below(self._below, self._lowest, self.position)
        return overtaken <= metadata.OVERTAKEN and below + overtaken <= metadata.LIST

    @property
    def _below(self) -> int:
        """How many are listed below the position."""
        return len(self._unended) - len(self._ahead)

    @property
    def _lowest(self) -> int:
        """From where on they are."""
        lowest = self._unended.lowest
        return self.position if lowest is None else min(lowest, self.position)

    @property
    def under_way(self) -> int:
        return len(self._unsettled)

    def take(self, record: Record) -> Work | None:
        """The record is ours to end; None for one that was taken before."""
        offset = record.at.offset
        if offset < self.position:
            return None
        self.position = offset + 1
        self._advanced = True
        if self._overtaken:
            before = offset in self._overtaken
            self._overtaken.drop_below(self.position)
            self._ahead.discard(offset)
            if before:
                return None
        return self.resume(record)

    def overtake(self, record: Record) -> Work | None:
        """The same for one from further on that there is `room_for`; those before it come in their turn."""
        offset = record.at.offset
        if offset <= self.position:
            return self.take(record)
        if offset in self._overtaken:
            return None
        self._overtaken.add(offset)
        return self.resume(record)

    def resume(self, record: Record, *, lost: bool = False) -> Work:
        """A record that was taken and that a former owner had not settled; it may have been at it (`lost`)."""
        offset = record.at.offset
        self._unsettled.add(offset)
        self._unended.add(offset)
        if offset >= self.position:
            self._ahead.add(offset)
        return Work(record, lost=lost)

    def unpark(self, entry: Entry, record: Record) -> Work:
        """A parked request whose time has come."""
        return Work(record, entry.progress, resend=entry.reason is Reason.RESEND)

    # admission

    def admit(
        self, work: Work, request: Request, tenant: Tenant, now: float, *, spare: int
    ) -> Admitted | Concluded | Later | Skipped:
        """Whether it may be sent now. Takes the id and a slot, or says how it ends or waits.

        `spare` is how many more requests this process may have in flight.
        """
        ended = self._open(work, request)
        if ended is not None:
            return ended
        work.request, work.tenant = request, tenant
        if now >= self._deadline(work):
            return self.expired(work)
        if request.test is not None:
            return self._test(work, request, tenant, now)
        if (later := self._not_yet(work, request, tenant, now)) is not None:
            return later
        parked = self.parking.numbers or self.parking.queues
        if work.surplus or (parked and self._behind(work, tenant, now, spare)):
            return self._queue(work, request, tenant, now)
        admitted = self._slot(work, request, tenant, now)
        if admitted is ADMITTED and not work.flying:
            self._flights.take_off(work, tenant.name, now)
        return admitted

    def admit_validation(self, work: Work, request: Validation, now: float) -> Admitted | Concluded | Skipped:
        """Whether it may be carried out now: it never waits."""
        if (ended := self._open(work, request)) is not None:
            return ended
        work.request = request
        if now >= self._deadline(work):
            return self.expired(work)
        return self._try(work, request, now) or ADMITTED

    def _open(self, work: Work, request: Request | Validation) -> Concluded | Skipped | None:
        """Take the id; or what became of the request that has it."""
        used = self.ids.open(request.mark, request.subject.origin, request.digest, offset=work.offset)
        if used is None:
            return None
        return Skipped() if isinstance(used, Seen) else Concluded(request.subject, used)

    def _test(self, work: Work, request: Request, tenant: Tenant, now: float) -> Admitted | Concluded:
        """A test mail stands in no queue: nobody waits for one that comes late. It counts like any other mail, too."""
        if (refused := self._try(work, request, now)) is not None:
            return refused
        full = self.windows(tenant.name).take(work.offset, 1, limits_of(request, tenant), now)
        if full is not None:
            return _limited(work, (full.until or now + 1) - now)
        if not work.flying:
            self._flights.take_off(work, tenant.name, now)
        return ADMITTED

    def _try(self, work: Work, request: Request | Validation, now: float) -> Concluded | None:
        if work.lost:
            self._trials.lost(request.subject, now)
            work.lost = False
        wait = self._trials.take(work.offset, request.subject, now)
        return None if wait is None else _limited(work, wait)

    def _behind(self, work: Work, tenant: Tenant, now: float, spare: int) -> bool:
        """Whether others of its tenant come first: parked ones that were taken before it, or those that are under way."""
        if self.parking.queued(tenant.name, before=work.offset):
            return True
        again = not work.flying and work.offset in self.parking
        return again and self._flights.full(tenant.name, self._room_for(spare), now)

    def _not_yet(self, work: Work, request: Request, tenant: Tenant, now: float) -> Later | None:
        """Why it waits before anything is looked at that others also want."""
        if request.email.send_at is not None and request.email.send_at > now and not work.progress.promoted:
            return Later(Reason.SEND_AT, request.email.send_at, work.progress)
        if tenant.mode is _HOLD and not work.progress.promoted:
            return Later(Reason.HOLD, now + LOOK_AT_HELD, work.progress)
        if tenant.on_bounce_rate == "hold" and self._bounces(tenant.name, now) is Level.CRITICAL:
            return Later(Reason.BOUNCE_RATE, next_hour(now), work.progress)
        return None

    def _bounces(self, tenant: str, now: float) -> Level:
        return Level.FINE if self.listed is None else self.listed.rates.level(tenant, now)

    def expired(self, work: Work) -> Concluded:
        """Its time is up."""
        request = _known(work)
        progress = work.progress
        outcome = Expired(progress.last_reason, progress.attempts)
        if work.tenant is not None and progress.answers and isinstance(request, Request):
            outcome = finish(request, work.tenant, progress)
        return Concluded(request.subject, outcome, request.digest, progress)

    def _slot(self, work: Work, request: Request, tenant: Tenant, now: float) -> Admitted | Concluded | Later:
        limits = limits_of(request, tenant)
        recipients = len(request.email.recipients) - len(work.progress.answers)
        for limit in limits:
            if limit.count < (1 if limit.unit == "messages" else recipients):  # never
                return _limited(work, max(limit.per for limit in limits))
        windows = self._windows.get(tenant.name) or self.windows(tenant.name)
        full = windows.take(work.offset, recipients, limits, now)
        if full is None:
            return ADMITTED
        if tenant.over_limit == "reject" and not work.progress.attempts:
            return _limited(work, (full.until or now + 1) - now)
        return self._until(full.until, work, tenant, limits)

    def _queue(self, work: Work, request: Request, tenant: Tenant, now: float) -> Later:
        """Behind others of its tenant; and if these wait for a slot, so does it: that is what people are told."""
        limits = limits_of(request, tenant)
        until = self.windows(tenant.name).next_free(limits, now)
        if until == now or tenant.over_limit == "reject":
            return Later(Reason.SHARE, now, work.progress)
        return self._until(until, work, tenant, limits)

    def _until(self, slot: float | None, work: Work, tenant: Tenant, limits: tuple[Limit, ...]) -> Later:
        """It waits for a slot; None where nobody knows when one is free."""
        self.limited[tenant.name] = limits
        return Later(Reason.WINDOW, slot or self._deadline(work), work.progress)

    def surplus(self, now: float, spare: int) -> list[Work]:
        """Requests of slow tenants to park so that others find room; none of them has leave to send."""
        return self._flights.surplus(self._room_for(spare), now, fixed=self.intents)

    def slow(self, tenant: str, waiting: int, now: float) -> bool:
        """Whether a tenant that has so many more in line will not get through with them soon."""
        return self._flights.slow(tenant, waiting, now)

    def be_patient(self, patience: float) -> None:
        """How slow this process is itself: see `Flights`."""
        self._flights.patience = patience

    def _room_for(self, spare: int) -> int:
        """How many requests there is room for in all, here and in the process."""
        return min(self.room, spare)

    def _deadline(self, work: Work) -> float:
        request, age = work.request or _known(work), self._keeping.requests
        if work.tenant is not None and work.tenant.max_age:
            age = min(work.tenant.max_age, age)
        deadline = request.received + age
        return min(deadline, request.expires) if request.expires is not None else deadline

    def windows(self, tenant: str) -> Windows:
        windows = self._windows.get(tenant)
        if windows is None:
            windows = self._windows[tenant] = Windows(self._keeping.sends)
        return windows

    def tidy(self, now: float) -> None:
        """Forget what counts no more. Worth doing once in a while."""
        self.ids.expire(now)
        if self.listed is not None:
            self.listed.tidy(now)
        for tenant in [name for name, windows in self._windows.items() if windows.idle(now)]:
            del self._windows[tenant]
            self.limited.pop(tenant, None)
        self._trials.tidy(now)

    # intents

    def ask(self, offset: int) -> None:
        """An intent for this offset is to be in the next tick."""
        self.intents.add(offset)
        self.asked[offset] = None

    # endings

    def end(self, work: Work, ending: Ending, now: float) -> None:
        """It ended, or waits: written with the next tick."""
        self.intents.discard(work.offset)
        self.asked.pop(work.offset, None)
        if work.request is not None:
            self._charge(work, work.request, ending, now)
        match ending:
            case Concluded():
                self._conclude(work, ending, now)
            case Later():
                self._park(work, ending)
            case Forwarded(home):
                self._forwards.append((home, work.record))
            case Skipped():
                self._unpark(work.offset)
            case _:
                raise AssertionError(ending)
        if work.offset in self._unsettled:
            self._unended.remove(work.offset)
            self._ahead.discard(work.offset)
            self._settled.append(work.offset)

    def _charge(self, work: Work, request: Request | Validation, ending: Ending, now: float) -> None:
        tenant = request.tenant
        self._flights.land(work, tenant, now)
        windows = self._windows.get(tenant) or self.windows(tenant)
        progress = ending.progress if isinstance(ending, _TOLD) else work.progress
        sent = progress.sent_at[len(work.progress.sent_at) :]
        for at, recipients in sent:
            windows.sent(work.offset, recipients, at)
            if self.listed is not None:
                self.listed.rates.sent(tenant, recipients, at)
        if self.listed is not None and work.bounced:
            self.listed.verdicts(tenant, work.bounced, now)
            work.bounced = ()
        if not sent:
            windows.give_back(work.offset)
        if request.subject.type in TRIALS:
            trial = trial_of(request.subject, ending.outcome) if isinstance(ending, Concluded) else None
            self._trials.settle(work.offset, request.subject, now, tried=trial is not None)
        if tenant in self.parking.queues:
            self._wake(tenant)

    def _wake(self, tenant: str) -> None:
        # A slot may have come free, or its time become known: the head of the queue looks for itself.
        self.parking.wake(tenant, 0.0)

    def _conclude(self, work: Work, ending: Concluded, now: float) -> None:
        self._outcomes.append(ending)
        use = _USED if isinstance(ending.outcome, _USING) else _FREE
        if (request := work.request) is not None:
            self.ids.end(request.mark, request.subject.origin, request.digest, use=use, at=now)
        elif (gone := self.parking.get(work.offset)) is not None:  # its record is, and the request with it
            self.ids.end(fingerprint(gone.tenant, gone.id), gone.origin, gone.digest, use=use, at=now)
        if self.parking.numbers:
            self._unpark(work.offset)

    def _unpark(self, offset: int) -> None:
        entry = self.parking.remove(offset)
        if entry is not None:
            self._parked.append(offset)
            self.ids.unpark(fingerprint(entry.tenant, entry.id), entry.origin, entry.digest, offset=offset)

    def _park(self, work: Work, later: Later) -> None:
        request = _known(work)
        before = self.parking.get(work.offset)
        entry = Entry(
            work.offset,
            request.subject.origin,
            request.tenant,
            request.id,
            request.digest,
            later.due,
            self._deadline(work),
            later.reason,
            later.progress,
        )
        self._wait(entry)
        # Waiting on for the same reason is nothing to write down: a queue that moves up would write itself anew.
        if before is None or replace(before, due=entry.due) != entry:
            self._parked.append(entry)

    def _wait(self, entry: Entry) -> None:
        # Also one that was not admitted yet: while it waits, nobody else has its id.
        mark = fingerprint(entry.tenant, entry.id)
        self.ids.open(mark, entry.origin, entry.digest, offset=entry.offset)
        self.parking.add(entry, held=self.ids.park(mark, entry.offset))

    def lapse(self, offset: int) -> None:
        """Leave to send ran out before the body: with the next tick nobody takes it for open any more."""
        self.intents.discard(offset)
        self.asked.pop(offset, None)
        self._lapsed = True

    def withdraw(self) -> list[int]:
        """The intents that were asked for and are in no tick yet: they are not to be granted any more."""
        asked = list(self.asked)
        self.asked.clear()
        self.intents.difference_update(asked)
        return asked

    # what was before

    def remember(self, past: Past) -> None:
        """An outcome of a former owner's."""
        if past.mark is not None:
            self.ids.end(past.mark, past.origin, past.digest, use=past.use, at=past.at)
        for at, recipients in past.sent if past.tenant is not None else ():
            self.windows(past.tenant or "").sent(None, recipients, at)
            if self.listed is not None:
                self.listed.rates.sent(past.tenant or "", recipients, at)
        if past.trial is not None and past.tenant is not None:
            self._trials.remember(past.tenant, past.trial, past.at)

    def restore(self, entry: Entry) -> None:
        """A request that a former owner parked."""
        self._wait(entry)
        for at, recipients in entry.progress.sent_at:
            self.windows(entry.tenant).sent(None, recipients, at)
        # What it waited for may have been a send of its former owner, whose end nobody will tell.
        self._wake(entry.tenant)

    def promote(self, entry: Entry, now: float) -> None:
        """A parked request is due now, and that is written down."""
        entry = replace(entry, due=now, progress=replace(entry.progress, promoted=True))
        self.parking.add(entry)
        self._parked.append(entry)

    # parked requests whose time has come

    def due(self, now: float, most: int) -> list[Entry]:
        """Parked requests to go on with, at most so many: due ones, and as many of each queue as have a slot."""
        offsets = self.parking.take_due(now, most)
        for tenant in self.parking.awake(now):
            offsets += self._heads(tenant, now, most - len(offsets), spare=most)
        return [entry for offset in offsets if (entry := self.parking.get(offset)) is not None]

    def _heads(self, tenant: str, now: float, most: int, *, spare: int) -> list[int]:
        windows, limits = self.windows(tenant), self.limited.get(tenant, ())
        free, own = windows.free(limits, now), self._flights.number(tenant)
        share = self._flights.share(tenant, self._room_for(spare)) - own
        if share < min(WORTHWHILE, own):
            return []  # whoever of them ends next wakes the queue
        taken = self.parking.take_queued(tenant, min(free, share, most))
        if not free and (at := windows.next_free(limits, now)) is not None:
            self.parking.wake(tenant, at)
        elif most < min(free, share):
            self.parking.wake(tenant, now)
        # Otherwise whoever was taken wakes the queue when it ends.
        return taken

    # ticks

    @property
    def waiting(self) -> bool:
        """Whether there is something to write."""
        learnt = self.listed is not None and self.listed.pending
        return bool(
            self.asked or self._outcomes or self._parked or self._forwards or self._settled or self._lapsed or learnt
        )

    @property
    def load(self) -> int:
        """How many intents, outcomes and parked entries are to be written: nearly all that a busy partition writes."""
        return len(self.asked) + len(self._outcomes) + len(self._parked)

    @property
    def advanced(self) -> bool:
        """Whether the offset is to be committed, if only alone."""
        return self._advanced

    def cut(self) -> Tick:
        """All that is to be written. Until `confirm` or `refuse`, further changes gather for the next tick."""
        self._ticks += 1
        granted, text = self._fit()
        tick = Tick(
            self._ticks,
            self.position,
            text,
            tuple(self._outcomes),
            tuple(self._parked),
            tuple(self._forwards),
            granted,
            tuple(self._settled),
            NOTHING_LEARNT if self.listed is None else self.listed.cut(),
        )
        self._outcomes, self._parked, self._forwards, self._settled = [], [], [], []
        for offset in granted:
            del self.asked[offset]
        self._advanced = self._lapsed = False
        return tick

    def confirm(self, tick: Tick) -> None:
        """It is committed. For sure only with one more behind it: that follows soon, of the offset alone if need be."""
        self._unsettled.difference_update(tick.settled)
        self._advanced = self._advanced or tick.size > 0 or bool(tick.granted)

    def refuse(self, tick: Tick) -> None:
        """It was not committed: all it held is to be written again, and the intents asked for again."""
        self.rewrite(tick)
        again = dict.fromkeys(offset for offset in tick.granted if offset in self.intents)
        self.asked = again | self.asked

    def rewrite(self, tick: Tick) -> None:
        """All it held is to be written again. Its intents stay as they are: with its answer their leave was given."""
        self._outcomes = [*tick.outcomes, *self._outcomes]
        self._parked = [*tick.parked, *self._parked]
        self._forwards = [*tick.forwards, *self._forwards]
        self._settled = [*tick.settled, *self._settled]
        if self.listed is not None:
            self.listed.refuse(tick.learnt)
        self._advanced = True

    def _fit(self) -> tuple[tuple[int, ...], str]:
        """The intents that fit into the metadata, oldest first, and the metadata."""
        granted = self._grantable()
        while True:
            listed = self._list(granted)
            if len(listed) <= LONGEST or not granted:
                return granted, listed
            granted = granted[: len(granted) // 2]

    def _grantable(self) -> tuple[int, ...]:
        """All that were asked for, but for parked ones beyond what the list has room for."""
        if len(self.intents) <= metadata.INTENTS:  # those that were asked for are among them
            return tuple(self.asked)
        room = metadata.INTENTS - sum(offset not in self._unended for offset in self.intents - self.asked.keys())
        granted: list[int] = []
        for offset in self.asked:
            parked = offset not in self._unended
            if not parked or room > 0:
                room -= parked
                granted.append(offset)
        return tuple(granted)

    def _list(self, granted: tuple[int, ...]) -> str:
        intents = self.intents - (self.asked.keys() - set(granted))
        return encode(self.nonce, self._ticks, self._unended, intents, self.position, self._overtaken)


def limits_of(request: Request, tenant: Tenant) -> tuple[Limit, ...]:
    """The windows that a request has to pass: its own hLimit can only tighten the tenant's."""
    asked = request.email.h_limit
    per_hour = tenant.h_limit if asked is None else min(asked, tenant.h_limit)
    return _limits(per_hour, tenant.limits)


@lru_cache(maxsize=1024)
def _limits(per_hour: int, others: tuple[Limit, ...]) -> tuple[Limit, ...]:
    return (Limit(per_hour, HOUR), *others)


def _limited(work: Work, wait: float) -> Concluded:
    request = _known(work)
    return Concluded(request.subject, RateLimited(wait), request.digest, work.progress)


def _known(work: Work) -> Request | Validation:
    if work.request is None:
        raise AssertionError(work.record.at)
    return work.request


__all__ = ["ADMITTED", "ROOM", "Admitted", "Keeping", "Partition", "Subject", "Work", "limits_of"]
