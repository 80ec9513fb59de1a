"""What systems are put through."""

from dataclasses import dataclass

from benchmarks import events
from benchmarks.relays import Kind


@dataclass(frozen=True, slots=True)
class Course:
    """So many mails over so many connections, with so many seconds to the relay and back."""

    mails: int
    connections: int = 20
    round_trip: float = 0.0
    kind: Kind = Kind.SINK
    tenants: int = len(events.TENANTS)
    partitions: int = events.PARTITIONS

    @property
    def name(self) -> str:
        """What it is to a mail: its relay, and the way there."""
        way = f"{self.round_trip * 1000:.0f} ms round trip" if self.round_trip else ""
        relay = "" if way and self.kind is Kind.SINK else self.kind.value
        return ", ".join(part for part in (relay, way, f"{self.connections} connections") if part)

    @property
    def given(self) -> dict[str, float]:
        """The same as numbers."""
        return {
            "mails": self.mails,
            "connections": self.connections,
            "round_trip_ms": round(self.round_trip * 1000, 3),
            "tenants": self.tenants,
            "partitions": self.partitions,
        }
