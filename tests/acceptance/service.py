"""The consumer as an operator runs it: a process, seen from outside."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from devtools.child import Child

WITHIN = 60.0
"""Seconds for anything that a healthy machine does in one."""

EVERYDAY = (
    "GroupCoordinatorNotAvailable",  # a broker that is new still makes itself ready
    "because it is rebalancing",  # another member has come or gone
)


async def until(true: Callable[[], object], within: float = WITHIN) -> None:
    """Wait until that is true; TimeoutError if it does not come to be."""
    async with asyncio.timeout(within):
        while True:
            if true():
                return
            await asyncio.sleep(0.02)


@dataclass(slots=True)
class Service:
    """`python -m consumer run` with these settings. Its log goes on over restarts."""

    log: Path
    settings: Mapping[str, str]
    child: Child | None = None
    _port: int | None = None
    _seen: int = 0
    _session: aiohttp.ClientSession | None = field(default=None, repr=False)

    def start(self, **more: str) -> None:
        self._seen = len(self.said)
        self._port = None
        environment = {**self.settings, **more}
        self.child = Child.start([sys.executable, "-m", "consumer", "run"], log=self.log, environment=environment)

    @property
    def process(self) -> Child:
        assert self.child is not None, "not started"
        return self.child

    @property
    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def lines(self) -> Iterator[dict[str, Any]]:
        """Its log since it was last started."""
        return (json.loads(line) for line in self.said[self._seen :].splitlines() if line.startswith("{"))

    def complaints(self) -> list[str]:
        """What it has said from warning on, but for what Kafka's client says of everyday things."""
        lines = (line["event"] for line in self.lines() if line["level"] not in {"debug", "info"})
        return [line for line in lines if not any(everyday in line for everyday in EVERYDAY)]

    async def ready(self, within: float = WITHIN) -> None:
        """Wait until /readyz says so."""
        async with asyncio.timeout(within):
            while not await self._is_ready():
                assert self.process.running, f"it has ended:\n{self.process.tail}"
                await asyncio.sleep(0.05)

    async def _is_ready(self) -> bool:
        if self._listens() is None:
            return False
        status, _ = await self.get("/readyz")
        return status == 200

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10))
        async with self._session.get(f"http://127.0.0.1:{self._listens()}{path}") as answer:
            return answer.status, await answer.text()

    async def metrics(self) -> dict[str, float]:
        """Each sample by its name and labels, as they are written."""
        _, text = await self.get("/metrics")
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return {_written(sample.name, sample.labels): sample.value for sample in samples}

    @property
    def port(self) -> int:
        """Where health and metrics are, once it is ready."""
        found = self._listens()
        assert found is not None, "it does not listen yet"
        return found

    def _listens(self) -> int | None:
        if self._port is None:
            for line in self.lines():
                if line["event"] == "listening":
                    self._port = int(line["address"].rpartition(":")[2])
        return self._port

    def ask_to_stop(self) -> None:
        self.process.signal(signal.SIGTERM)

    async def ended(self, within: float = WITHIN) -> int | None:
        """Wait for its end; the exit code."""
        assert await asyncio.to_thread(self.process.wait, within), f"still there:\n{self.process.tail}"
        return self.process.code

    async def stop(self, within: float = WITHIN) -> int | None:
        self.ask_to_stop()
        return await self.ended(within)

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()

    def megabytes(self) -> float:
        """The most memory it ever had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self.child is not None and self.child.running:
            self.child.kill()


def _written(name: str, labels: Mapping[str, str]) -> str:
    inner = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return f"{name}{{{inner}}}" if inner else name


@asynccontextmanager
async def service(log: Path, settings: Mapping[str, str]) -> AsyncGenerator[Service]:
    """One that is not started yet, and is gone at the end."""
    made = Service(log, settings)
    try:
        yield made
    finally:
        await made.close()
