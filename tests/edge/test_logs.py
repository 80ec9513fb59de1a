"""Logging: what a line holds, and what never gets into one."""

import asyncio
import io
import logging
import sys
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import structlog
from typing_extensions import override

from consumer.adapters import logs
from consumer.adapters.memory import SetClock


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook
    stream = io.StringIO()
    logs.configure("info", "auto", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:], level, sys.excepthook = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def said(lines: io.StringIO) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in lines.getvalue().splitlines()]


def test_off_a_terminal_a_line_is_json(lines: io.StringIO) -> None:
    structlog.get_logger("consumer.stream").info("partition opened", partition=3, seconds=0.04)
    (line,) = said(lines)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "partition opened",
        "level": "info",
        "logger": "consumer.stream",
        "partition": 3,
        "seconds": 0.04,
    }


async def test_the_line_of_a_mail_is_like_any_other(lines: io.StringIO) -> None:
    logs.concluded("accepted", 3, 14, 0.0412)
    logs.concluded("rejected", 3, 15, 2.0)
    logs.flush()
    accepted, rejected = said(lines)
    assert accepted.pop("timestamp").endswith("Z")
    assert accepted == {
        "event": "concluded",
        "level": "info",
        "logger": "consumer.requests",
        "outcome": "accepted",
        "partition": 3,
        "offset": 14,
        "seconds": 0.041,
    }
    assert rejected["outcome"] == "rejected"


async def test_each_line_of_a_worker_has_its_number(lines: io.StringIO) -> None:
    logs.configure("info", "json", stream=lines, worker=2)
    structlog.get_logger("consumer.stream").info("partition opened", partition=3)
    logs.concluded("accepted", 3, 14, 0.0412)
    logs.flush()
    assert [line["worker"] for line in said(lines)] == [2, 2]


class Writes(io.StringIO):
    """What was written in one go, each."""

    def __init__(self) -> None:
        super().__init__()
        self.each: list[str] = []

    @override
    def write(self, text: str, /) -> int:
        self.each.append(text)
        return len(text)


async def test_lines_that_are_written_together_are_whole_and_fit_what_a_pipe_takes_in_one_go(
    lines: io.StringIO,
) -> None:
    stream = Writes()
    logs.configure("info", "json", stream=stream, worker=2)
    for offset in range(100):
        logs.concluded("accepted", 3, offset, 0.0412)
    logs.flush()
    assert max(map(len, stream.each)) <= 4096
    assert len(stream.each) < 10
    assert [orjson.loads(line)["offset"] for text in stream.each for line in text.splitlines()] == list(range(100))


async def test_the_line_of_a_mail_is_for_people_where_they_look(lines: io.StringIO) -> None:
    stream = io.StringIO()
    logs.configure("info", "console", stream=stream)
    logs.concluded("accepted", 3, 14, 0.0412)
    logs.flush()
    assert "accepted" in stream.getvalue()
    assert lines.getvalue() == ""


async def test_the_line_of_a_mail_is_left_out_from_warning_on(lines: io.StringIO) -> None:
    logs.configure("warning", "json", stream=lines)
    logs.concluded("accepted", 3, 14, 0.0412)
    logs.flush()
    assert said(lines) == []


def test_on_a_terminal_a_line_is_for_people(lines: io.StringIO) -> None:
    stream = io.StringIO()
    logs.configure("info", "console", stream=stream)
    structlog.get_logger().info("partition opened", partition=3)
    assert "partition opened" in stream.getvalue()
    assert "{" not in stream.getvalue()


def test_less_than_the_level_is_not_logged(lines: io.StringIO) -> None:
    structlog.get_logger().debug("detail")
    assert said(lines) == []


def test_a_field_that_is_not_in_the_table_is_dropped_and_named(lines: io.StringIO) -> None:
    structlog.get_logger().info("sent", recipient="c4n4ry@example.com", relay="mail:587")
    (line,) = said(lines)
    assert line["dropped_fields"] == ["recipient"]
    assert line["relay"] == "mail:587"
    assert "c4n4ry" not in lines.getvalue()


