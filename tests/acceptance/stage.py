"""All that a test needs around a consumer: topics, a relay with TLS and AUTH, tenants, and readers of what comes out."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consumer.core.record import Headers
from devtools.certificates import Certificates
from devtools.child import ALLOWED_HERE, Child
from devtools.relay import Relay
from devtools.relay_script import Manner, Script
from tests.acceptance import kafka_side
from tests.acceptance.kafka_side import Names, Outcomes, Requests, Told
from tests.acceptance.service import WITHIN, Service, service, until

PASSWORD = "c4n4ry-of-the-relay"
USERS = {"mailer": PASSWORD, "me": "mysecret"}
PARTITIONS = 3
UNLIMITED = 10**9

PACE = {
    "CONSUMER_KAFKA__SESSION_TIMEOUT": "6s",
    "CONSUMER_KAFKA__HEARTBEAT_INTERVAL": "500ms",
    "CONSUMER_KAFKA__TRANSACTION_TIMEOUT": "4s",
    "CONSUMER_KAFKA__REQUEST_TIMEOUT": "5s",
    "CONSUMER_WORK__GRANT_LIFETIME": "2s",
    "CONSUMER_WORK__DRAIN_WITHIN": "5s",
}
"""Short, in the proportions of the defaults."""


@dataclass(slots=True)
class Stage:
    """One of these stands for one test, or for the tests of one file."""

    bootstrap: str
    folder: Path
    certificates: Certificates
    names: Names
    relay: Relay
    requests: Requests
    outcomes: Outcomes
    stack: AsyncExitStack
    tenants: dict[str, dict[str, object]] = field(default_factory=lambda: {"acme": {}})
    services: list[Service] = field(default_factory=list[Service])

    @property
    def tenants_file(self) -> Path:
        return self.folder / "tenants.json"

    @property
    def settings(self) -> dict[str, str]:
        return {
            **PACE,
            **ALLOWED_HERE,
            "CONSUMER_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap,
            "CONSUMER_KAFKA__GROUP_ID": self.names.group,
            "CONSUMER_TOPICS__REQUESTS": self.names.requests,
            "CONSUMER_TOPICS__OUTCOMES": self.names.outcomes,
            "CONSUMER_TOPICS__PARKED": self.names.parked,
            "CONSUMER_TENANTS__FILE": str(self.tenants_file),
            "CONSUMER_HTTP__PORT": "0",
            "CONSUMER_LOG__FORMAT": "json",
            "CONSUMER_SMTP__CA_FILE": str(self.certificates.authority),
        }

    async def places_of(self, canary: str, metrics: str) -> list[str]:
        """Where the canary is, upper or lower case, of all that leaves the consumer; `metrics` as they were then."""
        told = await self.outcomes.there_now()
        parked = await kafka_side.raw_records(self.bootstrap, self.names.parked, PARTITIONS)
        said = {
            "outcomes": str([(one.raw.key, one.headers, one.value) for one in told]),
            "log": "".join(one.said for one in self.services),
            "metrics": metrics,
            "parked": str([(one.key, one.value, one.headers) for one in parked]),
            "committed": str(await kafka_side.committed(self.bootstrap, self.names, PARTITIONS)),
        }
        return [place for place, text in said.items() if canary in text.lower()]

    def write_tenants(self) -> None:
        """As they are in `tenants`, over a default that names the relay."""
        default = {
            "smtp_host": "localhost",
            "smtp_port": self.relay.port,
            "smtp_user": "mailer",
            "smtp_pass": PASSWORD,
            "domain": "acme.example",
            "hLimit": UNLIMITED,
        }
        beside = self.tenants_file.with_suffix(".new")
        beside.write_text(json.dumps({"default": default, "tenants": self.tenants}))  # JSON is YAML
        beside.rename(self.tenants_file)

    async def prepared(self, **settings: str) -> Service:
        """A consumer that is not started yet."""
        if not self.tenants_file.exists():
            self.write_tenants()
        log = self.folder / f"consumer-{len(self.services)}.log"
        made = await self.stack.enter_async_context(service(log, {**self.settings, **settings}))
        self.services.append(made)
        return made

    async def run(self, **settings: str) -> Service:
        """A consumer that is ready."""
        made = await self.prepared(**settings)
        made.start()
        await made.ready()
        return made

    async def ask(self, fields: Mapping[str, object], request_id: str, *, tenant: str = "acme") -> str:
        """Write a request as plain JSON; where it lies."""
        return await self.requests.send(json.dumps(fields).encode(), headers=plain(tenant, request_id))

    async def asked(self, fields: Mapping[str, object], request_id: str, *, tenant: str = "acme") -> Told:
        """Write a request and wait for its outcome."""
        return await self.outcomes.of(await self.ask(fields, request_id, tenant=tenant))

    async def parked(self, ids: Collection[str], within: float = WITHIN) -> dict[str, dict[str, Any]]:
        """Wait until these requests are parked; how they wait, by id."""
        async with asyncio.timeout(within):
            while True:
                found = await kafka_side.parked(self.bootstrap, self.names, PARTITIONS)
                if found.keys() >= set(ids):
                    return {request_id: found[request_id] for request_id in ids}

    async def another_relay(self, script: Script | None = None, manner: Manner | None = None) -> Relay:
        """One more; by itself it asks for no login."""
        made = Relay(manner or Manner(), script, certificates=self.certificates)
        return await self.stack.enter_async_context(made)


def plain(tenant: str, request_id: str) -> Headers:
    return (("tenant", tenant.encode()), ("request_id", request_id.encode()))


def mail(**fields: object) -> dict[str, object]:
    """A request; a field given as None is left out."""
    given = {"to": ["ann@example.com"], "subject": "Hello", "text": "World"} | fields
    return {name: value for name, value in given.items() if value is not None}


@asynccontextmanager
async def staged(
    bootstrap: str,
    folder: Path,
    certificates: Certificates,
    *,
    manner: Manner | None = None,
    script: Script | None = None,
) -> AsyncGenerator[Stage]:
    """Everything up but the consumer; all of it gone at the end."""
    names = Names()
    await kafka_side.make_topics(bootstrap, names, PARTITIONS)
    async with AsyncExitStack() as stack:
        manner = manner or Manner(users=USERS)
        relay = await stack.enter_async_context(Relay(manner, script, certificates=certificates))
        requests = await stack.enter_async_context(kafka_side.requests(bootstrap, names))
        outcomes = await stack.enter_async_context(kafka_side.outcomes(bootstrap, names.outcomes, PARTITIONS))
        yield Stage(bootstrap, folder, certificates, names, relay, requests, outcomes, stack)


@asynccontextmanager
async def ingress(stage: Stage, **more: str) -> AsyncGenerator[tuple[str, str]]:
    """The HTTP API as a process: where its calls go, and where its health and metrics are."""
    log = stage.folder / "ingress.log"
    environment = {**stage.settings, "CONSUMER_INGRESS__PORT": "0", **more}
    child = Child.start([sys.executable, "-m", "consumer", "ingress"], log=log, environment=environment)
    try:
        await until(lambda: "taking calls" in log.read_text() or not child.running)
        told = {line["event"]: line.get("address") for line in map(json.loads, log.read_text().splitlines())}
        yield f"http://{told['taking calls']}", f"http://{told['listening']}"
    finally:
        child.kill()
