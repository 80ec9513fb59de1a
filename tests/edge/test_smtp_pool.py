"""Connections: few, shared in order, given up in time."""

import asyncio
from dataclasses import replace

from consumer.adapters.smtp import PoolLimits, PoolsSnapshot
from consumer.core.attempt import Answered, Attempt, Lapsed, NotSent, Stage, Withheld
from consumer.core.circuit import Cause, Pauses
from consumer.core.tenant import Relay, Scheme
from devtools.relay_script import Behave, Hang, Manner, Say
from tests.edge.post import CLOCK, PIPELINED, STAGES, Post, granted, hasty, mail, options, posting


async def send_all(post: Post, count: int) -> list[Attempt]:
    async with asyncio.TaskGroup() as tasks:
        sends = [tasks.create_task(post.send(number)) for number in range(count)]
    return [send.result() for send in sends]


def limited(port: int, connections: int = 5) -> Relay:
    return Relay("127.0.0.1", port, Scheme.PLAIN, max_connections=connections)


async def test_fifty_mails_go_out_once_each_over_five_connections() -> None:
    async with posting(name=limited) as post:
        attempts = await send_all(post, 50)

        assert all(isinstance(attempt, Answered) for attempt in attempts)
        assert sorted(taken.message_id for taken in post.relay.taken) == sorted(mail(n).message_id for n in range(50))
        assert post.relay.most_open <= 5
        assert len(post.relay.sessions) <= 5


async def test_a_slow_permit_holds_no_connection_that_others_wait_for() -> None:
    asked: list[int] = []
    three, free = asyncio.Event(), asyncio.Event()

    async def slow() -> float | None:
        asked.append(1)
        if len(asked) == 3:
            three.set()
        await free.wait()
        return CLOCK.elapsed() + 10

    limits = PoolLimits(ahead=2)
    script = {"body": (Behave(delay=0.05),)}
    async with posting(script, name=lambda port: limited(port, 1), how=options(limits=limits)) as post:
        await post.send(0)
        async with asyncio.TaskGroup() as tasks:
            sends = [tasks.create_task(post.transport.send(mail(n), post.name, slow)) for n in range(1, 6)]
            await three.wait()  # one holds the connection, two wait with leave; the others have no place yet
            await asyncio.sleep(0)
            assert len(asked) == 3
            free.set()

        assert all(isinstance(send.result(), Answered) for send in sends)
        assert len(asked) == 5


async def test_a_place_without_leave_goes_to_the_next() -> None:
    async def never() -> float | None:
        return None

    async with posting({"body": (Behave(delay=0.05),)}, name=lambda port: limited(port, 1)) as post:
        await post.send(0)
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(post.send(1))
            without = tasks.create_task(post.transport.send(mail(2), post.name, never))
            last = tasks.create_task(post.send(3))

        assert isinstance(first.result(), Answered)
        assert without.result() == Lapsed()
        assert isinstance(last.result(), Answered)


async def test_a_connection_carries_only_so_many_mails() -> None:
    async with posting(how=options(limits=PoolLimits(messages=2))) as post:
        for number in range(5):
            assert isinstance(await post.send(number), Answered)
        await post.relay.until(lambda: sum(not log.open for log in post.relay.sessions) == 2)

        assert [log.verbs.count("MAIL") for log in post.relay.sessions] == [2, 2, 1]
        assert [log.verbs.count("QUIT") for log in post.relay.sessions] == [1, 1, 0]


async def test_an_old_connection_carries_no_further_mail() -> None:
    async with posting(how=options(limits=PoolLimits(age=0.0))) as post:
        await send_all(post, 1)
        await send_all(post, 1)
        assert [log.verbs.count("MAIL") for log in post.relay.sessions] == [1, 1]


async def test_an_idle_connection_is_closed_in_time() -> None:
    async with posting(how=options(limits=PoolLimits(idle=0.05))) as post:
        await post.send()
        assert post.transport.snapshot() == PoolsSnapshot(pools=1, open=1, busy=0, idle=1, waiting=0, circuits={})
        await post.relay.until_all_left()
        assert post.relay.sessions[0].verbs[-1] == "QUIT"


async def test_each_idle_connection_is_closed_in_its_own_time() -> None:
    async with posting(how=options(limits=PoolLimits(idle=0.05))) as post:
        await send_all(post, 2)
        await post.send(3)  # over one of the two: it is idle for a shorter time than the other
        await post.relay.until_all_left()
        assert len(post.relay.sessions) == 2
        assert {log.verbs[-1] for log in post.relay.sessions} == {"QUIT"}


