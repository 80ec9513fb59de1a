"""SIGSTOP of a consumer for longer than the group waits for it, then SIGCONT: it wakes up and knows of nothing."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typing_extensions import override

from devtools.proxy import END_TXN, Call
from devtools.relay import Relay
from devtools.relay_script import Act, Manner, Playbook, Taken
from tests.faults.figures import SESSION, sized
from tests.faults.harness import Plan, Scene, staged
from tests.faults.members import Member
from tests.faults.stages import behind_a_proxy
from tests.faults.table import held
from tests.faults.traps import journalling

NAMES = ("member-0", "member-1")


@dataclass(slots=True)
class Witness(Playbook):
    """Sees each DATA and each mail that one consumer hands over, by its own relay, and each tick of it that is in."""

    ticks: list[float] = field(default_factory=list[float])
    data: list[float] = field(default_factory=list[float])

    @override
    def next(self, *places: str) -> Act | None:
        if places[-1] == "data":
            self.data.append(time.monotonic())
        return None

    def keep(self, mail: Taken) -> None:
        assert mail.message_id
        self.data.append(time.monotonic())

    def too_early(self, thawed: float) -> int:
        """How many of them came after that moment and before a tick that was committed after it."""
        fresh = min((at for at in self.ticks if at > thawed), default=float("inf"))
        return sum(thawed < at < fresh for at in self.data)


@dataclass(slots=True)
class Ledger:
    """A hook of the proxy: writes down each EndTxn that succeeded, for the consumer that asked."""

    witnesses: dict[str, Witness] = field(default_factory=lambda: defaultdict(Witness))

    async def __call__(self, call: Call) -> None:
        name = call.client.removeprefix("email-consumer-")
        if call.api == END_TXN and name in NAMES and call.octets[8:10] == b"\0\0":
            self.witnesses[name].ticks.append(time.monotonic())


@asynccontextmanager
async def relays(folder: Path, witnesses: Sequence[Witness]) -> AsyncGenerator[list[Relay]]:
    """One for each consumer, a little away; all write into the same journal."""
    async with AsyncExitStack() as stack:
        opened: list[Relay] = []
        for witness in witnesses:
            relay = await stack.enter_async_context(
                journalling(folder, Manner("plain", latency=0.02), keepers=[witness])
            )
            relay.playbook = witness
            opened.append(relay)
        yield opened


@pytest.mark.timeout(sized(180, 900))
async def test_a_consumer_that_was_frozen_sends_nothing_that_is_not_its_own_any_more(folder: Path) -> None:
    ledger, early = Ledger(), 0
    witnesses = [ledger.witnesses[name] for name in NAMES]
    async with behind_a_proxy() as (proxy, broker), relays(folder, witnesses) as theirs:
        proxy.answer = ledger
        plan = Plan(folder, broker.bootstrap, members=0, relay_port=theirs[0].port, consumer_bootstrap=proxy.address)
        async with staged(plan) as scene:
            for relay in theirs:
                scene.join(relay_port=relay.port)
            for _ in range(sized(1, 10)):
                member, thawed = await freeze_one(scene)
                early += ledger.witnesses[member.name].too_early(thawed)
            await scene.all_answered(90)
            assert all(witness.ticks and witness.data for witness in witnesses)
            row, verdict = scene.row("SIGSTOP for two session timeouts", f"DATA before a fresh tick: {early}")
    held(row, verdict)
    assert early == 0


async def freeze_one(scene: Scene) -> tuple[Member, float]:
    """In the middle of its work; the others take over, and then it wakes up in the middle of theirs."""
    requests = sized(400, 1_000)
    asking = asyncio.create_task(scene.ask(requests))
    await scene.reach(scene.outcomes.answered + requests // 10, 60)
    member = scene.dice.choice(scene.members)
    before = await scene.positions()
    member.freeze()
    scene.injected += 1
    await asyncio.sleep(2 * SESSION)
    await scene.ask(requests // 4)
    thawed = time.monotonic()
    member.thaw()
    await asking
    await scene.all_answered(90)
    after = await scene.positions()
    assert all(after[partition] >= offset for partition, offset in before.items())
    return member, thawed
