"""The images that docker-compose.yml names, where a Docker engine answers."""

import shutil
import subprocess
from pathlib import Path

import aiohttp
import pytest
import yaml
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

from consumer.adapters.clock import SystemClock
from consumer.adapters.smtp import SmtpOptions, SmtpTransport
from consumer.core.attempt import Answered
from consumer.core.mail import Address, Mail
from consumer.core.tenant import Relay, Scheme

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
SMTP, WEB = 1025, 8025


def engine_answers() -> bool:
    if not shutil.which("docker"):
        return False
    asked = ["docker", "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(asked, capture_output=True, timeout=15, check=False).returncode == 0


@pytest.mark.first_day
@pytest.mark.skipif(not engine_answers(), reason="no Docker engine answers")
@pytest.mark.timeout(300)
async def test_mailpit_takes_our_mail_and_shows_it() -> None:
    image = yaml.safe_load(COMPOSE.read_text())["services"]["mailpit"]["image"]
    ready = HttpWaitStrategy(WEB, "/readyz").for_status_code(200)
    with DockerContainer(image).with_exposed_ports(SMTP, WEB).waiting_for(ready) as mailpit:
        host = mailpit.get_container_host_ip()
        attempt = await _send(Relay(host, int(mailpit.get_exposed_port(SMTP)), Scheme.PLAIN))
        async with aiohttp.ClientSession() as web:
            answer = await web.get(f"http://{host}:{mailpit.get_exposed_port(WEB)}/api/v1/messages")
            messages = (await answer.json())["messages"]
    assert isinstance(attempt, Answered)
    assert [message["Subject"] for message in messages] == ["From here"]


async def _send(relay: Relay) -> object:
    clock = SystemClock()
    transport = SmtpTransport(clock, SmtpOptions(allow_plaintext=True))
    ann = Address("ann@example.com")
    mail = Mail(ann, (ann,), b"From: ann@example.com\r\nSubject: From here\r\n\r\nHello\r\n", "<1@example.com>")

    async def permit() -> float:
        return clock.elapsed() + 5.0

    try:
        return await transport.send(mail, relay, permit)
    finally:
        await transport.aclose()