async def test_other_credentials_are_another_pool() -> None:
    manner = Manner("plain", users={"ann": "old", "bob": "new"})
    async with posting(manner=manner, name=lambda port: Relay("127.0.0.1", port, Scheme.PLAIN, "ann", "old")) as post:
        await post.send(1)
        await post.send(2, by=replace(post.name, user="bob", password="new"))

        assert len(post.lines("AUTH")) == 2
        assert "old" not in repr(post.name)


async def test_all_pools_together_hold_the_cap_and_the_least_used_give_way() -> None:
    async with posting(how=options(limits=PoolLimits(total=2))) as post:
        names = [replace(post.name, max_connections=number) for number in (1, 2, 3)]
        for number, name in enumerate(names):
            assert isinstance(await post.send(number, by=name), Answered)
            assert post.transport.snapshot().open <= 2
        await post.relay.until(lambda: not post.relay.sessions[0].open)
        assert [log.open for log in post.relay.sessions] == [False, True, True]


async def test_a_busy_pool_makes_room_for_one_that_has_no_connection() -> None:
    script = {"body": (Behave(delay=0.05), Behave(delay=0.05))}
    async with posting(script, how=options(limits=PoolLimits(total=1))) as post:
        other = replace(post.name, max_connections=1)
        async with asyncio.TaskGroup() as tasks:
            many = [tasks.create_task(post.send(number)) for number in range(6)]
            one = tasks.create_task(post.send(99, by=other))

        assert all(isinstance(send.result(), Answered) for send in (*many, one))
        order = [taken.message_id for taken in post.relay.taken]
        assert order.index("<99@acme.example>") < 3
        assert post.relay.most_open <= 2


async def test_a_relay_that_is_down_is_asked_once_in_a_while() -> None:
    async with posting(
        {"greeting": Say("554 5.3.2 closed")}, how=options(limits=PoolLimits(pauses=Pauses(first=60)))
    ) as post:
        first = await post.send(1)
        others = await send_all(post, 10)

        assert isinstance(first, NotSent)
        assert first.stage is Stage.GREETING
        assert {type(one) for one in others} == {Withheld}
        assert len(post.relay.sessions) == 1
        assert post.transport.snapshot().circuits == {Cause.UNREACHABLE: 1}


async def test_a_relays_own_limit_of_connections_fails_no_mail() -> None:
    script = {"greeting": (Behave(), Say("421 4.7.0 too many connections", close=True))}
    async with posting(script, extensions=STAGES) as post:
        attempts = await send_all(post, 20)
        assert all(isinstance(attempt, Answered) for attempt in attempts)


async def test_a_cancelled_wait_takes_no_connection_along() -> None:
    async with posting({"body": (Hang(),)}, name=lambda port: limited(port, 1), how=options(hasty("body"))) as post:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(post.send(1))
            await post.relay.until(lambda: bool(post.relay.sessions) and post.relay.sessions[0].at == "body")
            waiting = tasks.create_task(post.send(2))
            await asyncio.sleep(0)
            waiting.cancel()
            third = tasks.create_task(post.send(3))

        assert isinstance(third.result(), Answered)
        snapshot = post.transport.snapshot()
        assert (snapshot.open, snapshot.busy, snapshot.idle, snapshot.waiting) == (1, 0, 1, 0)


async def test_closing_ends_in_time_and_sends_nothing_after() -> None:
    async with posting({"quit": Hang()}, how=options(limits=PoolLimits(quit=0.1))) as post:
        await post.send(1)
        async with asyncio.timeout(5):
            await post.transport.aclose()

        assert await post.send(2) == NotSent(Stage.CONNECT, "shutting-down")
        assert post.transport.snapshot().open == 0
        await post.relay.until_all_left()


async def test_each_stage_is_measured() -> None:
    async with posting() as post:
        await post.transport.send(mail(), post.name, granted)
        assert post.stages == [Stage.CONNECT, Stage.GREETING, Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.BODY]


async def test_a_changed_password_counts_for_the_next_mail_and_retires_the_connections_of_the_former_one() -> None:
    users = {"ann": "old"}
    manner = Manner("plain", PIPELINED, users=users)
    name = lambda port: Relay("127.0.0.1", port, Scheme.PLAIN, "ann", "old")  # noqa: E731
    async with posting(manner=manner, name=name) as post:
        assert isinstance(await post.send(1), Answered)
        users["ann"] = "new"
        assert isinstance(await post.send(2, by=replace(post.name, password="new")), Answered)
        await post.relay.until(lambda: [log.open for log in post.relay.sessions] == [False, True])
        assert post.relay.sessions[0].verbs[-1] == "QUIT"
