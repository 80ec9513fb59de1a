"""What is measured, each as a process of its own."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import TopicPartition

from benchmarks import events, sink
from benchmarks.courses import Course
from benchmarks.plain import compose
from benchmarks.relays import Relay
from devtools.child import ALLOWED_HERE


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run happens: its topics, its relay, its folder."""

    bootstrap: str
    requests: str
    run: str
    relay: Relay
    course: Course
    folder: Path

    @property
    def outcomes(self) -> str:
        return f"outcomes-{self.run}"

    @property
    def parked(self) -> str:
        return f"parked-{self.run}"

    @property
    def group(self) -> str:
        return f"consumer-{self.run}"

    @property
    def outcome_places(self) -> list[TopicPartition]:
        return [TopicPartition(self.outcomes, number) for number in range(self.course.partitions)]


@dataclass(frozen=True, slots=True)
class Start:
    """How a process is started."""

    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class System:
    """One row of the table. Without outcomes, it ends by itself when its mails are sent."""

    name: str
    start: Callable[[Place], Start]
    outcomes: bool = True


def _ours(place: Place) -> Start:
    tenants = place.folder / "tenants.yaml"
    tenants.write_text(_tenants(place))
    environment = {
        "KAFKA__BOOTSTRAP_SERVERS": place.bootstrap,
        "KAFKA__GROUP_ID": place.group,
        "TOPICS__REQUESTS": place.requests,
        "TOPICS__OUTCOMES": place.outcomes,
        "TOPICS__PARKED": place.parked,
        "TENANTS__FILE": str(tenants),
        "HTTP__PORT": "0",
        "SMTP__CONNECTIONS_PER_RELAY": str(place.course.connections),
    }
    authority = place.relay.authority
    environment |= {"SMTP__CA_FILE": str(authority)} if authority else {"SMTP__ALLOW_PLAINTEXT": "127.0.0.1"}
    return Start(
        [sys.executable, "-m", "consumer", "run"],
        {f"CONSUMER_{name}": text for name, text in environment.items()} | ALLOWED_HERE,
    )


def _tenants(place: Place) -> str:
    """In JSON, which is YAML too."""
    default = {
        "smtp_host": "127.0.0.1",
        "smtp_port": place.relay.port,
        "smtp_scheme": "smtp" if place.relay.authority else "plain",
        "domain": "acme.example",
        "hLimit": 1_000_000,
    }
    return json.dumps({"default": default, "tenants": {name: {} for name in events.tenants(place.course.tenants)}})


def _plain(place: Place) -> Start:
    given = {
        "bootstrap": place.bootstrap,
        "group": f"plain-{place.run}",
        "requests": place.requests,
        "outcomes": place.outcomes,
        "host": "127.0.0.1",
        "port": str(place.relay.port),
        "connections": str(place.course.connections),
    }
    if place.relay.authority:
        given["ca"] = str(place.relay.authority)
    words = [word for name, text in given.items() for word in (f"--{name}", text)]
    return Start([sys.executable, "-m", "benchmarks.plain", *words])


def _source(place: Place) -> Start:
    ready = place.folder / "ready.eml"
    ready.write_bytes(compose(events.request(1), "request-1").as_bytes().replace(b"\r\n", b"\n"))
    words = ["-d", "-s", str(place.course.connections), "-m", str(place.course.mails), "-F", str(ready)]
    words += ["-t", "reader@example.com", f"127.0.0.1:{place.relay.port}"]
    return Start([sink.source() or "smtp-source", *words])


def _two(place: Place) -> Start:
    start = _ours(place)
    return Start([*start.command, "--workers", "2"], start.environment)


OURS = System("this consumer", _ours)
TWO = System("this consumer, 2 workers", _two)
PLAIN = System("plain asyncio consumer", _plain)
SOURCE = System("smtp-source, ready bytes", _source, outcomes=False)
