"""What known providers take: where a tenant says nothing else, their limits are ours."""

from dataclasses import dataclass

from consumer.core.tenant import Limit


@dataclass(frozen=True, slots=True)
class Preset:
    """`connections` at once for a mailbox, and how much mail of a mailbox in which time."""

    connections: int
    limits: tuple[Limit, ...]


MICROSOFT_365 = Preset(3, (Limit(30, 60.0), Limit(10_000, 86_400.0, "recipients")))
"""learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/exchange-online-limits"""

PRESETS: dict[str, Preset] = {
    "smtp.office365.com": MICROSOFT_365,
    "smtp-legacy.office365.com": MICROSOFT_365,
    "smtp.office365.us": MICROSOFT_365,  # the cloud of the government of the United States
    "smtp.partner.outlook.cn": MICROSOFT_365,  # the cloud that 21Vianet runs
}


def preset_of(host: str) -> Preset | None:
    """What the provider at this host takes, if it is known."""
    return PRESETS.get(host.lower().rstrip("."))
