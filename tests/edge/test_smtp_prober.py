"""A connection without a mail: each stage named where it ends, and no secret said where nobody may hear it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from consumer.adapters.guard import Guard
from consumer.adapters.smtp.dialer import Dialer, Reach, reach
from consumer.adapters.smtp.options import SmtpOptions
from consumer.adapters.smtp.prober import SmtpProber
from consumer.core.network import Borders
from consumer.core.probe import Probed, Reached, Stopped
from consumer.core.reply import Reply
from consumer.core.tenant import Relay, Scheme
from devtools.certificates import Certificates, Flaw, write_certificates
from devtools.relay import Relay as ScriptedRelay
from devtools.relay_script import GARBAGE, Act, Drop, Endless, Hang, Manner, Say, Script
from tests.edge.post import CLOCK, PATIENT

WELCOME = Reply(235, "welcome", "2.7.0")
WITH_TLS = ["dns", "tcp", "greeting", "tls", "auth"]


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return write_certificates(tmp_path_factory.mktemp("right"))


@dataclass
class Try:
    """A relay, and a prober that trusts its authority."""

    relay: ScriptedRelay
    prober: SmtpProber
    name: Relay

    async def probe(self, **more: object) -> Probed:
        async with asyncio.timeout(10):
            return await self.prober.probe(replace(self.name, **more))

    @property
    def verbs(self) -> list[str]:
        return [line.split()[0].upper() for log in self.relay.sessions for line in log.lines]


@asynccontextmanager
async def trying(
    certificates: Certificates | None,
    script: Script | None = None,
    *,
    scheme: Scheme = Scheme.SMTP,
    patience: float = 5.0,
    manner: Manner | None = None,
    reach: Reach = reach,
    trusted: Path | None = None,
) -> AsyncIterator[Try]:
    manner = manner or Manner("smtps" if scheme is Scheme.SMTPS else "smtp", users={"ann": "secret"})
    dialer = Dialer(CLOCK, SmtpOptions(PATIENT), on_stages=lambda *_: None, reach=reach)
    async with ScriptedRelay(manner, script, certificates=certificates) as relay:
        ca_file = trusted or (certificates and certificates.authority)
        name = Relay("localhost", relay.port, scheme, "ann", "secret", str(ca_file) if ca_file else None)
        yield Try(relay, SmtpProber(dialer, CLOCK, PATIENT, patience), name)


def stages(probed: Probed) -> list[str]:
    return [stage.name for stage in probed.stages]


def ended(probed: Probed) -> tuple[str, str]:
    """Stage and reason."""
    assert isinstance(probed, Stopped), probed
    return probed.stages[-1].name, probed.reason


async def test_a_relay_that_takes_the_login_is_reached_and_gets_no_mail(right: Certificates) -> None:
    async with trying(right) as it:
        probed = await it.probe()
        assert isinstance(probed, Reached)
        assert stages(probed) == WITH_TLS
        assert probed.reply == WELCOME
        await it.relay.until_all_left()
        assert it.verbs == ["EHLO", "STARTTLS", "EHLO", "AUTH", "QUIT"]


async def test_tls_at_connect_comes_before_the_greeting(right: Certificates) -> None:
    async with trying(right, scheme=Scheme.SMTPS) as it:
        probed = await it.probe()
        assert isinstance(probed, Reached)
        assert stages(probed) == ["dns", "tcp", "tls", "greeting", "auth"]
        assert all(stage.seconds > 0 for stage in probed.stages)


async def test_without_a_user_nobody_logs_in(right: Certificates) -> None:
    async with trying(right) as it:
        probed = await it.probe(user=None, password=None)
        assert isinstance(probed, Reached)
        assert (stages(probed), probed.reply) == (WITH_TLS[:-1], None)
        assert "AUTH" not in it.verbs


async def test_a_wrong_password_is_tried_once_and_told_in_the_relays_words(right: Certificates) -> None:
    async with trying(right) as it:
        probed = await it.probe(password="wrong")
        assert ended(probed) == ("auth", "refused")
        assert stages(probed) == WITH_TLS
        assert probed.reply == Reply(535, "wrong user or password", "5.7.8")
        assert it.verbs.count("AUTH") == 1


@pytest.mark.parametrize("stage", ["greeting", "ehlo", "starttls", "auth"])
@pytest.mark.parametrize(
    ("act", "reasons"),
    [
        pytest.param(Hang(), {"timeout"}, id="hangs"),
        pytest.param(Drop(), {"connection-lost"}, id="drops"),
        pytest.param(GARBAGE, {"malformed-reply", "connection-lost", "timeout"}, id="garbles"),
        pytest.param(Say("421 4.3.2 not now"), {"closing"}, id="closes"),
        pytest.param(Endless(), {"malformed-reply", "connection-lost", "timeout", "reply-too-long"}, id="is-endless"),
    ],
)
async def test_whatever_a_relay_does_its_stage_is_named(
    right: Certificates, stage: str, act: Act, reasons: set[str]
) -> None:
    names = {"ehlo": "greeting", "starttls": "tls"}
    async with trying(right, {stage: act}, patience=0.5) as it:
        last, reason = ended(await it.probe())
        assert last == names.get(stage, stage)
        assert reason in reasons


@pytest.mark.parametrize("scheme", [Scheme.SMTP, Scheme.SMTPS])
@pytest.mark.parametrize("flaw", ["expired", "wrong-host"])
async def test_a_wrong_certificate_gets_no_password(tmp_path: Path, scheme: Scheme, flaw: Flaw) -> None:
    async with trying(write_certificates(tmp_path, flaw), scheme=scheme) as it:
        assert ended(await it.probe()) == ("tls", "certificate")
        assert "AUTH" not in it.verbs


async def test_where_starttls_was_stripped_no_password_goes_out_in_clear(right: Certificates) -> None:
    async with trying(None, trusted=right.authority) as it:
        assert ended(await it.probe()) == ("tls", "starttls-not-offered")
        assert it.verbs == ["EHLO"]


async def test_what_speaks_no_tls_at_connect_ends_there(right: Certificates) -> None:
    async with trying(None, trusted=right.authority) as it:
        assert ended(await it.probe(scheme=Scheme.SMTPS)) == ("tls", "tls-failed")


async def test_plain_text_needs_an_operators_leave(right: Certificates) -> None:
    async with trying(right) as it:
        assert ended(await it.probe(scheme=Scheme.PLAIN)) == ("tls", "plaintext-not-allowed")
        assert it.relay.sessions == []


async def test_a_name_without_an_address_ends_at_dns(right: Certificates) -> None:
    async with trying(right) as it:
        probed = await it.probe(host="nowhere.invalid")
        assert (stages(probed), ended(probed)) == (["dns"], ("dns", "dns"))


async def test_a_resolver_that_hangs_ends_at_dns(right: Certificates) -> None:
    async def hang(host: str, port: int, within: float, **_: object) -> socket.socket:
        async with asyncio.timeout(within):
            await asyncio.Event().wait()
        raise AssertionError(host, port)

    async with trying(right, reach=hang, patience=0.2) as it:
        assert ended(await it.probe()) == ("dns", "timeout")


async def test_a_port_where_nothing_listens_ends_at_tcp(right: Certificates) -> None:
    async with trying(right) as it:
        await it.relay.close()
        probed = await it.probe()
        assert (stages(probed), ended(probed)) == (["dns", "tcp"], ("tcp", "unreachable"))


async def test_what_the_guard_does_not_allow_is_not_connected_to(right: Certificates) -> None:
    async with trying(right, reach=Guard(Borders()).reach) as it:
        probed = await it.probe()
        assert ended(probed)[0] == "tcp"
        assert it.relay.sessions == []


async def test_the_times_are_those_of_the_stages(right: Certificates) -> None:
    async with trying(right, {"auth": Hang()}, patience=0.3) as it:
        probed = await it.probe()
        assert probed.stages[-1].name == "auth"
        assert 0.25 < probed.stages[-1].seconds < 1.5
        assert sum(stage.seconds for stage in probed.stages[:-1]) < 5
