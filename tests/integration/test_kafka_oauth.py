"""Kafka with tokens in place of a password: the whole consumer, on a broker that wants them and cuts old sessions."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from devtools.bearer_endpoint import BearerEndpoint, unsecured
from devtools.broker import Broker, free_ports
from devtools.certificates import Certificates, write_certificates
from tests.acceptance.stage import Stage, mail, staged
from tests.integration.secured import listener

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

SESSION = 8.0
"""Seconds after which the broker closes a connection, with however good a token it was opened. A consumer that starts
while others have most of the processor has been seen to need four."""

KAFKA = "CONSUMER_KAFKA__"


@dataclass(frozen=True, slots=True)
class Secured:
    """A broker with a listener that wants TLS and a token, beside the plain one of the test itself."""

    plain: str
    address: str
    certificates: Certificates

    @property
    def settings(self) -> dict[str, str]:
        return {
            f"{KAFKA}BOOTSTRAP_SERVERS": self.address,
            f"{KAFKA}SECURITY_PROTOCOL": "SASL_SSL",
            f"{KAFKA}SASL_MECHANISM": "OAUTHBEARER",
            f"{KAFKA}SSL_CAFILE": str(self.certificates.authority),
            f"{KAFKA}REQUEST_TIMEOUT": "5s",
        }

    def of(self, endpoint: BearerEndpoint) -> dict[str, str]:
        """With tokens of an endpoint."""
        return self.settings | {
            f"{KAFKA}SASL_OAUTH_TOKEN_URL": endpoint.url,
            f"{KAFKA}SASL_OAUTH_CLIENT_ID": endpoint.client,
            f"{KAFKA}SASL_OAUTH_CLIENT_SECRET": endpoint.secret,
            f"{KAFKA}SASL_OAUTH_CA_FILE": str(self.certificates.authority),
        }

    def with_token(self, path: Path, token: str) -> dict[str, str]:
        """With this token in a file."""
        path.write_text(token)
        return self.settings | {f"{KAFKA}SASL_OAUTH_TOKEN_FILE": str(path)}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    files = write_certificates(tmp_path_factory.mktemp("tls"))
    (port,) = free_ports(1)
    with Broker(_settings(port, files)) as broker:
        yield Secured(broker.bootstrap, f"127.0.0.1:{port}", files)


def _settings(port: int, files: Certificates) -> dict[str, str]:
    module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
    return {
        **listener(port, files, "OAUTHBEARER"),
        "listener.name.secured.oauthbearer.sasl.jaas.config": f"{module} required;",
        "listener.name.secured.oauthbearer.connections.max.reauth.ms": str(round(SESSION * 1000)),
    }


@pytest.fixture
async def stage(secured: Secured, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(secured.plain, tmp_path, secured.certificates) as made:
        yield made


async def _ran(settings: Mapping[str, str], *command: str) -> tuple[int, str]:
    """Exit code and messages of a command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "consumer", *command,
        env=settings, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, said.decode()


async def test_mail_goes_out_while_tokens_run_out_and_the_broker_cuts_sessions(secured: Secured, stage: Stage) -> None:
    async with BearerEndpoint(secured.certificates, lifetime=12) as endpoint:
        service = await stage.run(**secured.of(endpoint))
        until = time.monotonic() + 2.5 * SESSION
        number = 0
        while time.monotonic() < until:
            number += 1
            assert (await stage.asked(mail(), f"r-{number}")).status == 204
            await asyncio.sleep(0.3)  # the broker's sessions run by its own clock
        assert await service.stop() == 0
    assert len(await stage.outcomes.there_now()) == number == len(stage.relay.taken)
    assert 2 <= endpoint.asked <= 5
    assert endpoint.secret not in service.said


async def test_a_token_in_a_file_is_enough(secured: Secured, stage: Stage, tmp_path: Path) -> None:
    service = await stage.run(**secured.with_token(tmp_path / "token", unsecured("mailer", 3_600)))
    assert (await stage.asked(mail(), "r-1")).status == 204
    assert await service.stop() == 0
    told = {**stage.settings, **secured.with_token(tmp_path / "token", unsecured("mailer", 3_600))}
    code, said = await _ran(told, "parked", "list")
    assert code == 0, said


async def test_a_token_that_the_broker_refuses_is_said_and_not_shown(
    secured: Secured, stage: Stage, tmp_path: Path
) -> None:
    stage.write_tenants()
    token = unsecured("mailer", -60)
    code, said = await _ran({**stage.settings, **secured.with_token(tmp_path / "token", token)}, "check", "--online")
    assert code == 69
    assert "the broker refuses the token" in said
    assert token not in said


async def test_a_check_online_names_what_keeps_it_from_a_token(secured: Secured, stage: Stage) -> None:
    stage.write_tenants()
    async with BearerEndpoint(secured.certificates) as endpoint:
        wrong = {f"{KAFKA}SASL_OAUTH_CLIENT_SECRET": "not-the-one"}
        code, said = await _ran({**stage.settings, **secured.of(endpoint), **wrong}, "check", "--online")
    assert code == 78
    assert (
        f"refuses with 401 invalid_client; check {KAFKA}SASL_OAUTH_CLIENT_ID and {KAFKA}SASL_OAUTH_CLIENT_SECRET"
        in said
    )
    assert "not-the-one" not in said
