"""A newcomer's path, as README has it: a clone, the demo, an event of one's own, a relay that breaks and is mended.

Each block is taken from the page as it stands there, but for where the demo lies and what its topics are called.
"""

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devtools.child import Child
from devtools.runtimes import find_runtime
from tests.acceptance.service import WITHIN, until

pytestmark = [pytest.mark.broker, pytest.mark.first_day, pytest.mark.slow, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody at a shell, with the demo kept running in another terminal."""

    folder: Path

    async def follows(self, beginning: str) -> str:
        """What is printed by the block of README that begins so."""
        (block,) = [one for one in BLOCKS if one.startswith(beginning)]
        return await self.types(block)

    async def types(self, script: str) -> str:
        """What is printed by these lines, in a shell that has the demo's environment."""
        done = await asyncio.to_thread(_typed, f". {self.folder}/environment\n{_here(script)}")
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"  # that of the last command
        return done.stdout

    async def endings(self, request_id: str) -> list[str]:
        """What the request came to."""
        said = await self.types(".venv/bin/consumer outcomes --tenant demo -o json")
        outcomes = [json.loads(line) for line in said.splitlines()]
        return [one["outcome"] for one in outcomes if one["id"] == request_id]


def _here(script: str) -> str:
    script = script.replace(". .cache/demo/environment\n", "")
    script = script.replace(".venv/bin/consumer", f"{shlex.quote(sys.executable)} -m consumer")
    for topic in ("requests", "outcomes"):
        script = script.replace(f"email.{topic}", f"$CONSUMER_TOPICS__{topic.upper()}")
    return script


def _typed(script: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSUMER_")}
    return subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=kept, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
async def newcomer(broker: str, tmp_path: Path) -> AsyncIterator[Newcomer]:
    folder, log = tmp_path / "demo", tmp_path / "said.log"
    command = [sys.executable, "-m", "devtools.demo", "--keep", "--folder", str(folder)]
    environment = {"KAFKA_BOOTSTRAP_SERVERS": broker, "PYTHONUNBUFFERED": "1"}
    demo = Child.start(command, log=log, environment=environment)
    try:
        await until(lambda: "It goes on until Ctrl-C" in log.read_text() or not demo.running, within=90)
        assert demo.running, demo.tail
        yield Newcomer(folder)
    finally:
        demo.stop(within=30)


@pytest.mark.timeout(400)
async def test_in_a_fresh_clone_the_demo_is_one_command(broker: str, tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    told = {"PYTHON": sys.executable, "KAFKA_BOOTSTRAP_SERVERS": broker}
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | told
    script = f"git clone --quiet {shlex.quote(str(ROOT))} clone && cd clone && make demo"
    done = await asyncio.to_thread(
        subprocess.run,
        ["sh", "-ec", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Each request had the outcome that it must have." in done.stdout


def by_kafkas_own_tools(block: str) -> str:
    """The first command of the block as Kafka's console producer has it, where kcat is missing."""
    (data,) = re.findall(r"echo '(.*)'", block)
    line = f"tenant:demo,request_id:my-first\tdemo\t{data}"
    flags = ["--topic", "email.requests", "--property", "parse.headers=true", "--property", "parse.key=true"]
    tool = shlex.join(find_runtime().tool("org.apache.kafka.tools.ConsoleProducer", *flags))
    return f"echo {shlex.quote(line)} | {tool} --bootstrap-server $CONSUMER_KAFKA__BOOTSTRAP_SERVERS"


async def test_from_an_event_of_ones_own_to_a_relay_that_broke_and_was_mended(newcomer: Newcomer) -> None:
    assert " accepted " in await newcomer.follows(". .cache/demo/environment")
    if shutil.which("kcat"):
        await newcomer.follows("echo")
        async with asyncio.timeout(WITHIN):
            while "ce_causationid=my-first" not in await newcomer.follows("kcat -C"):
                pass
    else:
        (by_kcat,) = [block for block in BLOCKS if "kcat -P" in block]
        await newcomer.types(by_kafkas_own_tools(by_kcat))
    async with asyncio.timeout(WITHIN):
        while await newcomer.endings("my-first") != ["accepted"]:
            pass
    looked = await newcomer.follows(".venv/bin/consumer outcomes --tenant demo\n")
    assert re.search(r"demo +my-first +accepted +204 +250", looked)
    assert re.search(r'^consumer_outcomes_total{outcome="accepted"} \d\d\.0$', looked, re.MULTILINE)

    broken = await newcomer.follows("kill -USR1 $DEMO_RELAY")
    (waits,) = [line for line in broken.splitlines() if " second " in line]
    due = r"\d{4}-\d\d-\d\dT[\d:.]+Z"
    assert re.search(rf" demo +second +retry +{due} +{due} +1 +unreachable$", waits)
    assert 'consumer_parked{reason="retry"} 1.0' in broken
    page = re.sub(r"<[^>]*>", " ", await newcomer.types("curl -s $DEMO_URL/"))
    assert re.search(r"demo +retry +1 +(in [\d.]+ s|now)", page)

    await newcomer.follows("kill -USR2 $DEMO_RELAY")  # it may have gone by itself before it is promoted
    async with asyncio.timeout(WITHIN):
        while await newcomer.endings("second") != ["accepted"]:
            pass
    assert await newcomer.endings("second") == ["accepted"]
    assert " second " not in await newcomer.types(".venv/bin/consumer parked list")
    mails = [path.read_text() for path in sorted((newcomer.folder / "mails").iterdir())]
    assert [mail.count("Again") for mail in mails].count(1) == 1
