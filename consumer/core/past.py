"""What an outcome tells whoever takes its partition over."""

from dataclasses import dataclass

from consumer.core.ids import Use
from consumer.core.record import Coordinates


@dataclass(frozen=True, slots=True)
class Past:
    """One outcome of before. `mark` is the id's fingerprint, None where the request had no readable id.

    `at` is when it was written, `sent` when a relay took a body, and for how many recipients each.
    """

    at: float
    tenant: str | None
    mark: bytes | None
    origin: Coordinates
    digest: bytes
    use: Use
    sent: tuple[tuple[float, int], ...] = ()