@pytest.mark.parametrize("value", [b"c4n4ry", {"to": "c4n4ry"}, object(), [b"c4n4ry"], ValueError("c4n4ry")])
def test_a_value_that_is_not_plain_shows_only_its_type(lines: io.StringIO, value: object) -> None:
    structlog.get_logger().info("sent", reason=value)
    assert "c4n4ry" not in lines.getvalue()
    assert "<" in str(said(lines)[0]["reason"])


def test_an_exception_is_told_by_types_and_places_never_by_its_text(lines: io.StringIO) -> None:
    try:
        try:
            int("c4n4ry")
        except ValueError as error:
            raise ExceptionGroup("c4n4ry", [KeyError("c4n4ry")]) from error
    except ExceptionGroup:
        structlog.get_logger().exception("failed")
    (line,) = said(lines)
    assert line["exception"] == "ExceptionGroup(KeyError) from ValueError"
    assert "c4n4ry" not in lines.getvalue()


def test_the_place_of_an_exception_is_told(lines: io.StringIO) -> None:
    try:
        int("c4n4ry")
    except ValueError:
        structlog.get_logger().exception("failed")
    (frame,) = said(lines)[0]["frames"]
    assert frame.startswith("tests/edge/test_logs.py:") or "test_logs.py:" in frame
    assert frame.endswith(" test_the_place_of_an_exception_is_told")


def test_what_ends_the_process_is_told_like_all_else(lines: io.StringIO) -> None:
    logs.crashed(ValueError, ValueError("c4n4ry"), None)
    assert said(lines)[0]["exception"] == "ValueError"
    assert "c4n4ry" not in lines.getvalue()


async def test_a_forgotten_exception_of_the_loop_is_told_without_reprs(lines: io.StringIO) -> None:
    loop = asyncio.get_running_loop()
    logs.loop_exception(loop, {"message": "c4n4ry", "exception": ValueError("c4n4ry"), "future": "c4n4ry"})
    assert said(lines)[0]["exception"] == "ValueError"
    assert "c4n4ry" not in lines.getvalue()


def test_other_libraries_are_heard_from_warning_on(lines: io.StringIO) -> None:
    logging.getLogger("aiokafka.conn").info("chatter")
    logging.getLogger("aiokafka.conn").warning("node %s is away", 1)
    (line,) = said(lines)
    assert (line["event"], line["logger"], line["level"]) == ("node 1 is away", "aiokafka.conn", "warning")


def test_only_the_first_line_of_others_is_kept(lines: io.StringIO) -> None:
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task c4n4ry>")
    assert said(lines)[0]["event"] == "Task exception was never retrieved"


def test_arguments_that_do_not_fit_do_no_harm(lines: io.StringIO) -> None:
    wrong = logging.LogRecord("aiokafka", logging.ERROR, "", 0, "%d nodes", ("many",), None)
    logs.Foreign(SetClock().elapsed).handle(wrong)
    assert said(lines)[0]["event"] == "%d nodes"


def test_control_characters_reach_no_terminal(lines: io.StringIO) -> None:
    logging.getLogger("aiokafka").error("\x1b[2J%s", "x" * 1000)
    event = said(lines)[0]["event"]
    assert event.startswith("?[2J")
    assert len(event) < 510


def test_the_same_line_comes_at_most_once_in_ten_seconds_and_then_with_a_count(lines: io.StringIO) -> None:
    clock = SetClock()
    logging.getLogger().handlers[:] = [logs.Foreign(clock.elapsed)]
    log = logging.getLogger("aiokafka")
    for node in range(200):  # 20 a second, for ten seconds
        log.error("Unable connect to node with id %s", node)
        clock.pass_by(0.05)
    log.error("something else")
    clock.pass_by(1)
    log.error("Unable connect to node with id %s", 7)
    assert [(line["event"], line.get("suppressed")) for line in said(lines)] == [
        ("Unable connect to node with id 0", None),
        ("something else", None),
        ("Unable connect to node with id 7", 199),
    ]


def test_endless_different_lines_are_not_all_remembered(lines: io.StringIO) -> None:
    handler = logs.Foreign(SetClock().elapsed)
    for number in range(2000):
        handler.handle(logging.LogRecord("x", logging.ERROR, "", 0, f"line {number}", None, None))
    assert len(said(lines)) == 2000
