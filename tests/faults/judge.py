"""What came of a scene, told from the outside: outcomes as readers see them, mails as the relay wrote them down."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.kafka_side import Told
from tests.faults.members import Taken

SENT = ("accepted", "unknown")


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` mails in any `per` seconds."""

    count: int
    per: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that is wrong, by name."""

    missing: tuple[str, ...]
    second_outcomes: tuple[str, ...]
    second_sends: tuple[str, ...]
    untaken: tuple[str, ...]  # an outcome says accepted, and the relay never took it
    untold: tuple[str, ...]  # the relay took it, and no outcome says that it may have
    in_doubt: tuple[str, ...]
    in_doubt_and_taken: int  # the relay had the mail: to send it again would have been a second one
    over_limit: int


def judge(
    origins: Mapping[str, str], told: Sequence[Told], taken: Sequence[Taken], limits: Mapping[str, Limit]
) -> Verdict:
    """`origins` are the requests that Kafka took, by coordinates."""
    outcomes = Counter(one.origin for one in told)
    sends = Counter(mail.message_id for mail in taken)
    said = {one.message_id for one in told if one.kind in SENT and one.message_id}
    return Verdict(
        missing=tuple(origin for origin in origins if origin not in outcomes),
        second_outcomes=tuple(origin for origin, number in outcomes.items() if number > 1),
        second_sends=tuple(identity for identity, number in sends.items() if number > 1),
        untaken=tuple(one.at for one in told if one.kind == "accepted" and one.message_id not in sends),
        untold=tuple(identity for identity in sends if identity not in said),
        in_doubt=tuple(one.at for one in told if one.kind == "unknown"),
        in_doubt_and_taken=sum(one.kind == "unknown" and one.message_id in sends for one in told),
        over_limit=sum(exceeded(_times(taken, tenant), limit) for tenant, limit in limits.items()),
    )


def exceeded(times: Iterable[float], limit: Limit) -> int:
    """How many sends came when the window [at - per, at] held its limit already."""
    ordered = sorted(times)
    earlier = zip(ordered, ordered[limit.count :], strict=False)
    return sum(later - first < limit.per for first, later in earlier)


def _times(taken: Sequence[Taken], tenant: str) -> list[float]:
    return [mail.at for mail in taken if mail.tenant == tenant]
