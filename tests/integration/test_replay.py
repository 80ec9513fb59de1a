"""`consumer replay` against a real broker and a consumer at work."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devtools.certificates import write_certificates
from tests.acceptance.service import WITHIN
from tests.acceptance.stage import Stage, mail, staged


@pytest.fixture
async def stage(broker: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(broker, tmp_path, write_certificates(tmp_path)) as made:
        yield made


async def test_what_failed_is_shown_and_then_asked_for_again_and_sent(stage: Stage) -> None:
    service = await stage.run()
    assert (await stage.asked(mail(), "fine")).status == 204
    assert (await stage.asked(mail(), "late", tenant="newcomer")).type == "unknown-tenant"

    shown = await replay(stage, "-o", "json")
    assert [json.loads(line)["id"] for line in shown.stdout.splitlines()] == ["late"]
    assert "1 requests would be asked for again: 1 unknown-tenant" in shown.stderr
    assert "add --execute" in shown.stderr

    stage.tenants["newcomer"] = {}
    stage.write_tenants()
    async with asyncio.timeout(WITHIN):
        while (await service.metrics())["consumer_tenants"] != 2:  # noqa: ASYNC110  asked from outside
            await asyncio.sleep(0.1)
    done = await replay(stage, "--execute")
    assert done.returncode == 0, done.stderr
    await stage.outcomes.reach(3)
    told = stage.outcomes.all[-1]
    assert (told.status, told.headers["ce_causationid"]) == (204, "late")
    assert (await replay(stage)).stdout == ""


async def test_a_second_mail_goes_out_only_where_that_was_said_and_under_another_id(stage: Stage) -> None:
    await stage.run()
    assert (await stage.asked(mail(), "r-1")).status == 204
    unsaid = await replay(stage, "--type", "accepted", "--execute")
    assert "1 left out: a mail went out" in unsaid.stderr
    said = await replay(stage, "--type", "accepted", "--sent-too", "--execute", "--rate", "1000")
    assert (said.returncode, "SECOND mail" in said.stderr) == (0, True)
    await stage.outcomes.reach(2)
    assert [one.headers["ce_causationid"] for one in stage.outcomes.all] == ["r-1", "r-1-again"]
    assert len(stage.relay.taken) == 2


async def replay(stage: Stage, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one to its end."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "consumer", "replay", *words],
        env=stage.settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
