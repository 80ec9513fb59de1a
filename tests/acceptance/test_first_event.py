"""docs/first-event.md: what stands there is run as it stands there, in each language whose tools this machine has."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from devtools.runtimes import find_runtime
from tests.acceptance.stage import Stage

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "first-event.md").read_text()

pytestmark = [pytest.mark.first_day, pytest.mark.slow, pytest.mark.timeout(300)]


def code(language: str, stage: Stage) -> str:
    """The block as it is, with the topics of this test for those of the defaults."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    found = found.replace(
        "connect(os.environ", f"connect(requests='{stage.names.requests}', bootstrap_servers=os.environ"
    )
    found = (
        found.replace('KAFKA"])', f"KAFKA\"], outcomes='{stage.names.outcomes}')") if language == "python" else found
    )
    return found.replace("email.requests", stage.names.requests).replace("email.outcomes", stage.names.outcomes)


async def sent(stage: Stage, id_: str, command: Sequence[str], folder: Path, **more: str) -> str:
    """Run it; how its request ended, and what it printed."""
    await stage.run()
    done = await run(command, folder, {"KAFKA": stage.bootstrap, **more})
    assert done.returncode == 0, done.stderr
    await stage.outcomes.reach(1)
    (told,) = stage.outcomes.all
    assert (told.status, told.headers["ce_causationid"]) == (204, id_)
    return done.stdout


async def run(command: Sequence[str], folder: Path, more: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    import os  # noqa: PLC0415

    return await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=folder,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.fixture(autouse=True)
def demo(stage: Stage) -> None:
    stage.tenants = {"demo": {}}


def needs(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is missing")


async def test_kcat(stage: Stage, tmp_path: Path) -> None:
    needs("kcat")
    await sent(stage, "first-kcat", ["sh", "-c", code("sh", stage)], tmp_path)


async def test_python(stage: Stage, tmp_path: Path) -> None:
    out = await sent(
        stage, "first-python", [sys.executable, "-c", code("python", stage)], tmp_path, PYTHONPATH=str(ROOT)
    )
    assert '"outcome": "accepted"' in out


async def test_node(stage: Stage, tmp_path: Path) -> None:
    needs("npm")
    if (await run(["npm", "install", "--silent", "kafkajs@2"], tmp_path, {})).returncode:
        pytest.skip("npm cannot install kafkajs")
    (tmp_path / "first.js").write_text(code("js", stage))
    await sent(stage, "first-node", ["node", "first.js"], tmp_path)


async def test_go(stage: Stage, tmp_path: Path) -> None:
    needs("go")
    (tmp_path / "main.go").write_text(code("go", stage))
    for words in (["mod", "init", "first"], ["get", "github.com/twmb/franz-go@v1"], ["mod", "tidy"]):
        if (await run(["go", *words], tmp_path, {})).returncode:
            pytest.skip("go cannot get franz-go")
    await sent(stage, "first-go", ["go", "run", "."], tmp_path)


async def test_java(stage: Stage, tmp_path: Path) -> None:
    needs("java")
    command = find_runtime().tool("First.java")
    if "-cp" not in command:
        pytest.skip("Kafka's jars are in an image, not here")
    (tmp_path / "First.java").write_text(code("java", stage))
    jars = command[command.index("-cp") + 1]
    await sent(stage, "first-java", ["java", "-cp", jars, "First.java"], tmp_path)
