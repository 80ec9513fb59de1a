"""`consumer bench` against a real broker and a consumer at work."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devtools.certificates import write_certificates
from tests.acceptance.stage import Stage, staged


@pytest.fixture
async def stage(broker: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(broker, tmp_path, write_certificates(tmp_path)) as made:
        made.tenants = {"dry": {"mode": "dry-run"}, "toy": {"simulator": True}, "acme": {}}
        await made.run()
        yield made


async def test_a_load_ends_as_accepted_is_measured_and_reaches_no_relay(stage: Stage) -> None:
    shown = await bench(stage, "--tenant", "dry", "--requests", "60", "-o", "json")
    assert shown.returncode == 0, shown.stderr
    told = json.loads(shown.stdout)
    assert (told["requests"], told["outcomes"], told["unanswered"]) == (60, {"accepted": 60}, 0)
    waits = [told["latencySeconds"][name] for name in ("p50", "p90", "p99", "max")]
    assert waits == sorted(waits)
    assert 0 < waits[0] <= told["seconds"]
    assert told["perSecond"] == pytest.approx(60 / told["seconds"], rel=0.01)  # each is rounded

    paced = await bench(stage, "--tenant", "toy", "--requests", "5", "--rate", "10")
    assert paced.returncode == 0, paced.stderr
    rows = dict(line.rsplit(maxsplit=1) for line in paced.stdout.splitlines() if not line.endswith(" ms"))
    assert (rows["requests"], rows["accepted"]) == ("5", "5")
    assert float(rows["seconds"]) >= 0.4

    assert stage.relay.taken == []
    await stage.outcomes.reach(67)


async def test_a_tenant_that_the_consumers_know_as_live_gets_one_request_and_no_load(
    stage: Stage, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.json"
    mine.write_text(
        json.dumps({"tenants": {"acme": {**json.loads(stage.tenants_file.read_text())["default"], "mode": "dry-run"}}})
    )
    stopped = await bench(stage, "--tenant", "acme", "--requests", "60", CONSUMER_TENANTS__FILE=str(mine))
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert "the consumers have another configuration" in stopped.stderr
    assert len(stage.relay.taken) == 1
    assert stage.relay.taken[0].recipients == ("accepted@simulator.invalid",)


async def bench(stage: Stage, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one to its end."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "consumer", "bench", *words],
        env={**stage.settings, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
