"""Real relays of others, on free ports and in a folder of their own: Postfix and chasquid, as Debian has them.

    async with real_relay("postfix") as relay: ...

Each offers STARTTLS on one port and TLS at connect on another, wants a login on both, takes mail for anybody at
example.com but `refused@example.com`, and keeps it. A program that is not installed is looked for in `.cache/mta`,
where `python -m devtools.mta` puts what Debian's packages hold, without installing them.
"""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from devtools.certificates import Certificates, write_certificates
from devtools.child import Child

NAMES = ("postfix", "chasquid")
PACKAGES = Path(__file__).parent.parent.parent / ".cache" / "mta"
USER, PASSWORD = "acme@example.com", "mysecret"
REFUSED = "refused@example.com"

_HOST = "127.0.0.1"
_STARTED_WITHIN = 30.0


class NotHereError(Exception):
    """The relay cannot be run here; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a relay is given: a folder that its users may enter, ports, certificates, and the mailboxes it must know."""

    folder: Path
    starttls: int
    tls: int
    certificates: Certificates
    mailboxes: Collection[str]


class Mta(Protocol):
    """A program that is a relay."""

    async def start(self, place: Place, stack: AsyncExitStack) -> Child:
        """Configure and start it; what has to be undone goes on the stack."""
        ...


@dataclass(frozen=True, slots=True)
class RealRelay:
    """A relay that runs. `mails` are whole, as it filed them, a copy for each recipient."""

    name: str
    starttls: int
    tls: int
    authority: Path
    _filed: Path = field(repr=False)

    def mails(self) -> list[bytes]:
        """What has come, in no order; its lines ended by LF or CRLF, as the relay files them."""
        return [file.read_bytes() for file in self._filed.glob("**/new/*") if file.is_file()]

    async def until(self, count: int, within: float) -> list[bytes]:
        """As soon as so many mails have come; or what has come in time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while sum(1 for _ in self._filed.glob("**/new/*")) < count and loop.time() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        return self.mails()


@asynccontextmanager
async def real_relay(name: str, mailboxes: Collection[str] = ()) -> AsyncIterator[RealRelay]:
    """The relay of that name, ready for mail. `NotHereError` where it cannot be run."""
    from devtools.mta.chasquid import Chasquid  # noqa: PLC0415  each needs what stands above
    from devtools.mta.postfix import Postfix  # noqa: PLC0415

    kinds: dict[str, Callable[[], Mta]] = {"postfix": Postfix, "chasquid": Chasquid}
    mta = kinds[name]()
    async with AsyncExitStack() as stack:
        place = _place(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{name}-")), mailboxes)
        child = await mta.start(place, stack)
        stack.callback(child.stop, 10)
        for port in (place.starttls, place.tls):
            await _answers(port, child)
        yield RealRelay(name, place.starttls, place.tls, place.certificates.authority, place.folder / "mail")


def _place(name: str, mailboxes: Collection[str]) -> Place:
    folder = Path(name)
    folder.chmod(0o755)
    (folder / "mail").mkdir()
    starttls, tls = _free_ports(2)
    return Place(folder, starttls, tls, write_certificates(folder / "certificates"), mailboxes)


def program(name: str) -> str:
    """Where the program is, installed or unpacked."""
    unpacked = (str(PACKAGES / part) for part in ("usr/bin", "usr/sbin"))
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", *unpacked))
    found = shutil.which(name, path=path)
    if found is None:
        raise NotHereError(f"{name} is not installed, nor in .cache/mta (python -m devtools.mta gets it from Debian)")
    return found


async def run(*command: str) -> str:
    """Run a command of a relay to its end; what it said."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(30):
        said, _ = await process.communicate()
    if process.returncode:
        raise NotHereError(f"{Path(command[0]).name} failed: {said.decode(errors='replace')[-500:]}")
    return said.decode(errors="replace").strip()


async def _answers(port: int, child: Child) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + _STARTED_WITHIN
    while loop.time() < end and child.running:
        try:
            _, writer = await asyncio.open_connection(_HOST, port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise NotHereError(f"it does not answer: {child.tail}")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server((_HOST, 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]
