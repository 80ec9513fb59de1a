"""docs/security.md: the ACLs that stand there are enough for the consumer, over TLS and SCRAM, and for all around it."""

import asyncio
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from consumer.client import Client, connect, events
from devtools.broker import Broker, free_ports
from devtools.certificates import Certificates, write_certificates
from devtools.runtimes import find_runtime
from tests.acceptance.service import Service, service
from tests.acceptance.stage import mail
from tests.integration.secured import SCRAM_AND_PLAIN, listener

pytestmark = [pytest.mark.broker, pytest.mark.first_day, pytest.mark.slow, pytest.mark.timeout(240)]

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
ROW = re.compile(r"^\| (\w+) \| (topic|group|transactional-id) \| (.+?) \| (.+?) \|$", re.MULTILINE)
TENANTS = "tenants: {acme: {mode: dry-run, smtp_host: relay.example, domain: acme.example, hLimit: 1000}}"
KINDS = ("requests", "outcomes", "parked", "suppressions", "feedback")
MODULES = "org.apache.kafka.common.security"
USER, PASSWORD = "consumer", "correct-horse"
OTHERS = ("topics", "producer", "api", "reader", "nobody")


@dataclass(frozen=True, slots=True)
class Guarded:
    """A broker that lets nobody do anything but what the page says."""

    address: str
    authority: Path
    folder: Path

    def settings(self, user: str) -> dict[str, str]:
        """The consumer's by SCRAM, the others' by PLAIN, which needs nothing to be stored first."""
        kafka = {
            "BOOTSTRAP_SERVERS": self.address,
            "SECURITY_PROTOCOL": "SASL_SSL",
            "SASL_MECHANISM": "SCRAM-SHA-512" if user == USER else "PLAIN",
            "SASL_USERNAME": user,
            "SASL_PASSWORD": PASSWORD,
            "SSL_CAFILE": str(self.authority),
        }
        others = {
            "CONSUMER_TENANTS__FILE": str(self.folder / "tenants.yaml"),
            "CONSUMER_SUPPRESSION__KEY": "a key that is long enough",
            "CONSUMER_HTTP__PORT": "0",
            "CONSUMER_LOG__FORMAT": "json",
        }
        return {f"CONSUMER_KAFKA__{name}": value for name, value in kafka.items()} | others

    def security(self, user: str) -> dict[str, Any]:
        """The same in aiokafka's words."""
        return {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": user,
            "sasl_plain_password": PASSWORD,
            "ssl_context": ssl.create_default_context(cafile=str(self.authority)),
        }


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "tenants.yaml").write_text(TENANTS)
    files = write_certificates(folder / "certificates")
    (port,) = free_ports(1)
    with Broker(_settings(port, files)) as broker:
        _tool("kafka.admin.ConfigCommand", broker, *_user(USER))
        for who, resource, names, operations in ROW.findall(PAGE):
            _tool(
                "org.apache.kafka.tools.AclCommand",
                broker,
                "--add",
                "--force",
                *_allowed(who, resource, names, operations),
            )
        yield Guarded(f"127.0.0.1:{port}", files.authority, folder)


def _settings(port: int, files: Certificates) -> dict[str, str]:
    users = " ".join(f'user_{user}="{PASSWORD}"' for user in OTHERS)
    return {
        **listener(port, files, SCRAM_AND_PLAIN),
        "listener.name.secured.scram-sha-512.sasl.jaas.config": f"{MODULES}.scram.ScramLoginModule required;",
        "listener.name.secured.plain.sasl.jaas.config": f"{MODULES}.plain.PlainLoginModule required {users};",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # who comes by the plain listener: the broker itself, and this test's tools
    }


def _user(name: str) -> list[str]:
    how = f"SCRAM-SHA-512=[password={PASSWORD}]"
    return ["--alter", "--entity-type", "users", "--entity-name", name, "--add-config", how]


