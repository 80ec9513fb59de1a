"""What a power cut, a stop and a hand-over leave behind: one outcome for each request, and one body at most."""

import json
from collections import Counter

import pytest

from devtools.relay_script import Behave, Manner, Playbook
from tests.acceptance import kafka_side
from tests.acceptance.kafka_side import Told
from tests.acceptance.service import until
from tests.acceptance.stage import PARTITIONS, USERS, Stage, mail, plain

MANY = 500
SLOW = Manner(users=USERS, latency=0.1)


async def ask_many(stage: Stage, number: int, name: str = "r") -> list[str]:
    """So many requests over all partitions, so that most have to be forwarded; where they lie."""
    value = json.dumps(mail()).encode()
    records = [(value, plain("acme" if n % 2 else "brick", f"{name}-{n}"), None, n % PARTITIONS) for n in range(number)]
    return await stage.requests.send_all(records)


def judge(stage: Stage, origins: list[str], told: list[Told]) -> Counter[str]:
    """One outcome for each request, one body at most, and no outcome that is untrue; the kinds."""
    assert Counter(one.origin for one in told) == Counter(origins)
    sent = Counter(taken.message_id for taken in stage.relay.taken)
    assert not [identity for identity, number in sent.items() if number > 1]
    accepted = {one.body["messageId"] for one in told if one.kind == "accepted"}
    in_doubt = {one.body["messageId"] for one in told if one.kind == "unknown"}
    assert accepted <= sent.keys()
    assert sent.keys() <= accepted | in_doubt
    return Counter(one.kind for one in told)


@pytest.fixture
def slow(stage: Stage) -> Stage:
    """A relay that takes its time, so that much is under way at once."""
    stage.relay.manner = SLOW
    stage.tenants = {"acme": {}, "brick": {}}
    return stage


async def test_kill_9_with_500_requests_in_progress_leaves_one_outcome_each(slow: Stage) -> None:
    service = await slow.run(CONSUMER_KAFKA__GROUP_INSTANCE_ID="one")
    origins = await ask_many(slow, MANY)
    await until(lambda: len(slow.relay.taken) >= 60)
    service.kill()
    assert len(slow.relay.taken) < MANY
    service.start()
    await slow.outcomes.reach(MANY, 45)
    assert await service.stop() == 0
    kinds = judge(slow, origins, await slow.outcomes.there_now())
    assert set(kinds) <= {"accepted", "unknown"}
    assert kinds["unknown"] <= 100


async def test_sigterm_finishes_what_is_under_way_and_leaves_the_group(slow: Stage) -> None:
    service = await slow.run()
    origins = await ask_many(slow, 100)
    await until(lambda: slow.relay.taken)
    assert await service.stop() == 0
    told = await slow.outcomes.there_now()
    assert 0 < len(told) <= 100
    assert {one.kind for one in told} == {"accepted"}
    assert len(told) == len(slow.relay.taken)
    assert await kafka_side.members(slow.bootstrap, slow.names) == 0
    assert service.complaints() == []
    service.start()
    await slow.outcomes.reach(100)
    assert judge(slow, origins, await slow.outcomes.there_now()) == {"accepted": 100}


async def test_a_second_sigterm_ends_at_once(slow: Stage) -> None:
    slow.relay.playbook = Playbook({"body": Behave(20.0)})
    service = await slow.run(CONSUMER_WORK__DRAIN_WITHIN="25s")
    await ask_many(slow, 1)
    await until(lambda: any(log.at == "body" for log in slow.relay.sessions))
    service.ask_to_stop()
    await until(lambda: any(line["event"] == "stopping" for line in service.lines()))
    service.ask_to_stop()
    assert await service.ended(2.0) == -15


async def test_a_drain_ends_when_its_time_is_up_and_the_rest_is_in_doubt_once(slow: Stage) -> None:
    slow.relay.playbook = Playbook({"body": Behave(20.0)})
    service = await slow.run(CONSUMER_WORK__DRAIN_WITHIN="1s")
    origins = await ask_many(slow, 1)
    await until(lambda: any(log.at == "body" for log in slow.relay.sessions))
    assert await service.stop(15.0) == 0
    service.start()
    told = await slow.outcomes.of(origins[0])
    assert (told.status, told.type) == (504, "unknown")


async def test_two_processes_share_the_partitions_and_hand_them_over(slow: Stage) -> None:
    first = await slow.run()
    second = await slow.run()
    assigned = "consumer_assigned_partitions"
    await until_shared(slow, assigned)
    origins = await ask_many(slow, 300)
    await slow.outcomes.reach(100)
    assert await first.stop() == 0
    await slow.outcomes.reach(300, 45)
    await second.ready()
    assert judge(slow, origins, await slow.outcomes.there_now()) == {"accepted": 300}
    assert await second.stop() == 0
    assert (first.complaints(), second.complaints()) == ([], [])


async def until_shared(stage: Stage, assigned: str) -> None:
    """Wait until all partitions are in work, none of them twice and no process without."""
    figures: list[float] = []

    async def look() -> None:
        figures[:] = [(await service.metrics())[assigned] for service in stage.services]

    for _ in range(200):
        await look()
        if min(figures) and sum(figures) == PARTITIONS:
            return
    raise AssertionError(figures)
