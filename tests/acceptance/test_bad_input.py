"""Whatever lies in the request topic gets one outcome, the partition goes on, and nothing is told that was private."""

from collections import Counter
from random import Random

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.acceptance import kafka_side
from tests.acceptance.events import CANARY, GOOD, HEAVY, LIGHT, Event, event
from tests.acceptance.service import until
from tests.acceptance.stage import PARTITIONS, Stage, mail

NUMBER = 1_000
LARGEST = 12 * 1024 * 1024


def mixed() -> list[Event]:
    """A third of them good, every kind of bad ones, in no order."""
    events = [event(kind, number) for kind in HEAVY for number in range(3)]
    events += [event(kind, number) for kind in LIGHT for number in range(20)]
    events += [event(GOOD[number % len(GOOD)], number) for number in range(NUMBER - len(events))]
    Random(3).shuffle(events)  # noqa: S311  a run that can be had again
    return events


async def test_1000_mixed_events_get_1000_outcomes_that_tell_nobodys_data(stage: Stage) -> None:
    await allow_large_requests(stage)
    down = {"smtp_host": "localhost", "smtp_port": 1, "smtp_user": "me", "smtp_pass": CANARY, "domain": "d.example"}
    stage.tenants["down"] = down
    service = await stage.run(CONSUMER_LOG__LEVEL="debug")
    events = mixed()
    origins = await written(stage, events)
    for number in range(5):
        await stage.ask(mail(subject=CANARY, text=CANARY), f"waits-{number}", tenant="down")
    await stage.outcomes.reach(NUMBER)
    await until_parked(stage, 5)
    metrics = (await service.get("/metrics"))[1]
    assert await service.stop() == 0

    told = await stage.outcomes.there_now()
    assert Counter(one.origin for one in told) == Counter(origins)
    endings = {one.origin: (one.status, one.type) for one in told}
    wrong = [
        (one.kind, endings[at])
        for at, one in zip(origins, events, strict=True)
        if endings[at] != (one.status, one.type)
    ]
    assert not wrong
    assert len(stage.relay.taken) == sum(one.status == 204 for one in events)

    assert await stage.places_of(CANARY, metrics) == []
    commits = await kafka_side.committed(stage.bootstrap, stage.names, PARTITIONS)
    assert sum(commit.offset for commit in commits.values()) >= NUMBER


async def allow_large_requests(stage: Stage) -> None:
    """As an operator may who wants to know of them: by default the broker refuses what is larger than 1 MB."""
    config = ConfigResource(ConfigResourceType.TOPIC, stage.names.requests, {"max.message.bytes": str(LARGEST)})
    async with kafka_side.administering(stage.bootstrap) as admin:
        await admin.alter_configs([config])


async def written(stage: Stage, events: list[Event]) -> list[str]:
    """All of them, over all partitions; half without a key (but the client writes no record of two nulls)."""
    dice = Random(7)  # noqa: S311
    keys = [b"k" if one.value is None else dice.choice((None, b"k")) for one in events]
    records = [(one.value, one.headers, key, dice.randrange(PARTITIONS)) for one, key in zip(events, keys, strict=True)]
    async with kafka_side.requests(stage.bootstrap, stage.names, max_request_size=LARGEST) as requests:
        return await requests.send_all(records)


async def until_parked(stage: Stage, number: int) -> None:
    service = stage.services[-1]
    await until(lambda: number <= sum(line.get("reason") == "retry" for line in service.lines()))


def test_the_canary_is_in_what_is_sent() -> None:
    """Otherwise its absence would prove nothing."""
    silent = {kind for kind in (*GOOD, *LIGHT, *HEAVY) if CANARY not in str(event(kind, 0))}
    assert silent == {"empty", "null value", "deep list"}