def _allowed(who: str, resource: str, names: str, operations: str) -> list[str]:
    """A row of the page as Kafka's own tool has it."""
    words = ["--allow-principal", f"User:{who}"]
    found = re.findall(r"`([^`]+)`", names)
    if any(name.endswith("*") for name in found):
        words += ["--resource-pattern-type", "prefixed"]
    words += [word for name in found for word in (f"--{resource}", name.rstrip("*"))]
    return words + [word for operation in operations.split(", ") for word in ("--operation", operation)]


def _tool(name: str, broker: Broker, *words: str) -> None:
    command = find_runtime().tool(name, "--bootstrap-server", broker.bootstrap, *words)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def ran(settings: Mapping[str, str], *command: str) -> tuple[int, str]:
    """Exit code and all that a command says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "consumer", *command,
        env={**_plain_environment(), **settings}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 90)
    return process.returncode or 0, said.decode()


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CONSUMER_")}


@pytest.fixture
async def at_work(guarded: Guarded, tmp_path: Path) -> AsyncIterator[Service]:
    assert await ran(guarded.settings("topics"), "topics", "create") == (
        0,
        "".join(f"email.{kind}\n" for kind in KINDS),
    )
    code, said = await ran(guarded.settings(USER), "check", "--online")
    assert code == 0, said
    async with service(tmp_path / "consumer.log", guarded.settings(USER)) as made:
        made.start()
        await made.ready()
        yield made


async def ending(client: Client, tenant: str = "acme", **fields: object) -> str:
    request = await client.submit(tenant, mail(**fields))
    outcome = await request.outcome(within=60)
    return outcome.kind if outcome else "none in time"


async def test_what_the_page_allows_is_enough_for_everybody(guarded: Guarded, at_work: Service) -> None:
    consumers = guarded.settings(USER)
    async with connect(guarded.address, security=guarded.security("api")) as client:
        assert await ending(client) == "accepted"
        for number in range(8):  # without a key they come to any partition, and most are passed on
            asked = events.request(f"keyless-{number}", "acme", mail())
            request = await client.emit(replace(asked, key=None))
            outcome = await request.outcome(within=60)
            assert outcome is not None
            assert outcome.kind == "accepted"

        code, said = await ran(consumers, "suppressions", "add", "eve@example.com", "--tenant", "acme")
        assert code == 0, said
        assert await ending(client, to=["eve@example.com"]) == "suppressed"

        later = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat().replace("+00:00", "Z")
        await client.submit("acme", mail(sendAt=later), request_id="later")
        async with asyncio.timeout(60):
            while " later " not in (listed := await ran(consumers, "parked", "list"))[1]:
                assert listed[0] == 0, listed
        code, said = await ran(consumers, "parked", "promote", "--tenant", "acme", "later")
        assert code == 0, said

        assert await at_work.stop() == 0
        at_work.start()  # what is taken over is read back: offsets, outcomes, parked entries, the list
        await at_work.ready()
        assert await ending(client) == "accepted"
    assert at_work.complaints() == []
    code, said = await ran(consumers, "outcomes")
    assert (code, said.count("accepted") >= 10) == (0, True), said

    async with connect(guarded.address, outcomes=None, security=guarded.security("producer")) as alone:
        await alone.submit("acme", mail(), request_id="by a producer")
    assert "by a producer" in await _first_outcomes(guarded)


async def _first_outcomes(guarded: Guarded) -> set[str]:
    """The ids of requests that a reader in a group sees ended."""
    reader = AIOKafkaConsumer(
        "email.outcomes",
        bootstrap_servers=guarded.address,
        group_id="my-readers",
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        **guarded.security("reader"),
    )
    await reader.start()
    try:
        seen: set[str] = set()
        async with asyncio.timeout(60):
            async for record in reader:
                seen.add(dict(record.headers)["ce_causationid"].decode())
                if "by a producer" in seen:
                    await reader.commit()
                    return seen
    finally:
        await reader.stop()
    return seen


async def test_without_leave_the_topics_look_as_if_they_were_missing(guarded: Guarded) -> None:
    code, said = await ran(guarded.settings("nobody"), "check", "--online")
    assert code == 78
    assert "topic email.requests is missing: run `consumer topics create` (or this user may not see it)" in said
