"""Test mails and validations from outside: topic in, topic out, relays with real TLS."""

import json
from base64 import b64encode

import pytest
import pytest_asyncio

from devtools.certificates import write_certificates
from devtools.relay import Relay
from devtools.relay_script import Hang, Manner, Say
from devtools.token_endpoint import TokenEndpoint
from tests.acceptance.kafka_side import Told
from tests.acceptance.service import Service
from tests.acceptance.stage import PASSWORD, USERS, Stage, plain

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEST, VALIDATION = b"send-test-email", b"validate-credentials"
CANARY = "gu3ssed-c4n4ry"
SECRET = "r1ght-c4n4ry"
STAGES = ["dns", "tcp", "greeting", "tls", "auth"]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def endpoint(shared: Stage) -> TokenEndpoint:
    certificates = write_certificates(shared.folder / "tokens")
    return await shared.stack.enter_async_context(TokenEndpoint(certificates, SECRET))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(shared: Stage, endpoint: TokenEndpoint) -> Service:
    """Limits of ten an hour, as they come; each test is a tenant of its own."""
    shared.tenants |= {name: {} for name in ("stored", "wrong", "flaws", "hangs", "mails", "other", "limited", "gone")}
    shared.tenants["gone"] = {"smtp_host": "localhost", "smtp_port": 1, "domain": "gone.example"}
    stored = account("stored-c4n4ry") | {"authority": endpoint.authority}
    shared.tenants["boxes"] = {"smtp_user": "box@acme.example", "microsoft_auth": stored, "domain": "acme.example"}
    shared.write_tenants()
    timeouts = {f"CONSUMER_SMTP__{stage}_TIMEOUT": "1s" for stage in ("CONNECT", "GREETING", "TLS", "AUTH", "COMMAND")}
    return await shared.run(**timeouts, CONSUMER_OAUTH__CA_FILE=str(endpoint.certificates.authority))


def account(secret: str) -> dict[str, str]:
    return {"tenant_id": "acme.example", "client_id": "the-client", "client_secret": secret}


async def asked(shared: Stage, operation: bytes, request_id: str, tenant: str, **fields: object) -> Told:
    """Plain JSON with the header that says what is asked for; its outcome."""
    body = ({"email": "ann@example.com"} if operation == TEST else {}) | fields
    headers = (*plain(tenant, request_id), ("operation", operation))
    origin = await shared.requests.send(json.dumps(body).encode(), headers=headers)
    return await shared.outcomes.of(origin)


def at(relay: Relay, **more: object) -> dict[str, object]:
    """A relay that the request names itself, with a login."""
    return {"smtp_port": str(relay.port), "smtp_user": "me", "smtp_pass": "mysecret", **more}


async def test_what_is_stored_is_validated_and_nothing_is_sent(shared: Stage, service: Service) -> None:
    told = await asked(shared, VALIDATION, "v-1", "stored")
    assert (told.status, told.body["success"], told.body["stage"]) == (204, True, "auth")
    assert [stage["stage"] for stage in told.body["stages"]] == STAGES
    assert all(stage["ms"] >= 0 for stage in told.body["stages"])
    assert told.body["response"] == "235 2.7.0 welcome"
    assert told.headers["ce_type"] == "email.validate-credentials.outcome.v1"
    await shared.relay.until_all_left()
    assert shared.relay.sessions[-1].verbs == ["EHLO", "STARTTLS", "EHLO", "AUTH", "QUIT"]


async def test_a_test_mail_arrives_and_says_what_it_is(shared: Stage, service: Service) -> None:
    told = await asked(shared, TEST, "t-1", "mails", from_name="Ann of Acme", from_address="ann@acme.example")
    assert (told.status, told.body["accepted"]) == (204, ["ann@example.com"])
    assert told.headers["ce_type"] == "email.send-test-email.outcome.v1"
    (mail,) = (taken for taken in shared.relay.taken if taken.message_id == told.body["messageId"])
    assert mail.sender == "ann@acme.example"
    for words in (b"From: Ann of Acme <ann@acme.example>", b"Subject: Test email for mails", b"Request: t-1"):
        assert words in mail.content


@pytest.mark.parametrize("operation", [VALIDATION, TEST])
async def test_a_wrong_password_is_told_at_once_in_the_relays_words_and_tried_once(
    shared: Stage, service: Service, operation: bytes
) -> None:
    echo = Say(f"535 5.7.8 mailer with {b64encode(CANARY.encode()).decode()} and {CANARY} is wrong")
    relay = await shared.another_relay({"auth": echo}, Manner(users=USERS))
    wrong = {"smtp_port": str(relay.port), "smtp_pass": CANARY}
    told = await asked(shared, operation, f"wrong-{operation.decode()}", "wrong", **wrong)
    assert (told.status, told.type, told.body["stage"]) == (422, "auth-failed", "auth")
    assert told.body["response"] == "535 5.7.8 *** with *** and *** is wrong"
    assert [line.split()[0] for log in relay.sessions for line in log.lines].count("AUTH") == 1


