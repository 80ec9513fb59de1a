"""`consumer outcomes`: read, filtered, followed."""

from dataclasses import dataclass

from consumer.cli import wire
from consumer.cli.exits import Exit
from consumer.client.events import Operation, OutcomeEvent
from consumer.core.about import outcome_type
from consumer.settings import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which outcomes: of whom, of which endings (none: any), from how many seconds ago, and whether new ones too."""

    tenant: str | None
    kinds: frozenset[str]
    since: float
    follow: bool
    operation: Operation | None = None

    def has(self, seen: OutcomeEvent) -> bool:
        """An ending goes by its kind (`invalid`) or by its own type (`invalid-json`)."""
        ours = self.tenant is None or seen.tenant == self.tenant
        if self.operation is not None and seen.type != outcome_type(self.operation.type):
            return False
        return ours and (not self.kinds or bool(self.kinds & {seen.kind, str(seen.data.get("type", ""))}))


async def watch(settings: Settings, wanted: Wanted, *, as_json: bool) -> Exit:
    """Prints a line for each."""
    async with wire.outcomes(settings) as outcomes:
        await outcomes.from_time(wire.ago(wanted.since))
        async for seen in outcomes.follow() if wanted.follow else outcomes.there_now():
            if wanted.has(seen):
                print(seen.as_json() if as_json else seen.as_line(), flush=True)
    return Exit.OK
