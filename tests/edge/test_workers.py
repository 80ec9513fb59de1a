"""The parent of workers, with stand-ins for them that do as they are told."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from consumer.__main__ import main
from consumer.settings import Http, Kafka, Settings, Work
from consumer.workers import Workers
from consumer.workers.patience import PAUSES, STEADY, Patience
from consumer.workers.worker import Ended, Worker
from tests.acceptance.service import until

ENDS = "import pathlib, sys; pathlib.Path({folder!r}, sys.argv[2]).touch(); sys.exit({code})"
"""Leaves a trace under its number, and ends."""

STAYS = """
import asyncio, sys
from consumer.adapters.link import answering

async def main():
    answers = {{"ready": lambda: b"{{}}", "metrics": lambda: b"[]", "stop": lambda: {on_stop} or b""}}
    stopped = asyncio.Event()
    async with answering(int(sys.argv[3]), answers, alone=lambda: None):
        await stopped.wait()

asyncio.run(main())
"""
"""Answers for ever; does that when it is asked to stop."""


ENDS_ONCE_UP = """
import asyncio, sys
from consumer.adapters.link import answering

async def main():
    asked = asyncio.Event()
    async with answering(int(sys.argv[3]), {"ready": lambda: asked.set() or b"{}"}, alone=lambda: None):
        await asked.wait()
        await asyncio.sleep(0.1 if sys.argv[2] == "2" else 60)
    sys.exit(3)

asyncio.run(main())
"""
"""Answers; if it is the second, it ends then."""


def settings(workers: int) -> Settings:
    return Settings(
        kafka=Kafka(bootstrap_servers="127.0.0.1:1"),
        http=Http(port=0),
        work=Work(workers=workers, drain_within="10ms"),  # pyright: ignore[reportArgumentType]
    )


def words(script: str) -> tuple[str, ...]:
    return (sys.executable, "-c", script)


@pytest.mark.parametrize(("code", "exit_code"), [(78, 78), (69, 69), (0, os.EX_SOFTWARE)])
async def test_if_the_first_worker_ends_before_it_is_up_all_ends_as_it_did(
    tmp_path: Path, code: int, exit_code: int
) -> None:
    workers = Workers(settings(3), words(ENDS.format(folder=str(tmp_path), code=code)))
    assert await workers.run() == exit_code
    assert os.listdir(tmp_path) == ["1"]  # noqa: PTH208


async def test_workers_that_drain_end_the_parent_with_0() -> None:
    workers = Workers(settings(2), words(STAYS.format(on_stop="stopped.set()")))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(workers.run())
        await _up(workers)
        workers.stop()
    assert running.result() == 0


async def test_workers_that_do_not_end_are_killed_and_the_exit_code_says_so() -> None:
    workers = Workers(settings(2), words(STAYS.format(on_stop="None")), behind=0.1)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(workers.run())
        await _up(workers)
        workers.stop()
    assert running.result() == 128 + signal.SIGKILL


async def test_one_that_ends_by_itself_is_started_again_under_its_number() -> None:
    workers = Workers(settings(2), words(STAYS.format(on_stop="stopped.set()")))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(workers.run())
        await _up(workers)
        _, second = workers.all
        before = second.pid
        second.signal(signal.SIGKILL)
        await until(lambda: second.up and second.pid != before)
        workers.stop()
    assert running.result() == 0


async def test_one_that_cannot_be_kept_going_ends_all_with_its_exit_code(capfd: pytest.CaptureFixture[str]) -> None:
    workers = Workers(settings(2), words(ENDS_ONCE_UP), pauses=(0.0, 0.0))
    assert await workers.run() == 3
    assert not [worker for worker in workers.all if worker.pid]
    assert capfd.readouterr().out.count("worker ended") == 3


async def test_workers_that_are_asked_to_stop_before_they_are_up_have_nothing_to_drain(tmp_path: Path) -> None:
    script = f"import pathlib, sys, time; pathlib.Path({str(tmp_path)!r}, 'there').touch(); time.sleep(60)"
    workers = Workers(settings(2), words(script))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(workers.run())
        await until((tmp_path / "there").exists)
        workers.stop()
    assert running.result() == 0
    assert [worker.pid for worker in workers.all] == [None, None]


async def _up(workers: Workers) -> None:
    await until(lambda: all(worker.up for worker in workers.all))


async def test_a_worker_tells_how_its_process_ended() -> None:
    worker = Worker(1, words("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))
    ended = await worker.run(lambda: None, lambda: None)
    assert (ended.code, ended.exit_code, ended.up) == (-9, 137, False)
    assert worker.pid is None
    assert await worker.ask("ready", 1.0) is None


async def test_a_worker_that_the_system_cannot_start_has_ended() -> None:
    worker = Worker(1, ("/nowhere/python",))
    ended = await worker.run(lambda: None, lambda: None)
    assert (ended.code, ended.up) == (os.EX_OSERR, False)


def test_an_exit_code_is_said_as_shells_say_it() -> None:
    assert [Ended(code, up=True, seconds=1.0).exit_code for code in (0, 78, -9, -15)] == [0, 78, 137, 143]


def test_pauses_grow_and_come_to_an_end() -> None:
    patience = Patience()
    assert [patience.after(1.0) for _ in range(9)] == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, None, None]


def test_one_that_had_worked_begins_anew() -> None:
    patience = Patience()
    for _ in PAUSES:
        patience.after(1.0)
    assert patience.after(STEADY) == 0.0
    assert patience.after(1.0) == 1.0


@pytest.mark.parametrize("number", ["0", "65", "-1", "two"])
def test_a_number_of_workers_that_makes_no_sense_is_a_matter_of_usage(
    number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--workers", number]) == 2
    assert "--workers" in capsys.readouterr().err


def test_the_flag_goes_before_the_variable(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CONSUMER_WORK__WORKERS", "many")
    monkeypatch.delenv("CONSUMER_KAFKA__BOOTSTRAP_SERVERS", raising=False)
    assert main(["run"]) == 78
    assert "CONSUMER_WORK__WORKERS must be a whole number" in capsys.readouterr().err
    assert main(["run", "--workers", "2"]) == 78
    said = capsys.readouterr().err
    assert "CONSUMER_WORK__WORKERS" not in said
    assert "CONSUMER_KAFKA__BOOTSTRAP_SERVERS has to be set" in said
