"""Who may have how much of the memory for attachments, and who has it next.

A tenant may have half of what others leave, however much it asks for: so there is always room for one tenant more.
Whoever has nothing yet comes first. Little is given whenever it fits: nobody waits with a small file behind a large one.
"""

from collections.abc import Iterable

LITTLE = 64
"""What is at most one part in so many of all of it is little."""


class Budget:
    """Octets, and which tenant has them."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.used = 0
        self._held: dict[str, int] = {}

    def held(self, tenant: str) -> int:
        return self._held.get(tenant, 0)

    def take(self, tenant: str, octets: int) -> None:
        """More, or with less than nothing it is given back."""
        self.used += octets
        self._held[tenant] = self.held(tenant) + octets
        if not self._held[tenant]:
            del self._held[tenant]

    def next(self, waiting: Iterable[tuple[str, int]]) -> int | None:
        """Which of those who wait, in the order in which they came, may have what they want."""
        passed: set[str] = set()
        starving = False
        for index, (tenant, octets) in enumerate(waiting):
            has = self.held(tenant)
            little = octets * LITTLE <= self.total
            turn = little or not (tenant in passed or (starving and has))
            if turn and self._fits(tenant, octets):
                return index
            passed.add(tenant)
            starving = starving or not has
        return None

    def _fits(self, tenant: str, octets: int) -> bool:
        has = self.held(tenant)
        return has + octets <= (self.total - self.used + has) // 2
