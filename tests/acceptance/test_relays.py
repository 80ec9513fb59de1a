"""Relays at their worst: time and memory are bounded, the outcome is the right one, and no body goes out twice."""

import asyncio
import json
from collections.abc import Mapping

import pytest
import pytest_asyncio

from devtools.certificates import write_certificates
from devtools.relay import Relay
from devtools.relay_script import GARBAGE, Act, Behave, Drop, Endless, Hang, Manner, Say
from tests.acceptance.service import Service
from tests.acceptance.stage import Stage, mail

pytestmark = pytest.mark.asyncio(loop_scope="module")

STAGES = ("greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data")
TIMEOUTS = ("CONNECT", "GREETING", "TLS", "AUTH", "COMMAND", "DATA", "BLOCK", "BODY")
USER = {"user": "me", "password": "mysecret"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(shared: Stage) -> Service:
    """Impatient, so that a relay that hangs is soon given up."""
    return await shared.run(**{f"CONSUMER_SMTP__{stage}_TIMEOUT": "1s" for stage in TIMEOUTS})


async def asked(shared: Stage, relay: Relay, request_id: str, **fields: object) -> str:
    """Write a request that names this relay as its own; where it lies."""
    connection = {"server": "localhost", "port": relay.port, **(USER if relay.manner.users else {})}
    return await shared.ask(mail(connection=connection, **fields), request_id)


async def misbehaving(shared: Stage, act: Act, *, stages: tuple[str, ...] = STAGES) -> dict[str, Relay]:
    """A relay for each stage that does so there."""
    login = Manner(users={"me": "mysecret"})
    return {stage: await shared.another_relay({stage: act}, login if stage == "auth" else None) for stage in stages}


async def all_parked(shared: Stage, name: str, relays: Mapping[str, Relay]) -> dict[str, str]:
    """Ask each relay; why each request waits then, by stage."""
    for stage, relay in relays.items():
        await asked(shared, relay, f"{name}-{stage}")
    found = await shared.parked([f"{name}-{stage}" for stage in relays])
    assert {entry["reason"] for entry in found.values()} == {"retry"}
    assert not any(relay.taken for relay in relays.values())
    assert all(bodies(relay) == 0 for stage, relay in relays.items() if stage != "data")
    return {stage: found[f"{name}-{stage}"]["last"] for stage in relays}


def bodies(relay: Relay) -> int:
    """How often it was asked to take a body."""
    return sum(log.verbs.count("DATA") for log in relay.sessions if log.at == "body" or relay.taken)


async def test_a_recipient_refused_among_others_is_told_apart(shared: Stage, service: Service) -> None:
    relay = await shared.another_relay({"rcpt:bob@example.com": Say("550 5.1.1 nobody of that name")})
    origin = await asked(shared, relay, "one-refused", to=["ann@example.com", "bob@example.com", "cat@example.com"])
    told = await shared.outcomes.of(origin)
    assert told.status == 204
    assert told.body["accepted"] == ["ann@example.com", "cat@example.com"]
    assert told.body["rejected"] == ["bob@example.com"]
    (error,) = told.body["rejectedErrors"]
    assert (error["recipient"], error["code"], error["enhancedCode"]) == ("bob@example.com", 550, "5.1.1")
    assert relay.taken[0].recipients == ("ann@example.com", "cat@example.com")


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "body"])
async def test_all_refused_for_good_is_rejected(shared: Stage, service: Service, stage: str) -> None:
    relay = await shared.another_relay({stage: Say("554 5.7.1 not you")})
    told = await shared.outcomes.of(await asked(shared, relay, f"refused-{stage}"))
    assert (told.status, told.type) == (422, "rejected")
    assert told.body["rejected"] == ["ann@example.com"]
    assert told.body["response"] == "554 5.7.1 not you"
    assert not relay.taken


async def test_what_is_refused_for_now_waits_and_only_the_rest_was_sent(shared: Stage, service: Service) -> None:
    relay = await shared.another_relay({"rcpt:bob@example.com": Say("450 4.2.1 come again")})
    await asked(shared, relay, "later", to=["ann@example.com", "bob@example.com"])
    waiting = (await shared.parked(["later"]))["later"]
    assert (waiting["reason"], waiting["last"]) == ("retry", "rcpt 450 4.2.1")
    assert [index for index, *_ in waiting["answers"]] == [0]
    assert [taken.recipients for taken in relay.taken] == [("ann@example.com",)]


async def test_a_relay_that_is_down_is_waited_for(shared: Stage, service: Service) -> None:
    relay = await shared.another_relay()
    await relay.close()
    await asked(shared, relay, "down")
    assert (await shared.parked(["down"]))["down"]["last"] == "unreachable"


async def test_a_relay_that_hangs_is_given_up_at_every_stage(shared: Stage, service: Service) -> None:
    relays = await misbehaving(shared, Hang())
    assert set((await all_parked(shared, "hangs", relays)).values()) == {"timeout"}


