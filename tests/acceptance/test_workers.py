"""`consumer run --workers`: several processes that are seen as one, and end as one."""

import asyncio
import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from devtools.relay_script import Behave, Playbook
from tests.acceptance import kafka_side
from tests.acceptance.kafka_side import Names
from tests.acceptance.service import WITHIN, Service, until
from tests.acceptance.stage import PARTITIONS, Stage, mail, plain
from tests.acceptance.test_crashes import SLOW, ask_many, judge

TWO = {"CONSUMER_WORK__WORKERS": "2"}
ACCEPTED = "consumer_outcomes_total{outcome=accepted}"


def pids(service: Service) -> dict[int, int]:
    """The process of each worker that was started last."""
    return {line["worker"]: line["pid"] for line in service.lines() if line["event"] == "worker started"}


def alive(pid: int) -> bool:
    """Whether that process is there, and no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


async def shared_out(service: Service) -> dict[str, float]:
    """Wait until both work on partitions, and nobody else's; what they tell then."""
    async with asyncio.timeout(WITHIN):
        while True:
            told = await service.metrics()
            each = [told.get(f"consumer_assigned_partitions{{worker={number}}}", 0) for number in (1, 2)]
            if min(each) and sum(each) == PARTITIONS:
                return told


@pytest.fixture
def slow(stage: Stage) -> Stage:
    stage.relay.manner = SLOW
    stage.tenants = {"acme": {}, "brick": {}}
    return stage


async def test_two_workers_share_the_work_and_are_seen_as_one(stage: Stage) -> None:
    tenants = [f"tenant-{number}" for number in range(12)]  # at home in all three partitions
    stage.tenants = {tenant: {} for tenant in tenants}
    service = await stage.run(**TWO, CONSUMER_KAFKA__GROUP_INSTANCE_ID="one")
    await shared_out(service)
    value = json.dumps(mail()).encode()
    records = [(value, plain(tenants[n % 12], f"r-{n}"), None, n % PARTITIONS) for n in range(300)]
    origins = await stage.requests.send_all(records)
    await stage.outcomes.reach(300)
    assert judge(stage, origins, await stage.outcomes.there_now()) == {"accepted": 300}
    told = await service.metrics()
    assert told[ACCEPTED] == 300
    assert told["consumer_requests_total{type=email.send-email.v1}"] == 300
    assert told["consumer_request_to_outcome_seconds_count{waited=no}"] == 300
    assert {f"process_cpu_seconds_total{{worker={one}}}" for one in ("1", "2", "parent")} <= told.keys()
    assert len([name for name in told if name.startswith("consumer_build_info")]) == 1
    _, text = await service.get("/metrics")
    heads = [line.split()[:3] for line in text.splitlines() if line.startswith("#")]
    assert Counter(map(tuple, heads)).most_common(1)[0][1] == 1
    assert await service.get("/healthz") == (200, "OK")
    assert await service.get("/api/v1/solution/health") == (200, "OK")
    status, text = await service.get("/readyz")
    assert (status, json.loads(text)["checks"]["worker-2.restored"]) == (200, True)
    status, text = await service.get("/")
    assert (status, "<h2>Workers</h2>" in text, "at work" in text) == (200, True, True)
    assert {line.get("worker") for line in service.lines() if line["event"] == "concluded"} == {1, 2}
    assert await service.stop() == 0
    assert service.complaints() == []
    assert not [pid for pid in pids(service).values() if alive(pid)]


async def test_a_worker_that_is_killed_is_replaced_and_its_requests_have_one_outcome_each(slow: Stage) -> None:
    service = await slow.run(**TWO, CONSUMER_KAFKA__GROUP_INSTANCE_ID="one")
    await shared_out(service)
    origins = await ask_many(slow, 400)
    await until(lambda: len(slow.relay.taken) >= 80)
    before = (await service.metrics())[ACCEPTED]
    killed = pids(service)[2]
    os.kill(killed, signal.SIGKILL)
    await until(lambda: pids(service)[2] != killed)
    assert (await service.metrics())[ACCEPTED] >= before
    assert (await service.get("/healthz"))[0] == 200
    await slow.outcomes.reach(400, 45)
    await service.ready()
    told = await shared_out(service)
    assert told["consumer_worker_restarts_total"] == 1
    kinds = judge(slow, origins, await slow.outcomes.there_now())
    assert set(kinds) <= {"accepted", "unknown"}
    assert before <= told[ACCEPTED] <= kinds["accepted"]
    assert await service.stop() == 0
    assert service.complaints() == ["worker ended"]


