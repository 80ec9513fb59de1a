"""Who must not be written to, against a real Kafka: learnt, listed, removed, and known to whoever comes next."""

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from devtools.certificates import Certificates
from devtools.relay_script import Manner, Say
from tests.acceptance import kafka_side
from tests.acceptance.kafka_side import HISTORY, TABLE
from tests.acceptance.stage import PARTITIONS, USERS, Stage, mail, staged

ANN, BOB = "ann.c4n4ry@example.com", "bob.c4n4ry@example.com"
KEY = "a key that is long enough"

pytestmark = pytest.mark.timeout(240)  # each command is a process of its own


@pytest.fixture
async def stage(broker: str, tmp_path: Path, certificates: Certificates) -> AsyncIterator[Stage]:
    gone = {f"rcpt:{ANN}": (Say("550 5.1.1 no such mailbox"), Say("250 2.1.5 ok"))}
    async with staged(broker, tmp_path, certificates, manner=Manner(users=USERS), script=gone) as made:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker)
        await admin.start()
        topics = ((f"{made.names.prefix}.suppressions", TABLE), (f"{made.names.prefix}.feedback", HISTORY))
        await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=how) for name, how in topics])
        await admin.close()
        yield made


def settings(stage: Stage) -> dict[str, str]:
    return {
        "CONSUMER_SUPPRESSION__KEY": KEY,
        "CONSUMER_TOPICS__SUPPRESSIONS": f"{stage.names.prefix}.suppressions",
        "CONSUMER_TOPICS__FEEDBACK": f"{stage.names.prefix}.feedback",
    }


async def command(stage: Stage, *words: str, said: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """`consumer suppressions` with these words, to its end."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "consumer", "suppressions", *words],
        env=stage.settings | settings(stage) | more,
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def listed(stage: Stage, *words: str) -> list[dict[str, Any]]:
    done = await command(stage, "list", "-o", "json", *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


async def tell(stage: Stage, **fields: object) -> None:
    """Feedback as plain JSON, without a key: it may come to any partition."""
    producer = AIOKafkaProducer(bootstrap_servers=stage.bootstrap)
    await producer.start()
    headers = [("tenant", b"acme"), ("request_id", uuid.uuid4().hex.encode())]
    topic = settings(stage)["CONSUMER_TOPICS__FEEDBACK"]
    await producer.send_and_wait(topic, json.dumps(fields).encode(), headers=headers)
    await producer.stop()


async def test_a_bounce_blocks_until_somebody_removes_it(stage: Stage) -> None:
    service = await stage.run(**settings(stage))
    assert (await stage.asked(mail(to=[ANN]), "first")).type == "rejected"
    blocked = await stage.asked(mail(to=[ANN.upper()]), "second")
    assert (blocked.status, blocked.type, blocked.body["rejected"]) == (429, "blocked", [ANN.upper()])
    partly = await stage.asked(mail(to=[ANN, BOB]), "third")
    assert (partly.status, partly.body["accepted"], partly.body["rejected"]) == (204, [BOB], [ANN])
    assert partly.body["rejectedErrors"] == [
        {
            "recipient": ANN,
            "type": "blocked",
            "response": "not sent: the recipient is on the tenant's suppression list",
        }
    ]

    (row,) = await listed(stage, "--tenant", "acme")
    assert (row["tenant"], row["kind"], row["reason"], row["inForce"]) == ("acme", "bounce", "5.1.1", True)
    assert await listed(stage, ANN, "--tenant", "acme") == [row]
    assert await listed(stage, BOB, "--tenant", "acme") == []
    table = await command(stage, "list")
    assert (table.stdout.split()[:2], len(table.stdout.splitlines())) == (["tenant", "digest"], 2)
    removed = await command(stage, "remove", "-", "--tenant", "acme", said=f"{ANN}\n")
    assert (removed.returncode, "unblock" in removed.stdout) == (0, True), removed.stderr
    assert await listed(stage) == []
    assert (await stage.asked(mail(to=[ANN]), "fourth")).status == 204

    everything = await _raw(stage, "suppressions") + await _raw(stage, "feedback") + service.said
    assert "c4n4ry" not in everything
    assert (await service.metrics())["consumer_feedback_total{feedback=unblock}"] == 1


async def test_what_was_told_and_added_is_known_after_a_kill_and_to_another_replica(stage: Stage) -> None:
    first = await stage.run(**settings(stage))
    await tell(stage, kind="complaint", recipient=BOB)
    await tell(stage, kind="bonce")
    await until_listed(stage, 1)
    first.kill()
    await first.ended()
    await tell(stage, kind="complaint", recipient=ANN)
    second = await stage.run(**settings(stage))
    third = await stage.run(**settings(stage))
    await until_listed(stage, 2)
    assert {row["complaints"] for row in await listed(stage)} == {1}
    blocked = await stage.asked(mail(to=[BOB, ANN]), "first")
    assert (blocked.type, blocked.body["rejected"]) == ("blocked", [BOB, ANN])

    added = await command(stage, "add", "eve@example.com", "--tenant", "acme", "--for", "7d", "-o", "json")
    assert added.returncode == 0, added.stderr
    assert json.loads(added.stdout)["kind"] == "block"
    other = await command(stage, "add", BOB, "--tenant", "acme", "--wait", "20", CONSUMER_SUPPRESSION__KEY="x" * 20)
    assert (other.returncode, "another key" in other.stderr) == (1, True)
    for service in (second, third):
        service.kill()
        await service.ended()
    await stage.run(**settings(stage))
    assert (await stage.asked(mail(to=["Eve@example.com"]), "second")).type == "blocked"
    assert stage.relay.taken == []


async def test_another_key_is_told_and_no_empty_list(stage: Stage) -> None:
    first = await stage.run(**settings(stage))
    await stage.asked(mail(to=[ANN]), "first")
    assert await first.stop() == 0
    second = await stage.prepared(**settings(stage) | {"CONSUMER_SUPPRESSION__KEY": "x" * 20})
    second.start()
    assert await second.ended() == 70
    assert "CONSUMER_SUPPRESSION__KEY" in second.said


async def test_with_suppression_on_its_topics_must_be_there_and_off_they_need_not(stage: Stage) -> None:
    missing = {"CONSUMER_TOPICS__FEEDBACK": f"{stage.names.prefix}.nowhere"}
    service = await stage.prepared(**settings(stage) | missing)
    service.start()
    assert await service.ended() == 78
    assert "nowhere is missing: run `consumer topics create`" in service.said
    await stage.run(**missing)


async def test_a_command_that_cannot_hash_says_so_and_quotes_nobody(stage: Stage) -> None:
    stage.write_tenants()
    short = await command(stage, "add", ANN, "--tenant", "acme", CONSUMER_SUPPRESSION__KEY="short")
    assert (short.returncode, "CONSUMER_SUPPRESSION__KEY must have" in short.stderr) == (78, True)
    wrong = await command(stage, "remove", "c4n4ry c4n4ry", "--tenant", "acme")
    assert (wrong.returncode, "c4n4ry" in wrong.stderr) == (2, False)


async def until_listed(stage: Stage, number: int) -> None:
    async with asyncio.timeout(120):
        while len(await listed(stage)) < number:  # noqa: ASYNC110  the list sends no signal
            await asyncio.sleep(0.1)


async def _raw(stage: Stage, topic: str) -> str:
    records = await kafka_side.raw_records(stage.bootstrap, f"{stage.names.prefix}.{topic}", PARTITIONS)
    return str([(one.key, one.value, one.headers) for one in records])
