"""Tokens for Kafka: from a file as it is now, from an endpoint that may be slow, wrong or away."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
from aiohttp import web

from consumer.adapters.kafka.bearer import Bearer, Endpoint, EndpointBearer, FileBearer, NoBearerError
from consumer.adapters.memory import SetClock
from devtools.bearer_endpoint import BearerEndpoint
from devtools.certificates import Certificates, write_certificates

SECRET = "s3cr3t: %+/ü"
CANARY = "canary"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return write_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def endpoint(certificates: Certificates) -> AsyncIterator[BearerEndpoint]:
    """Gives token-1, token-2, ... each for an hour."""
    numbers = count(1)
    async with BearerEndpoint(certificates, secret=SECRET, make=lambda _, __: f"token-{next(numbers)}") as made:
        yield made


def bearer(
    endpoint: BearerEndpoint,
    clock: SetClock | None = None,
    *,
    secret: str = SECRET,
    within: float = 5.0,
    ca: bool = True,
) -> EndpointBearer:
    ca_file = str(endpoint.certificates.authority) if ca else None
    where = Endpoint(endpoint.url, endpoint.client, secret, "kafka", ca_file, within)
    return EndpointBearer(where, {}, elapsed=(clock or SetClock()).elapsed)


async def refusal(of: Bearer) -> str:
    with pytest.raises(NoBearerError) as raised:
        await of.token()
    return str(raised.value.args[0])


async def test_a_file_is_read_each_time(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    file = FileBearer(path, {"logicalCluster": "lkc-1"})
    assert await file.token() == "first"
    path.write_text("second")
    assert await file.token() == "second"
    assert file.extensions() == {"logicalCluster": "lkc-1"}


@pytest.mark.parametrize("content", ["", f"{CANARY} {CANARY}", f"{CANARY}\x01auth=Bearer x", f"{CANARY}\nb", "tökén"])
async def test_a_file_that_holds_no_token_is_said_and_not_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    said = await refusal(FileBearer(path, {}))
    assert said == "CONSUMER_KAFKA__SASL_OAUTH_TOKEN_FILE must name a file that holds one token and nothing else"


async def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    said = await refusal(FileBearer(tmp_path / "gone", {}))
    assert said == "CONSUMER_KAFKA__SASL_OAUTH_TOKEN_FILE cannot be read: FileNotFoundError"


async def test_many_who_ask_at_once_are_one_request(endpoint: BearerEndpoint) -> None:
    shared = bearer(endpoint)
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(shared.token()) for _ in range(20)]
    assert {one.result() for one in asked} == {"token-1"}
    assert endpoint.asked == 1
    assert endpoint.forms == [{"grant_type": "client_credentials", "scope": "kafka"}]


async def test_a_token_is_renewed_ahead_of_its_end(endpoint: BearerEndpoint) -> None:
    clock = SetClock()
    held = bearer(endpoint, clock)
    assert await held.token() == "token-1"
    clock.pass_by(0.79 * 3_600)
    assert await held.token() == "token-1"
    clock.pass_by(0.02 * 3_600)
    assert await held.token() == "token-2"


async def test_while_a_new_one_is_asked_for_the_old_one_is_given_out(endpoint: BearerEndpoint) -> None:
    clock, asked = SetClock(), asyncio.Event()
    held = bearer(endpoint, clock)
    await held.token()

    async def slow() -> web.StreamResponse:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    endpoint.instead = slow
    clock.pass_by(0.85 * 3_600)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(held.token())
        await asked.wait()
        assert await held.token() == "token-1"
        waiting.cancel()


async def _down() -> web.StreamResponse:
    return web.json_response({"error": CANARY}, status=503)


async def test_an_endpoint_that_is_down_is_borne_for_as_long_as_the_old_token_lives(endpoint: BearerEndpoint) -> None:
    clock = SetClock()
    held = bearer(endpoint, clock)
    await held.token()
    endpoint.instead = _down
    clock.pass_by(0.9 * 3_600)
    assert await held.token() == "token-1"
    clock.pass_by(0.06 * 3_600)
    assert "answers 503" in await refusal(held)


async def test_after_a_failure_none_is_asked_for_for_a_while(endpoint: BearerEndpoint) -> None:
    clock = SetClock()
    held = bearer(endpoint, clock)
    endpoint.instead = _down
    said = {await refusal(held) for _ in range(5)}
    assert endpoint.asked == 1
    assert len(said) == 1
    clock.pass_by(1.1)
    await refusal(held)
    assert endpoint.asked == 2
    clock.pass_by(1.1)  # the second pause is longer
    await refusal(held)
    assert endpoint.asked == 2
    endpoint.instead = None
    clock.pass_by(1.0)
    assert await held.token() == "token-1"


async def test_a_wrong_secret_is_said_with_its_remedy_and_quoted_nowhere(endpoint: BearerEndpoint) -> None:
    held = bearer(endpoint, secret=CANARY)
    said = await refusal(held)
    assert said == (
        "CONSUMER_KAFKA__SASL_OAUTH_TOKEN_URL: the token endpoint refuses with 401 invalid_client; "
        "check CONSUMER_KAFKA__SASL_OAUTH_CLIENT_ID and CONSUMER_KAFKA__SASL_OAUTH_CLIENT_SECRET"
    )
    assert CANARY not in repr(held) + repr(held._endpoint)  # noqa: SLF001


async def test_a_token_is_in_no_repr(endpoint: BearerEndpoint) -> None:
    held = bearer(endpoint)
    await held.token()
    assert "token-1" not in repr(held) + repr(held._held)  # noqa: SLF001


async def test_a_certificate_of_a_stranger_is_not_spoken_to(endpoint: BearerEndpoint) -> None:
    said = await refusal(bearer(endpoint, ca=False))
    assert said.endswith("certificate is not trusted; name its authority in CONSUMER_KAFKA__SASL_OAUTH_CA_FILE")
    assert endpoint.asked == 0


async def test_an_endpoint_that_does_not_answer_is_waited_for_no_longer_than_said(endpoint: BearerEndpoint) -> None:
    async def never() -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    endpoint.instead = never
    said = await refusal(bearer(endpoint, within=0.2))
    assert said.endswith("the token endpoint has not answered within 0.2 s")


async def test_nobody_there_is_said(certificates: Certificates) -> None:
    said = await refusal(bearer(BearerEndpoint(certificates, port=1)))
    assert "cannot be reached" in said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param({"text": "<html>"}, "the answer has no access_token", id="no JSON"),
        pytest.param({"text": "[]"}, "the answer has no access_token", id="no object"),
        pytest.param({"text": '{"access_token": "a b"}'}, "the answer has no access_token", id="no token"),
        pytest.param({"text": " " * 70_000}, "the answer has no access_token", id="too long"),
        pytest.param({"text": "canary", "status": 302}, "name the address that it redirects to", id="elsewhere"),
        pytest.param({"text": '{"error": "invalid_scope"}', "status": 400}, "SASL_OAUTH_SCOPE", id="scope"),
        pytest.param({"text": '{"error": "canary"}', "status": 400}, "answers 400", id="a code of its own"),
    ],
)
async def test_any_other_answer_is_said_by_its_kind(
    endpoint: BearerEndpoint, answer: dict[str, object], said: str
) -> None:
    async def instead() -> web.StreamResponse:
        headers = {"Location": f"{endpoint.url}?{CANARY}"} if answer.get("status") == 302 else {}
        return web.Response(headers=headers, **answer)  # pyright: ignore[reportArgumentType]

    endpoint.instead = instead
    told = await refusal(bearer(endpoint))
    assert said in told
    assert CANARY not in told
    assert endpoint.asked == 1


async def test_a_token_without_a_lifetime_is_kept_for_a_minute(endpoint: BearerEndpoint) -> None:
    async def instead() -> web.StreamResponse:
        return web.json_response({"access_token": "short"})

    endpoint.instead = instead
    clock = SetClock()
    held = bearer(endpoint, clock)
    assert await held.token() == "short"
    clock.pass_by(47)
    await held.token()
    assert endpoint.asked == 1
    clock.pass_by(2)
    await held.token()
    assert endpoint.asked == 2
