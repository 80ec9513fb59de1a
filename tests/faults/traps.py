"""Snares for a consumer: it is stopped at a named point, not somewhere near it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from typing_extensions import override

from devtools.proxy import END_TXN, Call, CutError
from devtools.relay import Relay
from devtools.relay_script import Act, Journal, Keeper, Manner, Playbook, Script, Taken
from tests.faults.figures import WITHIN


@dataclass(slots=True)
class Trap:
    """Once armed, it springs the next time that somebody steps on it, and does there and then what it was told."""

    strike: Callable[[], None] = lambda: None
    armed: bool = False
    sprung: asyncio.Event = field(default_factory=asyncio.Event)

    def arm(self, strike: Callable[[], None]) -> None:
        self.strike = strike
        self.sprung.clear()
        self.armed = True

    def step(self) -> None:
        if self.armed:
            self.armed = False
            self.strike()
            self.sprung.set()

    async def wait(self) -> None:
        await asyncio.wait_for(self.sprung.wait(), WITHIN)


class TrappedPlaybook(Playbook):
    """Behaves, and springs the trap when the conversation comes to this place."""

    def __init__(self, place: str, trap: Trap) -> None:
        super().__init__({})
        self._place = place
        self._trap = trap

    @override
    def next(self, *places: str) -> Act | None:
        if places[-1] == self._place:
            self._trap.step()
        return None


@dataclass(frozen=True, slots=True)
class AfterTheDot:
    """Keeps a mail and springs: the relay has it, and has not said so."""

    trap: Trap

    def keep(self, mail: Taken) -> None:
        assert mail.message_id
        self.trap.step()


@dataclass(frozen=True, slots=True)
class AfterTheReply:
    """Springs a moment after the relay has said 250."""

    trap: Trap

    def keep(self, mail: Taken) -> None:
        assert mail.message_id
        asyncio.get_running_loop().call_later(0.002, self.trap.step)


@asynccontextmanager
async def trapped_relay(point: str, trap: Trap, folder: Path) -> AsyncGenerator[Relay]:
    """A relay that springs the trap at this point."""
    keepers = {"after the dot": [AfterTheDot(trap)], "after 250": [AfterTheReply(trap)]}.get(point, [])
    async with journalling(folder, Manner("plain"), keepers=keepers) as relay:
        if point in HEARD:
            relay.playbook = TrappedPlaybook(HEARD[point], trap)
        yield relay


HEARD = {"after MAIL": "mail", "after the intent's commit": "data"}
"""What the relay hears at a point. DATA is the first word that is said only once the intent is committed."""


@asynccontextmanager
async def journalling(
    folder: Path, manner: Manner, script: Script | None = None, *, keepers: Sequence[Keeper] = ()
) -> AsyncGenerator[Relay]:
    """A relay in our own process, that writes down what it took where the judge looks for it."""
    with closing(Journal(folder / "relay.jsonl")) as journal:
        async with Relay(manner, script, keepers=[journal, *keepers], remember=False) as relay:
            yield relay


@dataclass(slots=True)
class OnEndTxn:
    """A hook of the proxy: springs when a consumer's EndTxn, or the answer to it, passes; or is `lost` on the way."""

    trap: Trap
    lost: bool = False

    async def __call__(self, call: Call) -> None:
        if call.api == END_TXN and call.client.startswith("email-consumer") and self.trap.armed:
            self.trap.step()
            if self.lost:
                raise CutError


@dataclass(slots=True)
class Holding:
    """A hook of the proxy: answers to EndTxn wait so many seconds, at most so many of them, or until the asker hangs up."""

    seconds: float
    left: int = 0
    held: int = 0

    async def __call__(self, call: Call) -> None:
        if call.api == END_TXN and call.client.startswith("email-consumer") and self.left:
            self.left -= 1
            self.held += 1
            await asyncio.sleep(self.seconds)
