"""A record on its way."""

from dataclasses import dataclass, field

from consumer.core.parking import FRESH, Progress
from consumer.core.record import Record
from consumer.core.request import Request, Validation
from consumer.core.suppression import Bounced
from consumer.core.tenant import Tenant


@dataclass(slots=True, eq=False)
class Work:
    """One record on its way. `request` is known once it was admitted.

    `lost` says that a former owner was at it, and nobody knows how far it came; `prompt`, that it never stood in line;
    `surplus`, that it is to be parked so that others find room.
    """

    record: Record
    progress: Progress = FRESH
    request: Request | Validation | None = None
    tenant: Tenant | None = None
    resend: bool = False
    flying: bool = False
    bounced: tuple[Bounced, ...] = ()
    lost: bool = False
    prompt: bool = True
    surplus: bool = False
    offset: int = field(init=False)  # asked for a score of times

    def __post_init__(self) -> None:
        self.offset = self.record.at.offset
