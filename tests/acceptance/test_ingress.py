"""The HTTP API as a process, in front of a consumer at work."""

import asyncio
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.acceptance.stage import Stage, ingress

MAIL = {"subject": "Hello", "recipient": "ann@example.com", "message": "World"}


async def test_a_call_is_sent_and_answered_with_its_outcome(stage: Stage) -> None:
    await stage.run()
    async with ingress(stage) as (url, beside), aiohttp.ClientSession() as session:
        headers = {"Tenant": "acme", "Request-ID": "http-1"}
        async with session.post(f"{url}/send-email", json=MAIL, headers=headers) as answer:
            assert (answer.status, list(await answer.json())) == (200, ["message"])
        async with session.post(f"{url}/send-email", json=MAIL, headers={"Tenant": "nobody"}) as answer:
            assert (answer.status, (await answer.json())["type"]) == (404, "unknown-tenant")
        async with session.get(f"{beside}/readyz") as answer:
            assert (answer.status, await answer.json()) == (200, {"ready": True, "checks": {"kafka": True}})
        async with session.get(f"{beside}/metrics") as answer:
            counted = await answer.text()
        assert 'consumer_ingress_calls_total{operation="email.send-email.v1",status="200"} 1.0' in counted
        async with session.get(f"{url}/metrics") as answer:
            assert answer.status == 404  # whoever may call need not see them
    await stage.outcomes.reach(2)
    assert "http-1" in {told.headers["ce_causationid"] for told in stage.outcomes.all}
    assert len(stage.relay.taken) == 1


@pytest.mark.first_day
@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_schemathesis_finds_nothing(stage: Stage, tmp_path: Path) -> None:
    """All its checks but one: what fits the schema may still end badly, for its outcome is the answer."""
    stage.tenants = {"0": {"mode": "dry-run"}}
    await stage.run(CONSUMER_WORK__TEST_EMAILS="100000", CONSUMER_WORK__VALIDATIONS="100000")
    async with ingress(stage, CONSUMER_INGRESS__WAIT="1s") as (url, _):
        program = str(Path(sys.executable).with_name("schemathesis"))
        flags = ["--max-examples", "100", "--seed", "1", "--suppress-health-check", "all"]
        flags += ["--checks", "all", "--exclude-checks", "positive_data_acceptance"]
        done = await asyncio.to_thread(
            subprocess.run,
            [program, "run", f"{url}/openapi.json", *flags],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=350,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "3 selected / 3 total" in done.stdout
