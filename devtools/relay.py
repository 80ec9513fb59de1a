"""A small SMTP relay that does as it is told: for tests, for the demo, and as a process of its own."""

import argparse
import asyncio
import contextlib
import signal
import ssl
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from devtools.certificates import Certificates, write_certificates
from devtools.relay_script import Folder, Journal, Keeper, Manner, Playbook, Script, Taken
from devtools.relay_session import Session
from devtools.relay_wire import GoneError, Log, Wire

_LEFT = (ConnectionError, ssl.SSLError, TimeoutError)


class Relay:
    """The listening side. Its `taken` mails and `sessions` are there for who wants to look."""

    def __init__(
        self,
        manner: Manner | None = None,
        script: Script | None = None,
        *,
        certificates: Certificates | None = None,
        keepers: Sequence[Keeper] = (),
        remember: bool = True,
    ) -> None:
        self.manner = manner or Manner()
        self.playbook = Playbook(script or {})
        self.tls = _server_context(certificates) if certificates else None
        self.taken: list[Taken] = []
        self.sessions: list[Log] = []
        self.most_open = 0
        self.port = 0
        self._keepers = keepers
        self._remember = remember
        self._writers: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> None:
        at_once = self.tls if self.manner.scheme == "smtps" else None
        self._server = await asyncio.start_server(self._serve, host, port, ssl=at_once, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        tasks = [task for task in self._writers.values() if task]
        for writer in self._writers:
            writer.transport.abort()
        if tasks:
            await asyncio.wait(tasks, timeout=5)

    def keep(self, mail: Taken) -> None:
        for keeper in self._keepers:
            keeper.keep(mail)
        if self._remember:
            self.taken.append(mail)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for a change of the sessions or mails that makes this true."""
        async with self._changed:
            await self._changed.wait_for(true)

    async def until_all_left(self) -> None:
        await self.until(lambda: all(not log.open for log in self.sessions))

    async def tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        log = Log()
        if self._remember:
            self.sessions.append(log)
        self._writers[writer] = asyncio.current_task()
        self.most_open = max(self.most_open, len(self._writers))
        with contextlib.suppress(GoneError, *_LEFT):
            await Session(self, Wire(reader, writer, log, self.manner.latency)).hold()
        writer.transport.abort()
        del self._writers[writer]
        log.open = False
        await self.tell()


def _server_context(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.chain, certificates.key)
    return context


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devtools.relay", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one, told on stdout")
    parser.add_argument("--scheme", choices=("smtp", "smtps", "plain"), default="smtp")
    parser.add_argument("--journal", type=Path, help="one line of JSON for each mail taken")
    parser.add_argument("--eml-dir", type=Path, help="one file for each mail taken")
    parser.add_argument("--certificates", type=Path, help="folder for ca.pem, server.pem, server.key")
    parser.add_argument("--user")
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--latency", type=float, default=0.0, metavar="MS", help="before each flight of replies")
    return parser.parse_args()


def _users(arguments: argparse.Namespace) -> dict[str, str] | None:
    if arguments.user is None:
        return None
    return {arguments.user: arguments.password_file.read_text().strip()}


def _relay(arguments: argparse.Namespace) -> Relay:
    certificates = None
    if arguments.scheme != "plain":
        folder = arguments.certificates or Path(tempfile.mkdtemp(prefix="relay-"))
        certificates = write_certificates(folder)
    keepers: list[Keeper] = []
    if arguments.journal:
        keepers.append(Journal(arguments.journal))
    if arguments.eml_dir:
        keepers.append(Folder(arguments.eml_dir))
    manner = Manner(arguments.scheme, users=_users(arguments), latency=arguments.latency / 1000)
    return Relay(manner, certificates=certificates, keepers=keepers, remember=False)


async def _main(arguments: argparse.Namespace) -> None:
    asked_to_stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked_to_stop.set)
    relay = _relay(arguments)
    await relay.listen(arguments.host, arguments.port)
    sys.stdout.write(f"listening on {arguments.host}:{relay.port}\n")
    sys.stdout.flush()
    await asked_to_stop.wait()
    await relay.close()


if __name__ == "__main__":
    asyncio.run(_main(_arguments()))
