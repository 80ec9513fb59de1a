"""A mail on its way to a busy connection: whatever becomes of its leave, those behind it get on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from consumer.adapters.smtp import PoolLimits
from consumer.core.attempt import Answered, Attempt, Lapsed
from consumer.core.tenant import Relay, Scheme
from devtools.relay_script import Behave
from tests.edge.post import CLOCK, Post, mail, options, posting

ONE_AHEAD = PoolLimits(ahead=1, most_ahead=1)


def single(port: int) -> Relay:
    return Relay("127.0.0.1", port, Scheme.PLAIN, max_connections=1)


@dataclass
class Waiting:
    """A mail that waits for leave while the only connection is busy, and one behind it that waits for its place."""

    answer: asyncio.Future[float | None]
    task: asyncio.Task[Attempt]
    behind: asyncio.Task[Attempt]
    post: Post


@asynccontextmanager
async def waiting(*, wrapped: bool) -> AsyncIterator[Waiting]:
    """Ends once the mail behind has been sent. `wrapped`: the permit is a coroutine and no future."""
    async with posting({"body": Behave(delay=0.1)}, name=single, how=options(limits=ONE_AHEAD)) as post:
        await post.send(0)
        answer, asked = asyncio.get_running_loop().create_future(), asyncio.Event()

        def future() -> asyncio.Future[float | None]:
            asked.set()
            return answer

        async def coroutine() -> float | None:
            return await future()

        permit: Callable[[], Awaitable[float | None]] = coroutine if wrapped else future
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            busy = tasks.create_task(post.send(1))
            await asyncio.sleep(0)
            task = asyncio.get_running_loop().create_task(post.transport.send(mail(2), post.name, permit))
            await asyncio.sleep(0)
            behind = tasks.create_task(post.send(3))
            await asyncio.wait_for(asked.wait(), 5)
            yield Waiting(answer, task, behind, post)
            await asyncio.wait([task])
        assert isinstance(busy.result(), Answered)
        assert isinstance(behind.result(), Answered)


FORMS = pytest.mark.parametrize("wrapped", [False, True], ids=["future", "coroutine"])


@FORMS
async def test_with_leave_both_go_out(wrapped: bool) -> None:  # noqa: FBT001
    async with waiting(wrapped=wrapped) as it:
        it.answer.set_result(CLOCK.elapsed() + 10)
        assert isinstance(await it.task, Answered)
    assert len(it.post.relay.taken) == 4


@FORMS
@pytest.mark.parametrize("until", [None, 0.0], ids=["refused", "over"])
async def test_without_leave_it_has_lapsed(until: float | None, wrapped: bool) -> None:  # noqa: FBT001
    async with waiting(wrapped=wrapped) as it:
        it.answer.set_result(until)
        assert await it.task == Lapsed()
    assert len(it.post.relay.taken) == 3


@FORMS
async def test_who_is_cancelled_asks_for_leave_no_more(wrapped: bool) -> None:  # noqa: FBT001
    async with waiting(wrapped=wrapped) as it:
        it.task.cancel()
        await asyncio.wait([it.task])
        assert it.task.cancelled()
        await asyncio.sleep(0)
        assert it.answer.cancelled()


@FORMS
async def test_who_is_cancelled_in_the_moment_of_its_leave_is_not_sent(wrapped: bool) -> None:  # noqa: FBT001
    async with waiting(wrapped=wrapped) as it:
        it.answer.set_result(CLOCK.elapsed() + 10)
        it.task.cancel()
        await asyncio.wait([it.task])
        assert it.task.cancelled()
    assert len(it.post.relay.taken) == 3


@FORMS
async def test_leave_that_fails_is_told_to_its_mail_alone(wrapped: bool) -> None:  # noqa: FBT001
    async with waiting(wrapped=wrapped) as it:
        it.answer.set_exception(LookupError())
        with pytest.raises(LookupError):
            await it.task


@FORMS
async def test_leave_that_is_withdrawn_ends_its_mail_alone(wrapped: bool) -> None:  # noqa: FBT001
    async with waiting(wrapped=wrapped) as it:
        it.answer.cancel()
        await asyncio.wait([it.task])
        assert it.task.cancelled()


async def test_leave_that_fails_for_who_was_cancelled_is_not_complained_about() -> None:
    async with waiting(wrapped=False) as it:
        it.answer.set_exception(LookupError())
        it.task.cancel()
        await asyncio.wait([it.task])
        assert it.task.cancelled()
