"""The way of a request, from its record to its outcome."""

import asyncio
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumer.core.attempt import Withheld
from consumer.core.dkim import DkimKey
from consumer.core.dkim_key import private
from consumer.core.ending import Later
from consumer.core.mail import Mail
from consumer.core.outcome import Accepted, Duplicate, Expired, Invalid, RateLimited, Unknown
from consumer.core.parking import Reason
from tests.builders import tenant
from tests.flow.process import Seen, Setup, running, until


async def test_a_request_becomes_one_mail_and_one_outcome() -> None:
    setup = Setup()
    setup.request()
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Accepted)
    assert concluded.outcome.accepted == ("ann@example.com",)
    assert len(setup.outbox.bodies) == 1


async def test_a_thousand_requests_have_a_thousand_outcomes() -> None:
    setup = Setup(3, (tenant(h_limit=5_000), tenant("other", h_limit=5_000)))
    for number in range(1_000):
        setup.request(f"r-{number}", name=("acme", "other")[number % 2], partition=number % 3)
    async with running(setup):
        outcomes = await setup.outcomes(1_000)
    assert {type(one.outcome) for one in outcomes} == {Accepted}
    assert len({one.subject.id for one in outcomes}) == 1_000
    assert len(setup.outbox.bodies) == 1_000


async def test_a_full_tick_does_not_wait_for_more() -> None:
    setup = Setup(tenants=(tenant(h_limit=5_000),))
    setup.pace = replace(setup.pace, gather_under_load=3_600.0, lull=3_600.0, worth_a_tick=10)
    async with running(setup):
        for number in range(200):  # those that do not fit into the first burst stand in line
            setup.request(f"r-{number}")
        await setup.outcomes(150)


async def test_a_tick_does_not_wait_for_more_where_nobody_comes_before_it() -> None:
    setup = Setup(tenants=(tenant(h_limit=5_000),))
    setup.pace = replace(setup.pace, gather_under_load=3_600.0, lull=0.01)
    async with running(setup):
        for number in range(100):
            setup.request(f"r-{number}")
        await setup.outcomes(100)


async def test_what_cannot_be_read_is_one_outcome_and_the_partition_goes_on() -> None:
    setup = Setup()
    setup.kafka.produce(0, b"{", at=setup.clock.now())
    setup.request()
    async with running(setup):
        outcomes = await setup.outcomes(2)
    assert {type(one.outcome) for one in outcomes} == {Invalid, Accepted}


async def test_over_the_limit_with_reject_is_rate_limited() -> None:
    setup = Setup(tenants=(tenant(h_limit=2, over_limit="reject"),))
    for number in range(3):
        setup.request(f"r-{number}")
    async with running(setup):
        outcomes = await setup.outcomes(3)
    limited = [one.outcome for one in outcomes if isinstance(one.outcome, RateLimited)]
    assert len(limited) == 1
    assert 0 < limited[0].retry_after <= 3_600


async def test_over_the_limit_waits_for_its_slot_in_order_of_arrival() -> None:
    setup = Setup(tenants=(tenant(h_limit=2),))
    for number in range(6):
        setup.request(f"r-{number}")
    async with running(setup) as process:
        await setup.outcomes(2)
        setup.clock.shift += 3_601
        await setup.outcomes(4)
        setup.clock.shift += 3_601
        outcomes = await setup.outcomes(6)
    seen = process.world.observer
    assert isinstance(seen, Seen)
    assert seen.waited == [False, False, True, True, True, True]
    assert [one.subject.id for one in outcomes] == [f"r-{number}" for number in range(6)]
    assert setup.kafka.parked[0] == {}


async def test_all_that_wait_for_a_slot_say_so_and_not_only_the_first_of_them() -> None:
    setup = Setup(tenants=(tenant(h_limit=2),))
    for number in range(30):
        setup.request(f"r-{number}")
    async with running(setup) as process:
        await until(lambda: len(setup.kafka.parked[0]) == 28)
        (owned,) = process.stream.owned
        assert owned.state is not None
        assert owned.state.parking.numbers == {("acme", Reason.WINDOW): 28}