async def test_a_relay_without_a_right_certificate_or_tls_gets_no_password(shared: Stage, service: Service) -> None:
    relays = {
        flaw: await shared.stack.enter_async_context(
            Relay(Manner(users=USERS), certificates=write_certificates(shared.folder / f"trial-{flaw}", flaw))
        )
        for flaw in ("expired", "wrong-host")
    }
    relays["stripped"] = await shared.stack.enter_async_context(Relay(Manner(users=USERS)))
    reasons = {}
    for name, relay in relays.items():
        for operation in (VALIDATION, TEST):
            told = await asked(shared, operation, f"{name}-{operation.decode()}", "flaws", **at(relay))
            assert (told.status, told.type) == (502, "tls-failed")
            reasons[name] = told.body["reason"]
    assert reasons == {"expired": "certificate", "wrong-host": "certificate", "stripped": "starttls-not-offered"}
    assert not [line for relay in relays.values() for log in relay.sessions for line in log.lines if "AUTH" in line]


async def test_tls_at_connect_is_validated_too(shared: Stage, service: Service) -> None:
    relay = await shared.another_relay(manner=Manner("smtps", users=USERS))
    told = await asked(shared, VALIDATION, "smtps", "other", **at(relay, smtp_scheme="smtps"))
    assert (told.status, [stage["stage"] for stage in told.body["stages"]]) == (
        204,
        ["dns", "tcp", "tls", "greeting", "auth"],
    )
    assert all(stage["ms"] > 0 for stage in told.body["stages"])


@pytest.mark.parametrize(
    ("place", "stage"), [("greeting",) * 2, ("ehlo", "greeting"), ("starttls", "tls"), ("auth",) * 2]
)
async def test_a_relay_that_hangs_is_given_up_and_its_stage_is_named(
    shared: Stage, service: Service, place: str, stage: str
) -> None:
    relay = await shared.another_relay({place: Hang()}, Manner(users=USERS))
    for operation in (VALIDATION, TEST):
        told = await asked(shared, operation, f"hangs-{place}-{operation.decode()}", "hangs", **at(relay))
        assert (told.status, told.type, told.body["reason"]) == (502, f"{stage}-failed", "timeout")


async def test_an_account_that_the_request_names_is_used_and_a_wrong_one_is_told_with_what_to_do(
    shared: Stage, service: Service, endpoint: TokenEndpoint
) -> None:
    relay = await shared.another_relay(manner=Manner(mechanisms=(), xoauth2=endpoint.knows))
    for operation in (VALIDATION, TEST):
        named = {"smtp_port": str(relay.port), "microsoft_auth": account(SECRET)}
        assert (await asked(shared, operation, f"box-{operation.decode()}", "boxes", **named)).status == 204
    logins = [line.split()[0] for log in relay.sessions for line in log.lines].count("AUTH")
    assert logins == 2
    for operation in (VALIDATION, TEST):
        wrong = {"smtp_port": str(relay.port), "microsoft_auth": account(CANARY)}
        told = await asked(shared, operation, f"no-box-{operation.decode()}", "boxes", **wrong)
        assert (told.status, told.type, told.body["reason"]) == (422, "auth-failed", "token-refused AADSTS7000215")
        assert "wrong client secret" in told.body["error"]
    assert [line.split()[0] for log in relay.sessions for line in log.lines].count("AUTH") == logins
    told = await asked(shared, VALIDATION, "box-elsewhere", "boxes", smtp_host="evil.example", smtp_user="box")
    assert (told.status, told.type) == (400, "invalid-request")


async def test_a_wrong_host_or_port_is_told_at_once(shared: Stage, service: Service) -> None:
    login = {"smtp_user": "", "smtp_port": "25"}
    nowhere = await asked(shared, VALIDATION, "nowhere", "other", smtp_host="nowhere.invalid", **login)
    assert (nowhere.status, nowhere.type, nowhere.body["success"]) == (502, "dns-failed", False)
    closed = await asked(shared, VALIDATION, "closed", "gone")
    assert (closed.status, closed.type, closed.body["reason"]) == (502, "tcp-failed", "unreachable")
    evil = await asked(shared, VALIDATION, "evil", "other", smtp_host="evil.example")
    assert (evil.status, evil.type) == (400, "invalid-request")


async def test_the_limit_of_ten_holds_over_a_kill(shared: Stage, service: Service) -> None:
    for number in range(6):
        assert (await asked(shared, VALIDATION, f"limit-{number}", "limited")).status == 204
    service.kill()
    service.start()
    await service.ready()
    told = [await asked(shared, VALIDATION, f"limit-{number}", "limited") for number in range(6, 12)]
    assert [one.status for one in told] == [204, 204, 204, 204, 429, 429]
    assert 3000 < told[-1].body["retryAfter"] <= 3600
    assert told[-1].body["success"] is False


async def test_no_secret_of_all_that_is_in_outcomes_or_log(shared: Stage, service: Service) -> None:
    assert await service.stop() == 0
    told = await shared.outcomes.there_now()
    assert len({one.origin for one in told}) == len(told)
    said = service.said + str([(one.headers, one.value) for one in told])
    assert [secret for secret in (CANARY, PASSWORD, "mysecret", "c4n4ry", "token-1") if secret in said] == []
