"""Kafka over TLS and with a login, as an operator sets it up; and what is said where that is wrong."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from devtools.broker import Broker, free_ports
from devtools.certificates import Certificates, write_certificates
from devtools.runtimes import find_runtime
from tests.integration.secured import SCRAM_AND_PLAIN, listener

USER, PASSWORD = "ann", "correct-horse"
pytestmark = pytest.mark.broker


@dataclass(frozen=True, slots=True)
class Secured:
    """A broker with a listener that wants TLS and a login."""

    address: str
    authority: Path
    other_authority: Path

    def environment(self, **others: str) -> Mapping[str, str]:
        """What an operator sets."""
        kafka = {
            "BOOTSTRAP_SERVERS": self.address,
            "SECURITY_PROTOCOL": "SASL_SSL",
            "SASL_MECHANISM": "SCRAM-SHA-512",
            "SASL_USERNAME": USER,
            "SASL_PASSWORD": PASSWORD,
            "SSL_CAFILE": str(self.authority),
            "REQUEST_TIMEOUT": "5s",
        } | others
        given = {name: value for name, value in os.environ.items() if not name.startswith("CONSUMER_")}
        return given | {f"CONSUMER_KAFKA__{name}": value for name, value in kafka.items()}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    files, others = write_certificates(folder / "right"), write_certificates(folder / "other")
    (port,) = free_ports(1)
    with Broker(_settings(port, files)) as broker:
        _let_in(broker.bootstrap)
        yield Secured(f"127.0.0.1:{port}", files.authority, others.authority)


def _settings(port: int, files: Certificates) -> dict[str, str]:
    modules = "org.apache.kafka.common.security"
    return {
        **listener(port, files, SCRAM_AND_PLAIN),
        "listener.name.secured.scram-sha-512.sasl.jaas.config": f"{modules}.scram.ScramLoginModule required;",
        "listener.name.secured.plain.sasl.jaas.config": (
            f'{modules}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        ),
    }


def _let_in(bootstrap: str) -> None:
    command = find_runtime().tool(
        "kafka.admin.ConfigCommand", "--bootstrap-server", bootstrap, "--alter", "--entity-type", "users",
        "--entity-name", USER, "--add-config", f"SCRAM-SHA-512=[password={PASSWORD}]",
    )  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=60)


async def _topics(environment: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and messages of `consumer topics create`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "consumer", "topics", "create",
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, said.decode()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
async def test_topics_are_made_over_tls_with_a_login(secured: Secured, mechanism: str) -> None:
    names = {f"CONSUMER_TOPICS__{kind.upper()}": f"{mechanism.lower()}.{kind}" for kind in KINDS}
    code, said = await _topics({**secured.environment(SASL_MECHANISM=mechanism), **names})
    assert code == 0, said
    assert f"{mechanism.lower()}.outcomes" in said


@pytest.mark.timeout(180)
async def test_a_wrong_password_is_named_and_not_shown(secured: Secured) -> None:
    code, said = await _topics(secured.environment(SASL_PASSWORD="not-the-one"))
    assert code == 69
    assert "not-the-one" not in said
    assert "SaslAuthenticationFailed" in said


@pytest.mark.timeout(180)
async def test_a_broker_with_a_strangers_certificate_is_not_spoken_to(secured: Secured) -> None:
    code, said = await _topics(secured.environment(SSL_CAFILE=str(secured.other_authority)))
    assert code == 69
    assert "certificate" in said
    assert PASSWORD not in said


KINDS = ("requests", "outcomes", "parked", "suppressions", "feedback")
