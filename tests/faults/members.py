"""The processes of a scene: consumers to kill, freeze and start again, and the relay that writes down what it took."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from devtools.child import Child
from tests.faults.figures import WITHIN


@dataclass(slots=True)
class Member:
    """One consumer of the group, as an operator runs it. Its log goes on over restarts."""

    name: str
    log: Path
    environment: Mapping[str, str]
    starts: int = 0
    child: Child | None = None
    leaving: bool = False

    def start(self) -> None:
        self.starts += 1
        self.child = Child.start([sys.executable, "-m", "consumer", "run"], log=self.log, environment=self.environment)

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.running

    @property
    def died(self) -> bool:
        """Whether it was started and has ended: though nobody asked it to."""
        return self.child is not None and not self.child.running and not self.leaving

    @property
    def code(self) -> int | None:
        """How it ended."""
        return self._process.code

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def assigned(self) -> set[int]:
        """The partitions that the group gave it last, by its log."""
        told = re.findall(r'"partitions":\[([\d,]*)\],"event":"assigned"', self.said)
        return {int(number) for number in told[-1].split(",") if number} if told else set()

    async def ready(self) -> bool:
        """What it says of itself over HTTP; no while it does not listen."""
        told = re.findall(r'"address":"([\d.:]+)"', self.said)
        if not told:
            return False
        with suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.get(f"http://{told[-1]}/readyz") as answer:
                return answer.status == 200
        return False

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()

    def freeze(self) -> None:
        self._process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.signal(signal.SIGCONT)

    async def leave(self, within: float = 30.0) -> None:
        """Ask it to finish and go; the loop of the scene turns on meanwhile."""
        self.leaving = True
        await asyncio.to_thread(self._process.stop, within)

    async def ended(self, within: float = WITHIN) -> bool:
        """Wait for an end of its own accord; tells whether it came."""
        return await asyncio.to_thread(self._process.wait, within)

    def megabytes(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024

    @property
    def _process(self) -> Child:
        assert self.child is not None, f"{self.name} was not started"
        return self.child


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail that the relay took, by its own clock and before it said so."""

    message_id: str
    tenant: str
    at: float


@dataclass(slots=True)
class RelayProcess:
    """The relay of devtools as a process of its own."""

    folder: Path
    latency: int = 0
    port: int = 0
    _child: Child | None = field(default=None)

    @property
    def journal(self) -> Path:
        return self.folder / "relay.jsonl"

    async def start(self) -> None:
        log = self.folder / "relay.log"
        command = [sys.executable, "-m", "devtools.relay", "--scheme", "plain", "--port", str(self.port)]
        command += ["--journal", str(self.journal), "--latency", str(self.latency)]
        self._child = Child.start(command, log=log)
        async with asyncio.timeout(WITHIN):
            while not (told := re.findall(r"listening on [\d.]+:(\d+)", log.read_text() if log.exists() else "")):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        self.port = int(told[-1])

    def close(self) -> None:
        if self._child is not None:
            self._child.kill()

    def taken(self) -> list[Taken]:
        return read_journal(self.journal)


def read_journal(journal: Path) -> list[Taken]:
    """Each mail that a relay took, in the order in which it did."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    mails = [json.loads(line) for line in lines]
    return [Taken(mail["message_id"], _tenant(mail["sender"]), mail["at"]) for mail in mails]


def _tenant(sender: str) -> str:
    """From no-reply@TENANT.example."""
    return sender.partition("@")[2].partition(".")[0]
