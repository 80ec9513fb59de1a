"""The link between a parent and its workers, over a real socket pair."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from consumer.adapters.link import Asking, answering, asking, pair

WITHIN = 30.0
LONG = b"x" * 3_000_000


class Ends:
    """Both ends in one process."""

    def __init__(self, parent: Asking, worker: AsyncExitStack, alone: asyncio.Event) -> None:
        self.parent = parent
        self.worker = worker
        self.alone = alone


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    ours, theirs = pair()
    parent = await asking(ours)
    alone = asyncio.Event()
    answers = {"name": lambda: b"ann", "long": lambda: LONG}
    async with AsyncExitStack() as worker:
        await worker.enter_async_context(answering(theirs, answers, alone=alone.set))
        yield Ends(parent, worker, alone)
    parent.close()


async def test_a_question_is_answered(ends: Ends) -> None:
    assert await ends.parent.ask("name", WITHIN) == b"ann"


async def test_what_is_told_is_heard_and_its_answer_is_nobodys(ends: Ends) -> None:
    ends.parent.tell("long")
    assert await ends.parent.ask("name", WITHIN) == b"ann"


async def test_a_question_that_nobody_knows_is_answered_with_nothing(ends: Ends) -> None:
    assert await ends.parent.ask("age", WITHIN) == b""


async def test_a_long_answer_arrives_whole_and_each_question_gets_its_own(ends: Ends) -> None:
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(ends.parent.ask(word, WITHIN)) for word in ("long", "name", "long")]
    assert [task.result() for task in asked] == [LONG, b"ann", LONG]


async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_ones() -> None:
    ours, theirs = pair()
    parent = await asking(ours)
    assert await parent.ask("slow", 0.01) is None
    answers = iter((b"late", b"right"))
    async with answering(theirs, {"slow": lambda: next(answers)}, alone=lambda: None):
        assert await parent.ask("slow", WITHIN) == b"right"
    parent.close()


async def test_a_worker_that_is_gone_answers_nothing_at_once(ends: Ends) -> None:
    await ends.worker.aclose()
    async with asyncio.timeout(WITHIN):
        assert await ends.parent.ask("name", 1000.0) is None
        assert await ends.parent.ask("name", 1000.0) is None
    assert not ends.parent.open


async def test_a_worker_learns_that_its_parent_is_gone(ends: Ends) -> None:
    ends.parent.close()
    async with asyncio.timeout(WITHIN):
        await ends.alone.wait()


async def test_who_leaves_by_himself_is_not_alone(ends: Ends) -> None:
    await ends.worker.aclose()
    assert await ends.parent.ask("name", WITHIN) is None
    assert not ends.alone.is_set()


def test_our_end_is_not_inherited() -> None:
    ours, theirs = pair()
    with ours, socket.socket(fileno=theirs):
        assert not ours.get_inheritable()