async def test_the_same_id_again_is_a_duplicate_and_no_second_mail() -> None:
    setup = Setup()
    setup.request("r-1")
    setup.request("r-1")
    setup.request("r-1", text="other")
    async with running(setup):
        outcomes = await setup.outcomes(3)
    kinds = [one.outcome.type for one in outcomes if isinstance(one.outcome, Duplicate)]
    assert sorted(kinds) == ["conflict", "duplicate"]
    assert len(setup.outbox.bodies) == 1


async def test_a_request_in_another_partition_is_forwarded_home_once() -> None:
    setup = Setup(4)
    away = (setup.home("acme") + 1) % 4
    origin = setup.request(partition=away)
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert concluded.subject.origin == origin
    assert concluded.subject.at.partition == setup.home("acme")


async def test_an_intent_that_a_killed_process_left_open_is_unknown_and_not_sent_again() -> None:
    setup = Setup()
    setup.request()
    setup.outbox.judge = lambda _: "after"
    async with running(setup):
        while not setup.outbox.bodies:
            await setup.world().source.reread([])
    setup.outbox.judge = lambda _: None
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Unknown)
    assert len(setup.outbox.bodies) == 1


async def test_an_id_is_used_up_while_its_request_waits_to_be_sent_again_after_a_crash() -> None:
    setup = Setup(tenants=(tenant(on_unknown="resend"),))
    setup.request("r-1")
    setup.outbox.judge = lambda _: "after"
    async with running(setup):
        while not setup.outbox.bodies:  # noqa: ASYNC110  bounded by the test's own limit
            await asyncio.sleep(0.001)
    setup.outbox.judge = lambda _: None
    async with running(setup):
        setup.request("r-1")
        (first,) = await setup.outcomes(1)
        setup.clock.shift += 10.0
        outcomes = await setup.outcomes(2)
    assert isinstance(first.outcome, Duplicate)
    assert isinstance(outcomes[1].outcome, Accepted)
    assert len({body for body, _ in setup.outbox.bodies}) == 1


async def test_a_tenants_mail_is_signed_and_a_mail_without_a_key_is_as_it_was() -> None:
    key = DkimKey("acme.example", "s1", private(Ed25519PrivateKey.generate()))
    setup = Setup(tenants=(tenant(dkim=(key,)), tenant("other")))
    taken: list[Mail] = []
    setup.outbox.judge = taken.append
    setup.request("r-1")
    setup.request("r-2", name="other")
    async with running(setup):
        await setup.outcomes(2)
    assert sorted(mail.content.partition(b":")[0] for mail in taken) == [b"DKIM-Signature", b"From"]


async def test_while_its_relay_is_left_alone_a_request_waits_and_uses_up_no_attempt() -> None:
    setup = Setup()
    open_until = setup.clock.shift + 100_000
    setup.outbox.judge = lambda _: Withheld("auth 535 5.7.8", open_until)
    setup.request()
    async with running(setup) as process:
        seen = process.world.observer
        assert isinstance(seen, Seen)
        await _first_ending(seen)
        (later,) = seen.endings
        assert isinstance(later, Later)
        assert (later.reason, later.progress.attempts, later.progress.last_reason) == (
            Reason.CIRCUIT,
            0,
            "auth 535 5.7.8",
        )
        # It looks again before the relay is tried again: by then its tenant may have other credentials.
        assert later.due < setup.clock.now() + 100
        setup.outbox.judge = lambda _: None
        setup.clock.shift += 100
        (concluded,) = await setup.outcomes(1)
    assert isinstance(concluded.outcome, Accepted)


async def test_a_relay_that_is_left_alone_to_the_end_is_the_reason_why_a_request_expires() -> None:
    setup = Setup()
    setup.outbox.judge = lambda _: Withheld("auth 535 5.7.8", setup.clock.now() + 30)
    setup.request()
    async with running(setup) as process:
        seen = process.world.observer
        assert isinstance(seen, Seen)
        await _first_ending(seen)
        setup.clock.shift += 86_400
        (concluded,) = await setup.outcomes(1)
    assert concluded.outcome == Expired("auth 535 5.7.8", 0)


async def _first_ending(seen: Seen) -> None:
    async with asyncio.timeout(5):
        while not seen.endings:  # noqa: ASYNC110  it sends no signal
            await asyncio.sleep(0)
