"""What the demo brings up: topics, a relay and the consumer, each as somebody would at a command line."""

import asyncio
import http.client
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client.parser import text_string_to_metric_families

from devtools.child import ALLOWED_HERE, Child
from devtools.demo.asks import TENANTS, VALUES
from devtools.demo.relay import PASSWORD, SEED_2_HOST, USER

_WITHIN = 30.0
PARKED = "consumer_parked{reason=window}"

Metrics = Mapping[str, float]
"""Values by name and labels, as they are written."""


class BrokenDemoError(Exception):
    """Something did not come up; the text says what, and the end of its log."""


@dataclass(slots=True)
class Scene:
    """Everything around one run of the demo. Its files lie in `folder`, and stay."""

    folder: Path
    bootstrap: str
    prefix: str = "email"
    relay_port: int = 0
    files_port: int = 0
    http_port: int = 0
    consumer: Child | None = None
    _relay: Child | None = field(default=None)
    _files: Child | None = field(default=None)

    @classmethod
    def on(cls, folder: Path, bootstrap: str, *, shared: bool) -> Self:
        """On a Kafka that is not ours alone, the topics have names of their own."""
        return cls(folder, bootstrap, f"demo-{secrets.token_hex(4)}" if shared else "email")

    @property
    def outcomes(self) -> str:
        return f"{self.prefix}.outcomes"

    @property
    def requests(self) -> str:
        return f"{self.prefix}.requests"

    @property
    def log(self) -> Path:
        return self.folder / "consumer.log"

    @property
    def mails(self) -> Path:
        return self.folder / "mails"

    @property
    def settings(self) -> dict[str, str]:
        """What the consumer and its commands are told, by environment."""
        topics = ("requests", "outcomes", "parked", "suppressions", "feedback")
        return {
            "CONSUMER_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap,
            "CONSUMER_KAFKA__GROUP_ID": f"{self.prefix}-consumer",
            **{f"CONSUMER_TOPICS__{topic.upper()}": f"{self.prefix}.{topic}" for topic in topics},
            "CONSUMER_TENANTS__FILE": str(self.folder / "tenants.yaml"),
            "CONSUMER_PII__FILE": str(self.folder / "values.yaml"),
            "CONSUMER_HTTP__PORT": "0",
            "CONSUMER_SUPPRESSION__KEY": "only-for-the-demo",
            "CONSUMER_NETWORK__HOSTS": json.dumps({f"{SEED_2_HOST}:1234": f"127.0.0.1:{self.relay_port}"}),
            **ALLOWED_HERE,
            "CONSUMER_LOG__FORMAT": "json",
        }

    def start_relay(self) -> None:
        """Returns once it listens and its certificates are there."""
        log = self.folder / "relay.log"
        self._relay = Child.start([sys.executable, "-m", "devtools.demo.relay", str(self.folder)], log=log)
        self.relay_port = _told_port(self._relay, log, r"listening on [\d.]+:(\d+)")

    def tell_relay(self, number: signal.Signals) -> None:
        """SIGUSR1 breaks it, SIGUSR2 mends it."""
        if self._relay:
            self._relay.signal(number)

    @property
    def files(self) -> str:
        """Where the files of the demo can be fetched."""
        return f"http://127.0.0.1:{self.files_port}/files"

    def start_files(self) -> None:
        """A web server with a file to attach."""
        folder, log = self.folder / "files", self.folder / "files.log"
        folder.mkdir(exist_ok=True)
        (folder / "plan.txt").write_text("Monday: read the events.\nTuesday: send the mails.\n")
        command = [sys.executable, "-m", "devtools.stand_ins", "--files", str(folder)]
        self._files = Child.start(command, log=log)
        self.files_port = _told_port(self._files, log, r"listening on http://[\d.]+:(\d+)")

    def write_settings(self) -> None:
        """The tenants, and a file to source for who wants to try the commands."""
        authority = self.folder / "certificates" / "ca.pem"
        tenants = TENANTS.format(port=self.relay_port, user=USER, password=PASSWORD, authority=authority)
        (self.folder / "tenants.yaml").write_text(tenants)
        (self.folder / "values.yaml").write_text(VALUES)
        lines = (f"export {name}={shlex.quote(value)}\n" for name, value in self.settings.items())
        relay = f"export DEMO_RELAY={self._relay.pid}\n" if self._relay else ""
        (self.folder / "environment").write_text("".join((*lines, relay)))

    def make_topics(self) -> list[str]:
        """By `consumer topics create`; the names of those that were made."""
        command = [sys.executable, "-m", "consumer", "topics", "create"]
        done = subprocess.run(
            command, env={**os.environ, **self.settings}, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise BrokenDemoError(f"`consumer topics create` ended with {done.returncode}:\n{done.stderr.strip()}")
        return done.stdout.split()

    def start_consumer(self) -> None:
        """By `consumer run`; returns once it is ready."""
        command = [sys.executable, "-m", "consumer", "run"]
        self.consumer = Child.start(command, log=self.log, environment=self.settings)
        self.http_port = _told_port(self.consumer, self.log, r'"address":"[\d.]+:(\d+)"')
        _until(lambda: self.get("/readyz")[0] == 200, self.consumer)
        with (self.folder / "environment").open("a") as file:
            file.write(f"export DEMO_URL=http://127.0.0.1:{self.http_port}\n")

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of the consumer's answer."""
        link = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=5)
        try:
            link.request("GET", path)
            answer = link.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            said = self.consumer.tail if self.consumer else ""
            raise BrokenDemoError(f"The consumer does not answer any more; the end of its log:\n{said}") from error
        finally:
            link.close()

    def metrics(self) -> Metrics:
        families = text_string_to_metric_families(self.get("/metrics")[1])
        samples = (sample for family in families for sample in family.samples)
        return {_written(sample.name, sample.labels): sample.value for sample in samples}

    def settled_metrics(self) -> Metrics:
        """Those of a consumer that has looked at its own state since the last request: it does so once a second."""
        deadline = time.monotonic() + 3
        while (metrics := self.metrics()).get(PARKED, 0) and time.monotonic() < deadline and self.consumer:
            self.consumer.wait(0.1)
        return metrics

    def close(self) -> None:
        """The consumer finishes what it has begun; topics on a Kafka that is not ours are removed."""
        if self.consumer:
            self.consumer.stop(within=25)
        for child in (self._relay, self._files):
            if child:
                child.kill()
        if self.prefix != "email":
            asyncio.run(self._forget_topics())

    async def _forget_topics(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            async with asyncio.timeout(_WITHIN):
                ours = [topic for topic in await admin.list_topics() if topic.startswith(f"{self.prefix}.")]
                if ours:
                    await admin.delete_topics(ours)
        finally:
            await admin.close()


def clear(folder: Path) -> None:
    """Remove what a former run left there, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("mails", "certificates", "files"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("mails.jsonl", "consumer.log", "relay.log", "files.log", "tenants.yaml", "values.yaml", "environment"):
        (folder / name).unlink(missing_ok=True)


def _told_port(child: Child, log: Path, pattern: str) -> int:
    _until(lambda: re.search(pattern, log.read_text()), child)
    found = re.search(pattern, log.read_text())
    return int(found[1]) if found else 0


def _until(true: Callable[[], object], child: Child) -> None:
    deadline = time.monotonic() + _WITHIN
    while not true():
        if child.wait(0.05):
            raise BrokenDemoError(f"It ended while it started; the end of its log:\n{child.tail}")
        if time.monotonic() > deadline:
            raise BrokenDemoError(f"It was not ready within {_WITHIN:.0f} s; the end of its log:\n{child.tail}")


def _written(name: str, labels: Mapping[str, str]) -> str:
    inner = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
    return f"{name}{{{inner}}}" if inner else name
