"""What the Dockerfile runs, run without an engine: the packages of its locks, the wheel, and what the image can do then."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.first_day, pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
VERSION = re.findall(r"^FROM python:(\d+\.\d+)", DOCKERFILE, re.MULTILINE)[0]
STEPS = re.findall(r"^RUN ((?:.*\\\n)*.*)$", DOCKERFILE, re.MULTILINE)
OUR_PLACES = re.compile(r"(?<![\w.])/(?=app\b|wheel\b|requirements-run\.lock\b)")


def context(to: Path) -> None:
    """What .dockerignore lets through."""
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            source = ROOT / line[1:]
            ignored = shutil.ignore_patterns("__pycache__")
            if source.is_dir():
                shutil.copytree(source, to / source.name, ignore=ignored)
            else:
                shutil.copy(source, to)


def image_python() -> str:
    """The image's own version where this machine has it, otherwise the one that runs here: the locks are for all."""
    found = shutil.which(f"python{VERSION}")
    works = found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
    return found if found and works else sys.executable


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that stands for the image's root, after all steps."""
    root = tmp_path_factory.mktemp("image")
    (root / "src").mkdir()
    context(root / "src")
    shutil.copy(ROOT / "requirements-run.lock", root)
    subprocess.run([image_python(), "-m", "venv", root / "base"], check=True, timeout=60)
    environment = {"PATH": f"{root}/base/bin:{os.environ['PATH']}", "HOME": str(root)}
    for step in STEPS:
        script = OUR_PLACES.sub(f"{root}/", step)
        done = subprocess.run(
            ["sh", "-euc", script],
            cwd=root / "src",
            env=environment,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        if "Could not fetch URL" in done.stderr or "NewConnectionError" in done.stderr:
            pytest.skip("pip cannot reach its index")
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return root


def consumer(image: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command as the entry point starts it: from nowhere in particular, with nothing but PATH and settings."""
    environment = {"PATH": f"{image}/app/bin", "PYTHONDONTWRITEBYTECODE": "1", **settings}
    command = [image / "app/bin/consumer", *words]
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_each_step_was_run(image: Path) -> None:
    assert len(STEPS) == 4
    assert [path.suffix for path in (image / "wheel").iterdir()] == [".whl"]


def test_the_program_is_there_with_its_schemas_and_pip_is_gone(image: Path) -> None:
    told = consumer(image, "--version")
    assert (told.returncode, told.stderr) == (0, "")
    assert "send-email.v1" in consumer(image, "schemas", "list").stdout
    assert list((image / "app/bin").glob("pip*")) == []


def test_what_is_missing_is_said_and_nobody_answers_yet(image: Path) -> None:
    refused = consumer(image, "run")
    assert (refused.returncode, refused.stdout) == (78, "")
    assert refused.stderr.startswith("CONSUMER_KAFKA__BOOTSTRAP_SERVERS has to be set")
    asked = consumer(image, "healthcheck", CONSUMER_KAFKA__BOOTSTRAP_SERVERS="kafka:9092", CONSUMER_HTTP__PORT="1")
    assert (asked.returncode, asked.stdout) == (1, ""), asked.stderr


def test_tracing_is_in_it_and_everything_is_compiled(image: Path) -> None:
    python = image / "app/bin/python"
    asked = "import opentelemetry.sdk, uvloop, consumer; print(consumer.__cached__)"
    done = subprocess.run([python, "-c", asked], cwd="/", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).exists()