async def test_a_relay_that_hangs_up_at_any_stage_before_the_body_is_tried_later(
    shared: Stage, service: Service
) -> None:
    relays = await misbehaving(shared, Drop())
    assert set((await all_parked(shared, "drops", relays)).values()) == {"connection-lost"}


async def test_a_relay_that_answers_garbage_is_tried_later(shared: Stage, service: Service) -> None:
    relays = await misbehaving(shared, GARBAGE)
    reasons = await all_parked(shared, "garbage", relays)
    assert set(reasons.values()) <= {"malformed-reply", "connection-lost", "timeout"}


@pytest.mark.parametrize(
    ("name", "act"),
    [("line", Endless()), ("lines", Endless(b"250-and more\r\n" * 4_000)), ("banner", Endless(b"220-x\r\n" * 8_000))],
)
async def test_an_endless_reply_costs_neither_memory_nor_time(
    shared: Stage, service: Service, name: str, act: Act
) -> None:
    before = service.megabytes()
    stages = STAGES if name == "line" else ("greeting", "rcpt")
    reasons = await all_parked(shared, f"endless-{name}", await misbehaving(shared, act, stages=stages))
    assert set(reasons.values()) <= {"reply-too-long", "malformed-reply", "connection-lost", "timeout"}
    assert service.megabytes() < before + 40


@pytest.mark.parametrize(
    ("name", "act"),
    [
        ("hangs", Hang()),
        ("drops", Drop()),
        ("cuts", Drop(after=10)),
        ("garbles", GARBAGE),
        ("is-endless", Endless()),
        ("stops-short", Say("250 2.0.0 tak", cut=5)),
    ],
)
async def test_a_body_without_a_reply_ends_as_unknown_and_is_not_sent_again(
    shared: Stage, service: Service, name: str, act: Act
) -> None:
    relay = await shared.another_relay({"body": act})
    told = await shared.outcomes.of(await asked(shared, relay, f"body-{name}"))
    assert (told.status, told.type) == (504, "unknown")
    assert told.body["messageId"].endswith("@acme.example>")
    assert bodies(relay) == 1


async def test_a_relay_without_a_right_certificate_gets_no_password(shared: Stage, service: Service) -> None:
    flaws = {
        flaw: await shared.stack.enter_async_context(
            Relay(Manner(users={"me": "mysecret"}), certificates=write_certificates(shared.folder / flaw, flaw))
        )
        for flaw in ("expired", "wrong-host")
    }
    flaws["plain"] = await shared.stack.enter_async_context(Relay(Manner(users={"me": "mysecret"})))
    reasons = await all_parked(shared, "no-tls", flaws)
    assert reasons == {"expired": "certificate", "wrong-host": "certificate", "plain": "starttls-not-offered"}
    assert not [line for relay in flaws.values() for log in relay.sessions for line in log.lines if "AUTH" in line]


async def test_a_wrong_password_is_tried_once(shared: Stage, service: Service) -> None:
    relay = await shared.another_relay(manner=Manner(users={"me": "another"}))
    await asked(shared, relay, "password")
    assert (await shared.parked(["password"]))["password"]["last"].startswith("auth 535")
    assert [line.split()[0] for log in relay.sessions for line in log.lines].count("AUTH") == 1


async def test_one_tenants_dead_relay_holds_up_nobody(shared: Stage, service: Service) -> None:
    dead = await shared.another_relay({"greeting": Hang()})
    for number in range(100):
        await asked(shared, dead, f"dead-{number}")
    async with asyncio.timeout(5):
        told = await shared.asked(mail(), "alive")
    assert told.status == 204
    assert (await service.get("/readyz"))[0] == 200


async def test_a_slow_relay_is_waited_for(shared: Stage, service: Service) -> None:
    slow = await shared.another_relay({"body": Behave(0.5), "rcpt": Behave(0.5), "mail": Behave(0.5)})
    told = await shared.outcomes.of(await asked(shared, slow, "slow"))
    assert told.status == 204
    assert len(slow.taken) == 1


async def test_a_relay_that_takes_longer_than_a_grant_lives_gets_the_mail(shared: Stage, service: Service) -> None:
    # Each reply comes well within the second that one may take, all of them take longer than the two of a grant.
    names = "abcdef"
    slow = await shared.another_relay(
        {"mail": Behave(0.35), **{f"rcpt:{name}@example.com": Behave(0.35) for name in names}}
    )
    told = await shared.outcomes.of(await asked(shared, slow, "slower", to=[f"{name}@example.com" for name in names]))
    assert told.status == 204
    assert len(slow.taken) == 1
    assert len(slow.sessions) == 2


async def test_all_of_that_was_no_more_than_one_outcome_each(shared: Stage, service: Service) -> None:
    assert await service.stop() == 0
    told = await shared.outcomes.there_now()
    assert len({one.origin for one in told}) == len(told)
    assert service.complaints() == []
    assert "mysecret" not in service.said + json.dumps([one.body for one in told])
