"""The relays that mails are sent to, each as a process of its own, near or with a long way to it."""

import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks import sink
from benchmarks.watch import FailedError
from devtools.child import Child

_UP_WITHIN = 30.0


class Kind(StrEnum):
    """What stands at the other end. The value is how a course says so."""

    SINK = "fast relay"
    STARTTLS = "relay with STARTTLS"
    POSTFIX = "Postfix"


@dataclass(frozen=True, slots=True)
class Relay:
    """Where it listens, and whom its certificate is from, where mail goes to it by STARTTLS only."""

    port: int
    authority: Path | None = None


def told(kind: Kind) -> str:
    """What it is, for the report."""
    match kind:
        case Kind.SINK:
            return sink.name()
        case Kind.STARTTLS:
            return "an own asyncio sink with STARTTLS, for smtp-sink has none"
        case Kind.POSTFIX:
            return "Postfix (smtpd, cleanup, queue on disk, then discarded), plain text"


def missing(kind: Kind) -> str | None:
    """Why there is none here."""
    if kind is not Kind.POSTFIX:
        return None
    if shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
        return "Postfix is not installed"
    return None if os.geteuid() == 0 else "Postfix starts as root only"


@contextmanager
def relay(kind: Kind, round_trip: float, folder: Path) -> Iterator[Relay]:
    """One that takes every mail; a round trip to it takes so many seconds, beside its own time."""
    with ExitStack() as stack:
        port, authority = free_port(), None
        command = sink.command(port)
        if kind is Kind.STARTTLS:
            made = folder / f"certificates-{port}"
            command, authority = [*_module("sink"), str(port), "--certificates", str(made)], made / "ca.pem"
        elif kind is Kind.POSTFIX:
            command = [*_module("postfix"), str(port)]
        stack.enter_context(_running(command, port, folder / f"relay-{port}.log"))
        if round_trip:
            near, port = port, free_port()
            words = [*_module("delay"), str(port), str(near), str(round_trip * 500)]
            stack.enter_context(_running(words, port, folder / f"delay-{port}.log"))
        yield Relay(port, authority)


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{name}"]


@contextmanager
def _running(command: Sequence[str], port: int, log: Path) -> Iterator[None]:
    child = Child.start(command, log=log)
    try:
        _wait_until_it_listens(child, port)
        yield
    finally:
        child.stop(10)


def _wait_until_it_listens(child: Child, port: int) -> None:
    deadline = time.monotonic() + _UP_WITHIN
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if child.wait(0.05) or time.monotonic() > deadline:
                raise FailedError(f"no relay came up on port {port}; its log:\n{child.tail}") from error
        else:
            return


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
