"""One process of ours that never outlives us.

It runs in a session of its own, so that a Ctrl-C meant for us does not reach it before we are ready,
and asks the kernel to be ended when we are killed (PR_SET_PDEATHSIG). The kernel counts the death of
the *thread* that started it; so one thread, which lives as long as the process, starts them all.
"""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Self

ALLOWED_HERE = {"CONSUMER_NETWORK__ALLOW": '["127.0.0.0/8", "::1/128"]'}
"""What a consumer is told whose relays and files are on this machine: by itself it connects to public addresses only."""

_TAIL = 30
_alive: "weakref.WeakSet[Child]" = weakref.WeakSet()
_starts: SimpleQueue[Callable[[], None]] = SimpleQueue()


def _start_forever() -> None:
    while True:
        _starts.get()()


threading.Thread(target=_start_forever, name="starts-children", daemon=True).start()


class Child:
    """A process in a group of its own, with its output in a file."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        _alive.add(self)

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        on_our_death: str = "KILL",
    ) -> Self:
        """Start it; its environment is ours and the given one on top."""
        started: SimpleQueue[subprocess.Popen[bytes] | OSError] = SimpleQueue()
        full = {**os.environ, **(environment or {})}

        def start() -> None:
            try:
                with log.open("ab") as output:
                    started.put(_popen([*_bound_to_us(on_our_death), *command], output.fileno(), full))
            except OSError as error:
                started.put(error)

        _starts.put(start)
        process = started.get(timeout=30)
        if isinstance(process, OSError):
            raise process
        return cls(process, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def code(self) -> int | None:
        """The exit code once it has ended; negative for a signal."""
        return self._process.poll()

    @property
    def tail(self) -> str:
        """The end of what it has said."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_TAIL:])

    def wait(self, seconds: float) -> bool:
        """Wait for its end; tells whether it came."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to all that it started."""
        with contextlib.suppress(ProcessLookupError):
            if self.running:
                os.killpg(self.pid, number)

    def stop(self, within: float) -> None:
        """Ask it to end; after the given seconds, end it."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if not self.wait(within):
            self.kill()

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self._process.wait(30)


def _popen(command: Sequence[str], output: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )


def _bound_to_us(name: str) -> list[str]:
    """The words before a command that tie its life to ours; none where util-linux is missing (macOS)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", name, "--"] if setpriv else []


@atexit.register
def _end_all() -> None:
    for child in list(_alive):
        if child.running:
            child.kill()
