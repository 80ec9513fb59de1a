"""One tenant never holds up another."""

import asyncio

from consumer.core.mail import Mail
from consumer.core.outcome import Accepted
from consumer.core.parking import Reason
from tests.builders import tenant
from tests.flow.process import Setup, running, until

FLOOD = 4_000


async def test_the_flood_of_a_tenant_whose_relay_hangs_does_not_hold_up_another() -> None:
    setup = Setup(tenants=(tenant("flood", h_limit=10_000), tenant("other", h_limit=10_000)))
    setup.outbox.judge = lambda mail: "before" if mail.lane == "flood" else None
    for number in range(FLOOD):
        setup.request(f"f-{number}", name="flood")
        if number % 100 == 0:
            setup.request(f"o-{number}", name="other")
    async with running(setup) as process:
        await setup.outcomes(FLOOD // 100)
        (owned,) = process.stream.owned
        state = owned.state
        assert state is not None
        await until(lambda: state.parking)
        waiting = {entry.reason for entry in state.parking}
    assert {concluded.subject.tenant for concluded in setup.kafka.all_outcomes} == {"other"}
    assert waiting == {Reason.SHARE}


async def test_several_tenants_whose_relays_hang_leave_room_for_one_more() -> None:
    names = [f"hangs-{number}" for number in range(5)]
    setup = Setup(tenants=(*(tenant(name, h_limit=10_000) for name in names), tenant("other")))
    setup.outbox.judge = lambda mail: None if mail.lane == "other" else "before"
    for number in range(400):
        for name in names:
            setup.request(f"r-{number}", name=name)
    setup.request("mine", name="other")
    async with running(setup):
        (concluded,) = await setup.outcomes(1)
    assert concluded.subject.id == "mine"


async def test_what_waited_for_its_share_is_sent_in_order_once_there_is_room() -> None:
    setup = Setup(tenants=(tenant("flood", h_limit=10_000), tenant("other", h_limit=10_000)))
    go = asyncio.Event()

    def judge(_: Mail) -> str | None:
        return None if go.is_set() else "before"

    setup.outbox.judge = lambda mail: judge(mail) if mail.lane == "flood" else None
    setup.request("o", name="other")
    for number in range(FLOOD):
        setup.request(f"f-{number}", name="flood")
    async with running(setup) as process:
        (owned,) = process.stream.owned
        while owned.state is None or len(owned.state.parking) < FLOOD // 2:  # noqa: ASYNC110  bounded by the test's limit
            await asyncio.sleep(0.001)
    go.set()
    async with running(setup):
        outcomes = await setup.outcomes(FLOOD + 1)
    unsent = [one for one in outcomes if not isinstance(one.outcome, Accepted)]
    assert len(outcomes) == FLOOD + 1
    assert len(unsent) <= 1_000, "those that had leave to send when the process was killed"
    assert setup.kafka.parked[0] == {}


async def test_a_tenant_whose_mails_move_is_not_parked_for_its_share() -> None:
    setup = Setup(tenants=(tenant(h_limit=10_000), tenant("other", h_limit=10_000)))
    setup.clock.stopped = True  # nothing takes any time, however busy the machine is
    for number in range(FLOOD):
        setup.request(f"r-{number}", name="acme" if number % 10 else "other")
    async with running(setup) as process:
        await setup.outcomes(FLOOD)
        endings = process.world.observer
    assert "Later" not in {type(ending).__name__ for ending in getattr(endings, "endings", [])}


async def test_whoever_comes_behind_a_flood_that_moves_need_not_wait_for_its_end() -> None:
    setup = Setup(tenants=(tenant("flood", h_limit=10_000), tenant("quiet", h_limit=10_000)))
    for number in range(FLOOD // 4):
        setup.request(f"f-{number}", name="flood")
    setup.request("mine", name="quiet")
    async with running(setup) as process:
        outcomes = await setup.outcomes(FLOOD // 4 + 1)
        endings = process.world.observer
    place = [one.subject.id for one in outcomes].index("mine")
    assert place < FLOOD // 8, "it overtook most of them"
    assert [one.subject.id for one in outcomes if one.subject.id != "mine"] == [f"f-{n}" for n in range(FLOOD // 4)]
    assert "Later" not in {type(ending).__name__ for ending in getattr(endings, "endings", [])}
