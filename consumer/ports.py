"""What delivery and stream need from outside, in their words."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from consumer.core.attachment import File, Wanted
from consumer.core.attempt import Attempt
from consumer.core.ending import Ending
from consumer.core.mail import Mail
from consumer.core.metadata import Foreign, Metadata
from consumer.core.packed import Packed
from consumer.core.past import Past
from consumer.core.probe import Probed
from consumer.core.record import Coordinates, Record
from consumer.core.resolve import Values
from consumer.core.suppression_list import Listed
from consumer.core.tenant import MicrosoftAccount, Relay, Tenant, Unavailable, UnknownTenant
from consumer.core.tick import Tick

if TYPE_CHECKING:  # with it comes the judge of schemas, which a health check can do without
    from consumer.core.feedback import Heard


class Clock(Protocol):
    """The time, twice."""

    def now(self) -> float:
        """Seconds since the epoch: for what is written down."""
        ...

    def elapsed(self) -> float:
        """Seconds that only go forward, also while this process or its machine sleeps: for deadlines."""
        ...


Permit = Callable[[], Awaitable[float | None]]
"""Asks for leave to send. Answers the moment (by `Clock.elapsed`) before which the body must start, or None: do not send."""


class Tenants(Protocol):
    """The tenant directory."""

    async def get(self, name: str) -> Tenant | UnknownTenant | Unavailable:
        """The tenant as it is configured now. Never raises for one."""
        ...


class Vault(Protocol):
    """Where the values of PII tokens are."""

    async def resolve(self, tokens: Collection[str]) -> Values | Unavailable:
        """The values of those tokens that are known. Never raises for one."""
        ...


Allot = Callable[[int], bool]
"""Asks for memory for a file of so many octets; it answers at once, and without it none of them is kept."""


class Attachments(Protocol):
    """The hosts of attachments."""

    async def fetch(self, wanted: Wanted, room: int, allot: Allot) -> File:
        """The file, of at most `room` octets, or why it is not to be had. Never raises for one; bounded in time."""
        ...


@dataclass(frozen=True, slots=True)
class NoToken:
    """There is none: `token-unavailable`, for now, or `token-refused` and a code of who refused it."""

    reason: str


class Tokens(Protocol):
    """Who gives out tokens that relays take in place of a password."""

    async def get(self, account: MicrosoftAccount) -> str | NoToken:
        """A token that holds. Bounded, never raises for one; however many ask, one request is under way for an account."""
        ...

    def drop(self, account: MicrosoftAccount, token: str) -> bool:
        """A relay has refused this one: the next is to be new. Whether that may be taken: this one was not new itself."""
        ...


class Transport(Protocol):
    """The way out to relays."""

    async def send(self, mail: Mail, relay: Relay, permit: Permit) -> Attempt:
        """Hold one SMTP conversation: answers for every way it can end, never raises for one.

        `permit` is asked once, before DATA and as late as a busy connection allows. Cancelled, it leaves
        no connection behind that could answer the next mail with this one's replies.
        """
        ...


class Prober(Protocol):
    """The way to relays without a mail."""

    async def probe(self, relay: Relay) -> Probed:
        """Connect, secure, log in once where there is a login, and say goodbye. Bounded, and never raises for a relay."""
        ...


class Source(Protocol):
    """The request topic, read as a member of the group."""

    async def fetch(self, partitions: Collection[int], most: int, within: float) -> list[Record]:
        """New records of these partitions, in order within each: at most so many, or none within so many seconds."""
        ...

    def seek(self, partition: int, offset: int) -> None:
        """The next record of the partition to come is the one at this offset."""
        ...

    async def reread(self, places: Collection[Coordinates]) -> list[Record]:
        """Records read before, in any order. What the topic no longer holds is missing."""
        ...

    async def unread(self, partitions: Collection[int]) -> Mapping[int, int]:
        """Of these partitions those with records that could be read now, and the offset at which each one stands.

        Raises `UncertainError` where that cannot be found out.
        """
        ...

    async def member(self, partition: int) -> bool:
        """Whether the group says at this moment that the partition is ours: a heartbeat goes out and comes back."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """What the last owner committed, read after it was fenced. `position` is None where nobody ever committed."""

    position: int | None
    metadata: Metadata | Foreign
    beginning: int
    end: int


class FencedError(Exception):
    """Somebody newer has the partition."""


class UncertainError(Exception):
    """The tick may be in or not: only opening the partition anew tells."""


class BrokenError(Exception):
    """The journal cannot be trusted as it stands: the process ends, and the text says what to do."""


@dataclass(frozen=True, slots=True)
class Suppressions:
    """The suppression list of a partition as it was committed, and the next feedback to read; None: from the start."""

    entries: Iterable[Listed]
    position: int | None


class Journal(Protocol):
    """Outcomes, parked entries and offsets: what is committed together, partition by partition."""

    async def open(self, partition: int) -> Opened:
        """Fence whoever had the partition and read what it committed.

        Raises `FencedError`, `UncertainError` or `BrokenError`.
        """
        ...

    async def past(self, partition: int, since: float) -> Iterable[Past]:
        """The outcomes since then (seconds since the epoch), in order."""
        ...

    async def parked(self, partition: int) -> Packed:
        """What waits. Raises `BrokenError` for an entry that cannot be read."""
        ...

    async def suppressions(self, partition: int) -> Suppressions:
        """Who must not be written to. Raises `BrokenError` for an entry that cannot be read."""
        ...

    async def commit(self, partition: int, tick: Tick) -> None:
        """Write the tick, whole or not at all. Raises `FencedError` or `UncertainError`."""
        ...

    async def close(self, partition: int) -> None:
        """Let go of the partition; bounded, never raises."""
        ...


class Mailbag(Protocol):
    """A topic that is read outside of the group, from where it is told: feedback, and requests from behind a flood."""

    async def fetch(self, positions: Mapping[int, int | None], most: int, within: float) -> list[Record]:
        """Records of these partitions from these offsets on (None: from the first), in order within each.

        At most so many, or none within so many seconds. While the brokers are away there is none: it never raises.
        Asked for none, it lets go of what it holds.
        """
        ...


class Observer(Protocol):
    """Sees every fact that telemetry hangs on."""

    def ended(self, at: Coordinates, ending: Ending, seconds: float, *, waited: bool) -> None:
        """The request there ended, so many seconds after it came to Kafka, or waits; `waited`: it was parked before."""
        ...

    def heard(self, at: Coordinates, what: "Heard", errors: tuple[str, ...] = ()) -> None:
        """The feedback there was dealt with; `errors` say what is wrong with it, place and rule."""
        ...

    def ticked(self, tick: Tick, seconds: float) -> None:
        """A tick was committed, after so long."""
        ...

    def opened(self, partition: int, position: int, parked: int) -> None:
        """A partition was taken over."""
        ...

    def lost(self, partition: int, reason: str) -> None:
        """The journal of a partition has to be opened anew."""
        ...