async def test_workers_whose_parent_is_killed_drain_and_end(slow: Stage) -> None:
    service = await slow.run(**TWO)
    await shared_out(service)
    await ask_many(slow, 200)
    await until(lambda: len(slow.relay.taken) >= 20)
    workers = list(pids(service).values())
    service.kill()
    await until(lambda: not [pid for pid in workers if alive(pid)], within=10.0)
    told = await slow.outcomes.there_now()
    assert {one.kind for one in told} == {"accepted"}
    assert len(told) == len(slow.relay.taken) < 200
    assert await kafka_side.members(slow.bootstrap, slow.names) == 0


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_workers_that_are_killed_again_and_again_leave_one_outcome_for_each_request(slow: Stage) -> None:
    service = await slow.run(**TWO, CONSUMER_KAFKA__GROUP_INSTANCE_ID="one")
    origins: list[str] = []
    for number in range(6):
        await service.ready(60)
        origins += await ask_many(slow, 100, name=f"r{number}")
        taken = len(slow.relay.taken)
        await until(lambda: len(slow.relay.taken) >= taken + 10)  # noqa: B023  called at once
        os.kill(pids(service)[1 + number % 2], signal.SIGKILL)
    await slow.outcomes.reach(len(origins), 90)
    await service.ready(60)
    assert (await service.metrics())["consumer_worker_restarts_total"] == 6
    kinds = judge(slow, origins, await slow.outcomes.there_now())
    assert set(kinds) <= {"accepted", "unknown"}
    assert await service.stop() == 0


async def test_workers_that_are_being_started_while_their_parent_is_killed_end_too(stage: Stage) -> None:
    service = await stage.prepared(**TWO)
    service.start()
    await until(lambda: 1 in pids(service))
    service.kill()
    await until(lambda: not alive(pids(service)[1]), within=20.0)
    assert await kafka_side.members(stage.bootstrap, stage.names) == 0


async def test_sigterm_has_all_workers_finish_what_is_under_way(slow: Stage) -> None:
    service = await slow.run(**TWO)
    await shared_out(service)
    origins = await ask_many(slow, 200)
    await until(lambda: len(slow.relay.taken) >= 20)
    assert await service.stop() == 0
    told = await slow.outcomes.there_now()
    assert {one.kind for one in told} == {"accepted"}
    assert len(told) == len(slow.relay.taken)
    assert await kafka_side.members(slow.bootstrap, slow.names) == 0
    assert service.complaints() == []
    service.start()
    await slow.outcomes.reach(200)
    assert judge(slow, origins, await slow.outcomes.there_now()) == {"accepted": 200}


async def test_sigterm_to_all_processes_at_once_is_one_sigterm_to_each(slow: Stage) -> None:
    """As systemd stops a service."""
    service = await slow.run(**TWO)
    await shared_out(service)
    await ask_many(slow, 200)
    await until(lambda: len(slow.relay.taken) >= 20)
    for pid in (*pids(service).values(), service.process.pid):
        os.kill(pid, signal.SIGTERM)
    assert await service.ended() == 0
    told = await slow.outcomes.there_now()
    assert {one.kind for one in told} == {"accepted"}
    assert len(told) == len(slow.relay.taken)
    assert service.complaints() == []


async def test_a_second_sigterm_ends_all_processes_at_once(slow: Stage) -> None:
    slow.relay.playbook = Playbook({"body": Behave(20.0)})
    service = await slow.run(**TWO, CONSUMER_WORK__DRAIN_WITHIN="25s")
    await ask_many(slow, 10)
    await until(lambda: any(log.at == "body" for log in slow.relay.sessions))
    service.ask_to_stop()
    await until(lambda: any(line["event"] == "stopping" for line in service.lines()))
    service.ask_to_stop()
    assert await service.ended(2.0) == -15
    await until(lambda: not [pid for pid in pids(service).values() if alive(pid)], within=2.0)


async def test_a_worker_that_hangs_is_named_by_healthz(stage: Stage) -> None:
    service = await stage.run(**TWO)
    hung = pids(service)[2]
    os.kill(hung, signal.SIGSTOP)
    try:
        assert await service.get("/healthz") == (503, "no answer from worker 2")
        assert (await service.get("/readyz"))[0] == 503
        assert (await service.get("/metrics"))[0] == 200
    finally:
        os.kill(hung, signal.SIGCONT)
    assert await service.get("/healthz") == (200, "OK")


async def test_wrong_settings_are_said_once_and_nothing_is_started(stage: Stage) -> None:
    service = await stage.prepared(**TWO, CONSUMER_SMTP__BODY_TIMEOUT="c4n4ry")
    service.start()
    assert await service.ended() == 78
    (line,) = service.said.splitlines()
    assert line.startswith("CONSUMER_SMTP__BODY_TIMEOUT ")


async def test_topics_that_are_missing_are_said_once_with_the_exit_code_of_one_process(stage: Stage) -> None:
    service = await stage.prepared(**TWO, CONSUMER_TOPICS__REQUESTS=f"{Names().prefix}.requests")
    service.start()
    assert await service.ended() == 78
    assert [line["event"] for line in service.lines()].count("topics") == 1
    assert pids(service).keys() == {1}


async def test_without_kafka_the_workers_end_with_69(stage: Stage) -> None:
    service = await stage.prepared(**TWO, CONSUMER_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1")
    service.start()
    assert await service.ended(40) == 69
    assert [line["event"] for line in service.lines()].count("no Kafka") == 1


async def test_a_port_that_is_taken_is_said_before_a_worker_is_started(stage: Stage) -> None:
    service = await stage.prepared(**TWO, CONSUMER_HTTP__PORT=str(stage.relay.port))
    service.start()
    assert await service.ended() == 69
    assert f"cannot listen on 127.0.0.1:{stage.relay.port} (CONSUMER_HTTP__HOST, CONSUMER_HTTP__PORT)" in service.said
    assert pids(service) == {}
