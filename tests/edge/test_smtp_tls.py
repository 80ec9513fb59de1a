"""Nothing is said to a relay that cannot prove who it is."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from consumer.adapters.smtp import SmtpOptions
from consumer.core.attempt import Answered, NotSent, Stage
from consumer.core.reply import Reply
from consumer.core.tenant import Relay, Scheme
from devtools.certificates import Certificates, Flaw, write_certificates
from devtools.relay_script import Act, Drop, Hang, Manner, Say
from tests.edge.post import PATIENT, Post, hasty, mail, options, posting

SCHEMES = pytest.mark.parametrize("scheme", [Scheme.SMTP, Scheme.SMTPS])


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return write_certificates(tmp_path_factory.mktemp("right"))


def secured(
    certificates: Certificates,
    scheme: Scheme,
    *,
    ca_file: Path | None = None,
    act: Act | None = None,
    how: SmtpOptions | None = None,
) -> AbstractAsyncContextManager[Post]:
    """A relay with these certificates, and a transport that trusts their authority (or another one)."""
    trusted = str(ca_file or certificates.authority)
    return posting(
        {"starttls": act} if act else {},
        manner=Manner("smtps" if scheme is Scheme.SMTPS else "smtp", users={"ann": "secret"}),
        certificates=certificates,
        how=how or options(),
        name=lambda port: Relay("localhost", port, scheme, "ann", "secret", trusted),
    )


@SCHEMES
async def test_a_verified_relay_gets_the_mail(right: Certificates, scheme: Scheme) -> None:
    async with secured(right, scheme) as post:
        assert isinstance(await post.send(mail(body=b"x" * 70 + b"\r\n.\r\n")), Answered)
        assert post.relay.taken[0].content.endswith(b"x\r\n.\r\n")


async def test_the_operators_authority_holds_for_relays_that_name_none(right: Certificates) -> None:
    how = SmtpOptions(PATIENT, ca_file=str(right.authority))
    name = lambda port: Relay("localhost", port)  # noqa: E731
    async with posting(manner=Manner(), certificates=right, how=how, name=name) as post:
        assert isinstance(await post.send(), Answered)


@SCHEMES
@pytest.mark.parametrize("flaw", ["expired", "wrong-host"])
async def test_a_wrong_certificate_gets_no_mail_and_no_password(tmp_path: Path, scheme: Scheme, flaw: Flaw) -> None:
    async with secured(write_certificates(tmp_path, flaw), scheme) as post:
        assert await post.send() == NotSent(Stage.TLS, "certificate")
        assert not post.lines("AUTH")


@SCHEMES
async def test_an_unknown_authority_gets_no_mail_and_no_password(
    tmp_path: Path, right: Certificates, scheme: Scheme
) -> None:
    other = write_certificates(tmp_path)
    async with secured(right, scheme, ca_file=other.authority) as post:
        assert await post.send() == NotSent(Stage.TLS, "certificate")
        assert not post.lines("AUTH")


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_an_authority_that_cannot_be_read_is_ours_to_mend(
    tmp_path: Path, right: Certificates, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    async with secured(right, Scheme.SMTP, ca_file=file) as post:
        assert await post.send() == NotSent(Stage.TLS, "ca-file")
        assert not post.relay.sessions


async def test_tls_at_connect_to_a_relay_that_speaks_none_fails_as_tls() -> None:
    async with posting(name=lambda port: Relay("127.0.0.1", port, Scheme.SMTPS)) as post:
        assert await post.send() == NotSent(Stage.TLS, "tls-failed")


async def test_a_refused_starttls_is_the_relays_own_word(right: Certificates) -> None:
    async with secured(right, Scheme.SMTP, act=Say("454 4.7.0 not now")) as post:
        assert await post.send() == NotSent(Stage.TLS, "refused", Reply(454, "not now", "4.7.0"))
        assert not post.lines("AUTH")


@pytest.mark.parametrize(("act", "reason"), [(Hang(), "timeout"), (Drop(), "connection-lost")])
async def test_a_starttls_that_goes_nowhere_ends_in_time(right: Certificates, act: Act, reason: str) -> None:
    async with secured(right, Scheme.SMTP, act=act, how=options(hasty("tls"))) as post:
        assert await post.send() == NotSent(Stage.TLS, reason)


async def test_plain_text_needs_an_operators_leave() -> None:
    for allowed in (False, frozenset({"relay.example"})):
        async with posting(how=SmtpOptions(PATIENT, allow_plaintext=allowed)) as post:
            assert await post.send() == NotSent(Stage.CONNECT, "plaintext-not-allowed")
            assert not post.relay.sessions
    async with posting(how=SmtpOptions(PATIENT, allow_plaintext=frozenset({"127.0.0.1"}))) as post:
        assert isinstance(await post.send(), Answered)
