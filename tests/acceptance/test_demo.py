"""`make demo`, as somebody meets it who has just cloned this."""

import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from devtools.child import Child
from tests.acceptance.service import until

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo under way; its processes carry a mark in their environment."""

    child: Child
    folder: Path
    log: Path
    mark: str

    async def until(self, text: str) -> None:
        """Wait until it has said that, or has ended."""
        await until(lambda: text in self.said or not self.child.running, within=90)
        assert text in self.said, self.said

    async def ended(self) -> None:
        """Wait until nothing of it runs."""
        await until(lambda: not _marked(self.mark), within=40)

    @property
    def said(self) -> str:
        return self.log.read_text()


Start = Callable[..., Demo]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Start]:
    started: list[Demo] = []

    def start(*options: str, **environment: str) -> Demo:
        mark, log, scratch = uuid.uuid4().hex, tmp_path / "said.log", tmp_path / "scratch"
        scratch.mkdir()
        about = {"DEMO_MARK": mark, "PYTHONUNBUFFERED": "1", "TMPDIR": str(scratch), **environment}
        command = [sys.executable, "-m", "devtools.demo", "--folder", str(tmp_path / "demo"), *options]
        made = Demo(Child.start(command, log=log, environment=about), tmp_path / "demo", log, mark)
        started.append(made)
        return made

    yield start
    for one in started:
        one.child.stop(within=30)


async def test_each_request_has_the_outcome_that_it_must_have_and_the_mails_stay(
    demo: Start, broker: str, admin: AIOKafkaAdminClient
) -> None:
    running = demo(KAFKA_BOOTSTRAP_SERVERS=broker, CONSUMER_KAFKA__GROUP_ID="meant-for-another-consumer")
    await running.until("Each request had the outcome that it must have.")
    await running.ended()
    assert [path.name for path in sorted((running.folder / "mails").iterdir())] == [
        f"0000{n}.eml" for n in range(1, 10)
    ]
    assert not [topic for topic in await admin.list_topics() if topic.startswith("demo-")]


@pytest.mark.slow
async def test_after_ctrl_c_nothing_of_it_runs_or_lies_about(
    demo: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    running = demo("--keep")
    await running.until("In another terminal")
    assert len(_marked(running.mark)) >= 5  # itself, Kafka, the relay, the files, the consumer
    running.child.signal(signal.SIGINT)
    await running.ended()
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.slow
async def test_after_ctrl_c_in_the_middle_of_the_start_nothing_of_it_runs_or_lies_about(
    demo: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    running = demo()
    await running.until("✓ Kafka")
    running.child.signal(signal.SIGINT)
    await running.ended()
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.slow
async def test_after_kill_9_nothing_of_it_runs(demo: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    running = demo()
    await running.until("✓ consumer run")
    running.child.kill()
    await running.ended()


def _marked(mark: str) -> list[str]:
    """The processes that carry it, by their command."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has ended meanwhile, or is not ours to look at
    return found
