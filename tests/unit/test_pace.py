"""How slow a process is, and how much is enough for it."""

import asyncio
import time

from consumer.stream.pace import ENOUGH, Room, wanted_processor


async def test_what_is_enough_grows_with_how_many_end() -> None:
    room = Room(10_000)
    watching = asyncio.create_task(room.watch(0.01))
    while room.enough <= ENOUGH:
        for _ in range(1_000):
            room.take()
            room.give_back()
        await asyncio.sleep(0.01)
    watching.cancel()
    assert room.enough <= 10_000 * 5 / 8


async def test_a_process_that_wants_the_processor_all_the_time_is_patient_with_others() -> None:
    room = Room(1_000)
    watching = asyncio.create_task(room.watch(0.01))
    while room.patience < 2:
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass
        await asyncio.sleep(0)
    watching.cancel()


async def test_who_has_to_wait_long_for_kafka_is_patient_with_others() -> None:
    room = Room(1_000)
    watching = asyncio.create_task(room.watch(0.001))
    for _ in range(20):
        room.ticked(2.0)
    while room.patience < 10:  # noqa: ASYNC110  bounded by the test's own limit
        await asyncio.sleep(0.001)
    watching.cancel()


def test_a_thread_that_only_sleeps_wants_no_processor() -> None:
    before = wanted_processor()
    asyncio.run(asyncio.sleep(0.2))
    assert wanted_processor() - before < 0.2
