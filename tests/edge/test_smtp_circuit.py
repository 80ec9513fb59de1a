"""Relays that fail are left alone, relays that ask for less get less, and nobody else notices."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog
from typing_extensions import override

from consumer.adapters.clock import SystemClock
from consumer.adapters.smtp import PoolLimits, SmtpOptions
from consumer.core.attempt import Answered, Attempt, NotSent, Stage, Withheld
from consumer.core.circuit import CALM, FAILURES, GROWTH, Cause, Pauses
from consumer.core.tenant import Relay, Scheme
from consumer.ports import Clock
from devtools.relay_script import Behave, Drop, Manner, Say
from tests.edge.post import CLOCK, STAGES, Post, mail, options, posting


class Moved(Clock):
    """The time, moved forward at will."""

    ahead = 0.0
    _clock = SystemClock()

    @override
    def elapsed(self) -> float:
        return self._clock.elapsed() + self.ahead

    @override
    def now(self) -> float:
        return self._clock.now() + self.ahead


async def for_long() -> float | None:
    """Leave that outlasts each clock here."""
    return CLOCK.elapsed() + 100_000


async def send(post: Post, number: int = 1, *, by: Relay | None = None) -> Attempt:
    async with asyncio.timeout(10):
        return await post.transport.send(mail(number), by or post.name, for_long)


async def send_all(post: Post, count: int) -> list[Attempt]:
    async with asyncio.TaskGroup() as tasks:
        sends = [tasks.create_task(send(post, number)) for number in range(count)]
    return [one.result() for one in sends]


def login(password: str) -> Relay:
    return Relay("127.0.0.1", 0, Scheme.PLAIN, "ann", password)


@contextmanager
def told() -> Iterator[list[str]]:
    with structlog.testing.capture_logs() as lines:
        found: list[str] = []
        yield found
    found += [f"{line['event']}: {line['reason']}" for line in lines if "circuit" in line["event"]]


PAUSES = PoolLimits(pauses=Pauses(60, 600, 60, 900))


async def test_one_wrong_password_is_one_login_however_many_mails_wait() -> None:
    async with posting(
        manner=Manner("plain", users={"ann": "right"}),
        name=lambda port: replace(login("wrong"), port=port),
        how=options(limits=PAUSES),
    ) as post:
        with told() as lines:
            attempts = await send_all(post, 50)
        assert len(post.lines("AUTH")) == 1
        tried = [one for one in attempts if isinstance(one, NotSent)]
        assert [str(one.reply) for one in tried] == ["535 5.7.8 wrong user or password"]
        withheld = [one for one in attempts if isinstance(one, Withheld)]
        assert len(withheld) == 49
        assert {one.reason.partition(":")[0] for one in withheld} == {"auth 535 5.7.8"}
        assert all(50 < one.until - CLOCK.now() <= 60 for one in withheld)
        assert lines == ["circuit opened: credentials"]
        assert post.transport.snapshot().circuits == {Cause.CREDENTIALS: 1}
        (shown,) = post.transport.circuits()
        assert (shown.relay, shown.reason) == (post.name.name, "credentials")
        assert 50 < shown.until - CLOCK.now() <= 60


async def test_other_credentials_are_tried_at_once() -> None:
    async with posting(
        manner=Manner("plain", users={"ann": "right"}),
        name=lambda port: replace(login("wrong"), port=port),
        how=options(limits=PAUSES),
    ) as post:
        assert isinstance(await send(post), NotSent)
        assert isinstance(await send(post, by=replace(post.name, password="right")), Answered)
        assert len(post.lines("AUTH")) == 2


async def test_one_mail_probes_when_the_time_is_up_and_the_others_wait_for_what_it_learns() -> None:
    clock = Moved()
    async with posting(
        {"auth": (Say("535 5.7.8 no"), Say("535 5.7.8 no"))},
        manner=Manner("plain", users={"ann": "right"}),
        name=lambda port: replace(login("right"), port=port),
        how=options(limits=PAUSES),
        clock=clock,
    ) as post:
        await send(post)
        clock.ahead = 61
        again = await send_all(post, 10)
        assert len(post.lines("AUTH")) == 2
        assert sum(isinstance(one, Withheld) for one in again) == 9
        clock.ahead = 122
        assert isinstance(await send(post), Withheld)  # the second time it is for twice as long
        clock.ahead = 182
        with told() as lines:
            assert all(isinstance(one, Answered) for one in await send_all(post, 10))
        assert lines == ["circuit closed: credentials"]
        assert post.transport.snapshot().circuits == {}


async def test_a_relay_that_breaks_off_again_and_again_is_left_alone() -> None:
    clock = Moved()
    drops = (Drop(),) * FAILURES
    async with posting({"mail": drops}, how=options(limits=PAUSES), extensions=STAGES, clock=clock) as post:
        for number in range(FAILURES):
            assert await send(post, number) == NotSent(Stage.MAIL, "connection-lost")
        assert isinstance(await send(post), Withheld)
        assert len(post.relay.sessions) == FAILURES
        clock.ahead = 61
        assert all(isinstance(one, Answered) for one in await send_all(post, GROWTH))
        assert post.relay.most_open == 1  # and is trusted with one connection first


async def test_a_relay_that_wants_a_login_first_is_not_asked_again_and_no_mail_is_lost() -> None:
    async with posting({"mail": Say("530 5.7.57 log in first")}, how=options(limits=PAUSES)) as post:
        first = await send(post)
        assert isinstance(first, NotSent)
        assert isinstance(await send(post), Withheld)
        assert len(post.lines("MAIL")) == 1


async def test_a_relay_that_asks_for_less_gets_half_as_many_connections_and_more_again_with_success() -> None:
    clock = Moved()
    busy = (Say("451 4.7.500 server busy"),) * 2
    how = options(limits=PoolLimits(connections=4, idle=0.0))
    async with posting({"mail": busy}, how=how, extensions=STAGES, clock=clock) as post:
        for number in range(2):
            assert isinstance(await send(post, number), NotSent)
            clock.ahead += 1
        await post.relay.until_all_left()
        post.relay.most_open = 0
        clock.ahead += CALM
        assert all(isinstance(one, Answered) for one in await send_all(post, GROWTH))
        assert post.relay.most_open == 1
        await post.relay.until_all_left()  # not to be counted beside the two that come
        assert all(isinstance(one, Answered) for one in await send_all(post, 2 * GROWTH))
        assert post.relay.most_open == 2


async def test_a_relay_for_which_one_connection_is_too_much_is_left_alone_for_a_while() -> None:
    clock = Moved()
    how = options(limits=replace(PAUSES, connections=1))
    async with posting({"mail": Say("421 4.7.0 slow down")}, how=how, clock=clock) as post:
        assert isinstance(await send(post), NotSent)  # it may be going down, or mean just this one
        clock.ahead = 2
        assert isinstance(await send(post), NotSent)
        withheld = await send(post)
        assert isinstance(withheld, Withheld)
        assert withheld.reason == "relay 421 4.7.0"
        assert post.transport.snapshot().circuits == {Cause.THROTTLED: 1}


async def test_a_relays_own_limit_of_connections_is_kept_from_then_on() -> None:
    refusal = Say("432 4.3.2 too many connections", close=True)
    async with posting({"greeting": (Behave(), Behave(), *(refusal,) * 20)}, extensions=STAGES) as post:
        assert all(isinstance(one, Answered) for one in await send_all(post, 40))
        tried = len(post.relay.sessions)
        assert all(isinstance(one, Answered) for one in await send_all(post, 40))
        assert len(post.relay.sessions) == tried
        assert post.transport.snapshot().circuits == {}


async def test_a_recipient_refused_for_now_changes_nothing() -> None:
    async with posting({"rcpt": Say("450 4.2.1 mailbox busy")}, how=options(limits=PAUSES)) as post:
        for number in range(20):
            assert isinstance(await send(post, number), Answered)
        assert post.transport.snapshot().circuits == {}


async def test_what_we_forbid_ourselves_is_told_to_each_mail_and_opens_no_circuit() -> None:
    async with posting(how=SmtpOptions()) as post:
        attempts = await send_all(post, 3)
        assert attempts == [NotSent(Stage.CONNECT, "plaintext-not-allowed")] * 3
        assert post.transport.snapshot().circuits == {}


async def test_one_relays_circuit_is_no_others() -> None:
    async with posting({"greeting": (Say("554 5.3.2 closed"),)}, how=options(limits=PAUSES)) as post:
        await send(post)
        assert isinstance(await send(post), Withheld)
        assert isinstance(await send(post, by=replace(post.name, max_connections=7)), Answered)
