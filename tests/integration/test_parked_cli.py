"""`consumer parked` against a real broker, with a consumer that owns the partitions."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consumer.core.timestamp import format_timestamp
from devtools.certificates import write_certificates
from tests.acceptance.stage import Stage, mail, staged

IDS = ("r-1", "r-2", "r-3")


@pytest.fixture
async def stage(broker: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(broker, tmp_path, write_certificates(tmp_path)) as made:
        await made.run()
        yield made


async def test_what_is_parked_is_listed_cancelled_and_promoted(stage: Stage) -> None:
    at = (datetime.now(UTC) + timedelta(hours=1)).timestamp()
    origins = {id_: await stage.ask(mail(sendAt=format_timestamp(at)), id_) for id_ in IDS}
    await stage.parked(IDS)

    rows = await listed(stage)
    assert {row["id"] for row in rows} == set(IDS)
    first = rows[0]
    assert first.keys() == {
        "partition", "offset", "tenant", "id", "reason", "due", "deadline", "attempts", "lastReason",
    }  # fmt: skip
    assert (first["tenant"], first["reason"], first["due"]) == ("acme", "send-at", format_timestamp(at))
    assert [row["id"] for row in await listed(stage, "--tenant", "other")] == []
    assert [row["id"] for row in await listed(stage, "--reason", "window")] == []
    table = await command(stage, "list")
    assert table.stdout.split()[:3] == ["partition", "offset", "tenant"]
    assert len(table.stdout.splitlines()) == 4

    foreign = await command(stage, "cancel", "--tenant", "other", "r-1")
    assert (foreign.returncode, "not-parked" in foreign.stdout) == (1, True)
    cancelled = await command(stage, "cancel", "--tenant", "acme", "r-1", "r-2", "-o", "json")
    assert cancelled.returncode == 0, cancelled.stderr
    assert [json.loads(line)["data"]["id"] for line in cancelled.stdout.splitlines()] == ["r-1", "r-2"]
    for id_ in ("r-1", "r-2"):
        assert (await stage.outcomes.of(origins[id_])).type == "cancelled"
    again = await command(stage, "cancel", "--tenant", "acme", "r-1")
    assert (again.returncode, "not-parked" in again.stdout) == (1, True)

    assert (await command(stage, "promote", "--tenant", "acme", "r-3")).returncode == 0
    assert (await stage.outcomes.of(origins["r-3"])).kind == "accepted"
    assert await listed(stage) == []
    assert len(stage.relay.taken) == 1


async def listed(stage: Stage, *flags: str) -> list[dict[str, Any]]:
    done = await command(stage, "list", "-o", "json", *flags)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


async def command(stage: Stage, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one to its end."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "consumer", "parked", *words],
        env=stage.settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
