"""The commands, one after another, as somebody uses them who sets the service up."""

import asyncio
import json
import subprocess
import sys

from tests.acceptance.kafka_side import Names
from tests.acceptance.stage import Stage


async def test_topics_are_made_and_a_request_that_is_sent_ends_as_an_outcome_that_is_shown(stage: Stage) -> None:
    names = Names()
    stage.names = names
    about = {
        "CONSUMER_TOPICS__SUPPRESSIONS": f"{names.prefix}.suppressions",
        "CONSUMER_TOPICS__FEEDBACK": f"{names.prefix}.feedback",
        "CONSUMER_TOPICS__PARTITIONS": "3",
    }
    stage.write_tenants()
    made = await command(stage, about, "topics", "create")
    assert made.stdout.split()[0] == names.requests
    assert (await command(stage, about, "check", "--online")).returncode == 0

    await stage.run(**about)
    flags = ("--tenant", "acme", "--to", "ann@example.com", "--subject", "Grüße", "--text", "Hello", "--id", "r-1")
    sent = await command(stage, about, "send", *flags, "--wait", "20", "-o", "json")
    assert sent.returncode == 0, sent.stderr
    told = json.loads(sent.stdout)
    assert (told["outcome"], told["data"]["accepted"]) == ("accepted", ["ann@example.com"])
    shown = await command(stage, about, "outcomes", "--tenant", "acme", "-o", "json")
    assert [json.loads(line)["outcome"] for line in shown.stdout.splitlines()] == ["accepted"]
    assert len(stage.relay.taken) == 1


async def command(stage: Stage, about: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run one to its end."""
    environment = {**stage.settings, **about}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "consumer", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
