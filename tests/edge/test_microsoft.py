"""Tokens of Microsoft Entra, asked for at a stand-in over TLS, and relays that let mailboxes in by them."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from typing_extensions import override

from consumer.adapters.clock import SystemClock
from consumer.adapters.microsoft import MicrosoftTokens, Waits
from consumer.adapters.smtp import PoolLimits
from consumer.adapters.smtp.dialer import Dialer, reach
from consumer.adapters.smtp.prober import SmtpProber
from consumer.core.access import Access, relay_of_access
from consumer.core.attempt import Answered, NotSent, Stage, Withheld
from consumer.core.circuit import Cause
from consumer.core.probe import Probed, Reached, Stopped
from consumer.core.remedy import why
from consumer.core.tenant import MicrosoftAccount, Relay, Scheme
from consumer.ports import Clock, NoToken
from devtools.certificates import Certificates, write_certificates
from devtools.relay import Relay as ScriptedRelay
from devtools.relay_script import Manner, Say, Script
from devtools.token_endpoint import Answer, TokenEndpoint
from tests.builders import tenant
from tests.edge.post import CLOCK, PATIENT, PIPELINED, Post, options, posting

SECRET = "open-sesame"
AWAY = NoToken("token-unavailable")


class Moved(Clock):
    """The time, moved forward at will."""

    ahead = 0.0
    _clock = SystemClock()

    @override
    def elapsed(self) -> float:
        return self._clock.elapsed() + self.ahead

    @override
    def now(self) -> float:
        return self._clock.now()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return write_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def endpoint(certificates: Certificates) -> AsyncIterator[TokenEndpoint]:
    async with TokenEndpoint(certificates, SECRET) as made:
        yield made


@asynccontextmanager
async def asking(endpoint: TokenEndpoint, clock: Clock = CLOCK, within: float = 5.0) -> AsyncIterator[MicrosoftTokens]:
    tokens = MicrosoftTokens(clock, ca_file=str(endpoint.certificates.authority), waits=Waits(total=within))
    try:
        yield tokens
    finally:
        await tokens.aclose()


def account(endpoint: TokenEndpoint, *, tenant: str = "acme.example", secret: str = SECRET) -> MicrosoftAccount:
    return MicrosoftAccount(tenant, "the-client", secret, endpoint.authority)


def answering(status: int, body: str = "", **headers: str) -> Answer:
    async def answer() -> web.Response:
        return web.Response(
            status=status, text=body, headers={name.replace("_", "-"): said for name, said in headers.items()}
        )

    return answer


async def hanging() -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_token_is_asked_for_once_and_used_while_it_holds(endpoint: TokenEndpoint) -> None:
    async with asking(endpoint) as tokens:
        assert await tokens.get(account(endpoint)) == "token-1"
        assert await tokens.get(account(endpoint)) == "token-1"
    assert endpoint.asked == 1
    assert "https://outlook.office365.com/.default" in endpoint.scopes[0]


async def test_however_many_ask_at_once_one_request_is_under_way(endpoint: TokenEndpoint) -> None:
    async with asking(endpoint) as tokens, asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(tokens.get(account(endpoint))) for _ in range(50)]
    assert {task.result() for task in asked} == {"token-1"}
    assert endpoint.asked == 1


async def test_who_stops_waiting_takes_the_request_of_the_others_not_along(endpoint: TokenEndpoint) -> None:
    async with asking(endpoint) as tokens:
        first = asyncio.ensure_future(tokens.get(account(endpoint)))
        await endpoint.was_asked.wait()
        first.cancel()
        assert await tokens.get(account(endpoint)) == "token-1"
    assert endpoint.asked == 1


async def test_each_account_has_its_own(endpoint: TokenEndpoint) -> None:
    async with asking(endpoint) as tokens:
        assert await tokens.get(account(endpoint)) == "token-1"
        assert await tokens.get(replace(account(endpoint), client_id="another")) == "token-2"


async def test_a_new_one_is_asked_for_ahead_of_expiry_while_the_old_one_is_used(endpoint: TokenEndpoint) -> None:
    clock = Moved()
    async with asking(endpoint, clock) as tokens:
        await tokens.get(account(endpoint))
        clock.ahead = 3_000
        endpoint.was_asked.clear()
        assert await tokens.get(account(endpoint)) == "token-1"
        await endpoint.was_asked.wait()
        async with asyncio.timeout(5):
            while await tokens.get(account(endpoint)) != "token-2":  # noqa: ASYNC110  the thread sends no signal
                await asyncio.sleep(0.01)
    assert endpoint.asked == 2


async def test_while_the_endpoint_is_away_the_old_one_is_used_to_its_end(endpoint: TokenEndpoint) -> None:
    clock = Moved()
    async with asking(endpoint, clock) as tokens:
        await tokens.get(account(endpoint))
        endpoint.instead = answering(503)
        clock.ahead = 3_000
        assert await tokens.get(account(endpoint)) == "token-1"
        clock.ahead = 3_601
        assert await tokens.get(account(endpoint)) == AWAY


async def test_one_that_was_dropped_is_not_used_again(endpoint: TokenEndpoint) -> None:
    async with asking(endpoint) as tokens:
        tokens.drop(account(endpoint), "token-1")
        assert await tokens.get(account(endpoint)) == "token-1"
        tokens.drop(account(endpoint), "another")
        assert await tokens.get(account(endpoint)) == "token-1"
        tokens.drop(account(endpoint), "token-1")
        assert await tokens.get(account(endpoint)) == "token-2"


async def test_whoever_drops_one_that_was_not_new_may_take_another(endpoint: TokenEndpoint) -> None:
    clock = Moved()
    async with asking(endpoint, clock) as tokens:
        await tokens.get(account(endpoint))
        assert not tokens.drop(account(endpoint), "token-1")
        await tokens.get(account(endpoint))
        clock.ahead = 61
        assert tokens.drop(account(endpoint), "token-2")
        assert tokens.drop(account(endpoint), "token-2"), "another has dropped it: the next one is new"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_endpoint_that_is_overloaded_is_left_alone_as_long_as_it_says(
    endpoint: TokenEndpoint, status: int
) -> None:
    clock = Moved()
    endpoint.instead = answering(status, Retry_After="120")
    async with asking(endpoint, clock) as tokens:
        assert [await tokens.get(account(endpoint)) for _ in range(10)] == [AWAY] * 10
        assert endpoint.asked == 1
        endpoint.instead = None
        clock.ahead = 119
        assert await tokens.get(account(endpoint)) == AWAY
        clock.ahead = 121
        assert await tokens.get(account(endpoint)) == "token-1"


async def test_an_endpoint_that_hangs_is_waited_for_no_longer_than_its_time(endpoint: TokenEndpoint) -> None:
    endpoint.instead = hanging
    async with asking(endpoint, within=0.5) as tokens, asyncio.timeout(5):
        assert await tokens.get(account(endpoint)) == AWAY
        await tokens.get(account(endpoint))
    assert endpoint.asked == 1


async def test_an_endpoint_that_is_not_there_is_no_error(endpoint: TokenEndpoint) -> None:
    async with asking(endpoint) as tokens:
        assert await tokens.get(replace(account(endpoint), authority="https://localhost:1")) == AWAY


@pytest.mark.parametrize(
    "body", ["", "not json", "[]", "{}", '{"access_token": 7}', '{"access_token": "a\\nb"}', "x" * 300_000]
)
async def test_an_answer_that_is_none_is_no_token(endpoint: TokenEndpoint, body: str) -> None:
    endpoint.instead = answering(200, body)
    async with asking(endpoint) as tokens:
        assert await tokens.get(account(endpoint)) == AWAY


async def test_a_wrong_secret_is_refused_with_its_code_once_and_told_nowhere(
    endpoint: TokenEndpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = account(endpoint, secret="c4n4ry")
    async with asking(endpoint) as tokens:
        assert [await tokens.get(wrong) for _ in range(10)] == [NoToken("token-refused AADSTS7000215")] * 10
    assert endpoint.asked == 1
    said = capsys.readouterr()
    assert "c4n4ry" not in said.out + said.err + repr(wrong) + repr(tokens)


async def test_a_directory_that_does_not_exist_is_refused_with_its_code(endpoint: TokenEndpoint) -> None:
    async with asking(endpoint) as tokens:
        assert await tokens.get(account(endpoint, tenant="nobody")) == NoToken("token-refused AADSTS90002")


async def test_an_endpoint_with_a_strange_certificate_gets_no_secret(endpoint: TokenEndpoint) -> None:
    tokens = MicrosoftTokens(CLOCK)
    assert await tokens.get(account(endpoint)) == AWAY
    assert endpoint.asked == 0
    await tokens.aclose()


# relays


@asynccontextmanager
async def posting_by_token(
    endpoint: TokenEndpoint, lets_in: Callable[[str, str], bool], *, secret: str = SECRET, kept: float = 0.0
) -> AsyncIterator[Post]:
    """`kept`: for so many seconds there is a token already."""
    clock = Moved()
    async with asking(endpoint, clock) as tokens:
        if kept:
            await tokens.get(account(endpoint))
            clock.ahead = kept
        relay = Relay("127.0.0.1", 0, Scheme.PLAIN, "box@acme.example", microsoft=account(endpoint, secret=secret))
        async with posting(
            manner=Manner("plain", PIPELINED, mechanisms=(), xoauth2=lets_in),
            name=lambda port: replace(relay, port=port),
            how=options(limits=PoolLimits()),
            tokens=tokens,
        ) as post:
            yield post


async def test_a_mailbox_is_let_in_by_its_token(endpoint: TokenEndpoint) -> None:
    async with posting_by_token(endpoint, endpoint.knows) as post:
        assert isinstance(await post.send(), Answered)
        (line,) = post.lines("AUTH")
        assert base64.b64decode(line.split()[2]) == b"user=box@acme.example\x01auth=Bearer token-1\x01\x01"


async def test_a_refused_token_is_dropped_and_a_new_one_tried_once(endpoint: TokenEndpoint) -> None:
    async with posting_by_token(endpoint, lambda _, token: token == "token-2", kept=600) as post:
        assert isinstance(await post.send(), Answered)
        assert len(post.lines("AUTH")) == 2
        assert len(post.relay.sessions) == 1


async def test_a_new_token_that_is_refused_is_one_login_and_then_the_circuit(endpoint: TokenEndpoint) -> None:
    async with posting_by_token(endpoint, lambda _user, _token: False) as post:
        assert isinstance(await post.send(1), NotSent)
        assert isinstance(await post.send(2), Withheld)
        assert len(post.lines("AUTH")) == 1
        assert endpoint.asked == 1


async def test_a_mailbox_that_is_not_let_in_is_two_logins_and_then_the_circuit(endpoint: TokenEndpoint) -> None:
    async with posting_by_token(endpoint, lambda _user, _token: False, kept=600) as post:
        first = await post.send(1)
        assert isinstance(first, NotSent)
        assert (first.stage, str(first.reply)) == (Stage.AUTH, "535 5.7.8 wrong user or password")
        assert isinstance(await post.send(2), Withheld)
        assert len(post.lines("AUTH")) == 2
        assert endpoint.asked == 2


async def test_a_wrong_secret_is_the_circuit_and_says_what_to_do(endpoint: TokenEndpoint) -> None:
    async with posting_by_token(endpoint, endpoint.knows, secret="wrong") as post:
        first = await post.send(1)
        assert isinstance(first, NotSent)
        assert first == NotSent(Stage.AUTH, "token-refused AADSTS7000215")
        assert why(first) == (
            "token-refused AADSTS7000215: wrong client secret: client_secret is the secret's value, not its id"
        )
        assert isinstance(await post.send(2), Withheld)
        assert post.lines("AUTH") == []
        assert endpoint.asked == 1
        assert post.transport.snapshot().circuits == {Cause.CREDENTIALS: 1}


async def test_an_endpoint_that_is_away_is_a_dependency_that_is_down(endpoint: TokenEndpoint) -> None:
    endpoint.instead = answering(503)
    async with posting_by_token(endpoint, endpoint.knows) as post:
        assert await post.send(1) == NotSent(Stage.AUTH, "token-unavailable")
        withheld = await post.send(2)
        assert isinstance(withheld, Withheld)
        assert withheld.reason == "token-unavailable"
        assert post.transport.snapshot().circuits == {Cause.TOKEN: 1}


# trials, with an account of the request's own


def named(endpoint: TokenEndpoint, port: int, secret: str) -> Relay:
    """What a request makes of a tenant that stores a password: the account's authority is the stand-in's."""
    given = {"tenant_id": "acme.example", "client_id": "the-client", "client_secret": secret}
    asked = Access.model_validate({"smtp_user": "box@acme.example", "microsoft_auth": given})
    stored = Relay(
        "127.0.0.1",
        port,
        Scheme.PLAIN,
        "mailer",
        microsoft=MicrosoftAccount("other", "other", "stored", endpoint.authority),
    )
    return relay_of_access(asked, tenant(relay=stored))


@asynccontextmanager
async def probing(
    endpoint: TokenEndpoint, script: Script | None = None, *, lets_in: bool = True, secret: str = SECRET
) -> AsyncIterator[tuple[Probed, ScriptedRelay]]:
    manner = Manner("plain", PIPELINED, mechanisms=(), xoauth2=endpoint.knows if lets_in else lambda *_: False)
    async with asking(endpoint) as tokens, ScriptedRelay(manner, script) as relay, asyncio.timeout(10):
        dialer = Dialer(CLOCK, options(), on_stages=lambda *_: None, reach=reach, tokens=tokens)
        prober = SmtpProber(dialer, CLOCK, PATIENT, 1.0)
        yield await prober.probe(named(endpoint, relay.port, secret)), relay


def logins(relay: ScriptedRelay) -> list[str]:
    return [line for log in relay.sessions for line in log.lines if line.startswith("AUTH")]


async def test_a_validation_logs_in_by_the_account_that_it_names(endpoint: TokenEndpoint) -> None:
    async with probing(endpoint) as (probed, relay):
        assert isinstance(probed, Reached)
        assert [base64.b64decode(line.split()[2]) for line in logins(relay)] == [
            b"user=box@acme.example\x01auth=Bearer token-1\x01\x01"
        ]


async def test_a_validation_is_one_login_and_its_refusal_tells_no_token(endpoint: TokenEndpoint) -> None:
    blob = base64.b64encode(b"user=box@acme.example\x01auth=Bearer token-1\x01\x01").decode()
    echo = Say(f"535 5.7.3 token-1 as {blob} is not let in")
    async with probing(endpoint, {"auth": echo}, lets_in=False) as (probed, relay):
        assert isinstance(probed, Stopped)
        assert (probed.stages[-1].name, str(probed.reply)) == ("auth", "535 5.7.3 *** as *** is not let in")
        assert len(logins(relay)) == 1


async def test_a_validation_with_a_wrong_secret_ends_at_auth_with_its_code(endpoint: TokenEndpoint) -> None:
    async with probing(endpoint, secret="c4n4ry") as (probed, relay):
        assert isinstance(probed, Stopped)
        assert (probed.stages[-1].name, probed.reason) == ("auth", "token-refused AADSTS7000215")
        assert "c4n4ry" not in repr(probed)
        assert logins(relay) == []


async def test_a_validation_waits_no_longer_for_a_token_than_for_a_login(endpoint: TokenEndpoint) -> None:
    endpoint.instead = hanging
    async with probing(endpoint) as (probed, relay):
        assert isinstance(probed, Stopped)
        assert (probed.stages[-1].name, probed.reason) == ("auth", "timeout")
        assert logins(relay) == []


async def test_a_test_mail_goes_out_by_the_account_that_it_names(endpoint: TokenEndpoint) -> None:
    async with posting_by_token(endpoint, endpoint.knows) as post:
        assert isinstance(await post.send(by=named(endpoint, post.relay.port, SECRET)), Answered)
        assert len(post.lines("AUTH")) == 1


def test_an_account_tells_no_secret() -> None:
    assert "c4n4ry" not in repr(MicrosoftAccount("acme.example", "client", "c4n4ry"))
