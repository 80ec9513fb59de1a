"""What every transport promises, over SMTP and in memory."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from consumer.adapters.memory_transport import MemoryTransport
from consumer.core.attempt import Answered, Lapsed
from consumer.core.mail import Address
from consumer.core.reply import Reply
from consumer.core.tenant import Relay
from consumer.ports import Transport
from devtools.relay_script import Say
from tests.edge.post import CLOCK, granted, mail, not_granted, posting

NOBODY = Address("nobody@example.com")
REFUSED = Reply(550, "no such user", "5.1.1")
OK = Reply(250, "ok", "2.1.5")


@dataclass
class Subject:
    """A transport that refuses one recipient, and the Message-IDs that it handed over."""

    transport: Transport
    relay: Relay
    handed_over: Callable[[], list[str]]


@asynccontextmanager
async def over_smtp() -> AsyncIterator[Subject]:
    async with posting({f"rcpt:{NOBODY}": Say(str(REFUSED))}) as post:
        yield Subject(post.transport, post.name, lambda: [taken.message_id for taken in post.relay.taken])


@asynccontextmanager
async def in_memory() -> AsyncIterator[Subject]:
    transport = MemoryTransport(CLOCK, refused={NOBODY: REFUSED})
    yield Subject(transport, Relay("memory", 1), lambda: [sent.message_id for _, sent in transport.handed_over])


@pytest.fixture(params=[over_smtp, in_memory], ids=["smtp", "memory"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    opened: AbstractAsyncContextManager[Subject] = request.param()
    async with opened as it:
        yield it


async def test_a_mail_is_handed_over_once_and_answered(subject: Subject) -> None:
    before = CLOCK.now()
    attempt = await subject.transport.send(mail(), subject.relay, granted)

    assert isinstance(attempt, Answered)
    assert attempt.recipients == (OK,)
    assert attempt.data
    assert attempt.data.positive
    assert before <= attempt.at <= CLOCK.now()
    assert subject.handed_over() == [mail().message_id]


async def test_replies_stand_in_the_order_of_the_recipients(subject: Subject) -> None:
    to = ("ann@example.com", NOBODY, "bob@example.com")
    attempt = await subject.transport.send(mail(to=to), subject.relay, granted)

    assert isinstance(attempt, Answered)
    assert attempt.recipients == (OK, REFUSED, OK)
    assert len(subject.handed_over()) == 1


async def test_nothing_is_handed_over_where_nobody_takes_it(subject: Subject) -> None:
    attempt = await subject.transport.send(mail(to=(NOBODY,)), subject.relay, granted)

    assert isinstance(attempt, Answered)
    assert (attempt.recipients, attempt.data) == ((REFUSED,), None)
    assert subject.handed_over() == []


async def test_nothing_is_handed_over_without_leave(subject: Subject) -> None:
    assert await subject.transport.send(mail(), subject.relay, not_granted) == Lapsed()
    assert subject.handed_over() == []


async def test_nothing_is_handed_over_after_leave_ran_out(subject: Subject) -> None:
    async def too_late() -> float | None:
        return CLOCK.elapsed()

    assert await subject.transport.send(mail(), subject.relay, too_late) == Lapsed()
    assert subject.handed_over() == []


async def test_leave_is_asked_for_once(subject: Subject) -> None:
    asked: list[int] = []

    async def counted() -> float | None:
        asked.append(1)
        return await granted()

    for number in range(3):
        assert isinstance(await subject.transport.send(mail(number), subject.relay, counted), Answered)
    assert len(asked) == 3
