"""Every point at which a tick can fail or a process die, with every reply that a relay can give."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from consumer.adapters.memory_kafka import Fault
from consumer.core.attempt import Answered, Attempt, InDoubt, NotSent, Stage
from consumer.core.mail import Mail
from consumer.core.outcome import Accepted, Rejected, Unknown
from consumer.core.reply import Reply
from tests.builders import tenant
from tests.flow.process import OK, Setup, running

COMMITS = 8
"""More than the ticks that three requests need, retries and all."""

REPLIES: dict[str, Attempt | str | None] = {
    "taken": None,
    "refused for now": NotSent(Stage.MAIL, "refused", Reply(451, "later")),
    "refused for good": NotSent(Stage.MAIL, "refused", Reply(550, "no")),
    "link lost after the body": InDoubt("cut"),
    "one of two refused for now": Answered((OK, Reply(450, "later")), OK, 0.0),
    "no answer": "after",
}

FAULTS = {
    "lost": Fault.LOST,
    "answer lost": Fault.ANSWER_LOST,
    "answered and forgotten": Fault.FORGOTTEN,
    "killed before": Fault.DIES_BEFORE,
    "killed after": Fault.DIES_AFTER,
}


@dataclass
class Doom:
    """What happens at the commit of that number: it is lost, or only its answer, or the process dies before or after."""

    at: int
    what: str
    commits: int = 0
    dead: bool = False

    def strike(self, _: int) -> Fault | None:
        self.commits += 1
        if self.commits != self.at or self.dead:
            return None
        self.dead = self.what.startswith("killed")
        return FAULTS[self.what]


ACCIDENTS = [
    (what, reply)
    for what in FAULTS
    for reply in REPLIES
    # A broker that forgets leave to send, and the process that has sent by it, both lost: nobody is left who knows.
    if (what, reply) != ("answered and forgotten", "no answer")
]


@pytest.mark.parametrize(("what", "reply"), ACCIDENTS)
@pytest.mark.parametrize("at", range(1, COMMITS + 1))
async def test_whatever_fails_there_is_one_outcome_and_no_second_send(at: int, what: str, reply: str) -> None:
    setup = Setup(tenants=(tenant(h_limit=100),))
    doom, first = Doom(at, what), set[str]()
    setup.kafka.fault = doom.strike

    def judge(mail: Mail) -> Attempt | str | None:
        once = mail.message_id not in first
        first.add(mail.message_id)
        return REPLIES[reply] if once else None

    setup.outbox.judge = judge
    for number in range(3):
        setup.request(f"r-{number}", to=["ann@example.com", "bob@example.com"])
    while len(setup.kafka.all_outcomes) < 3:
        # The next process: the doom may strike in its takeover, too.
        async with running(setup) as process:
            fresh = not doom.dead
            await _until(lambda: (fresh and doom.dead) or _stuck(setup, reply) or _all_told(setup), setup)  # noqa: B023
            await process.kill()
        setup.outbox.judge = lambda _: None
        reply = "taken"
    told = Counter(concluded.subject.id for concluded in setup.kafka.all_outcomes)
    assert told == Counter(["r-0", "r-1", "r-2"])
    assert {type(one.outcome) for one in setup.kafka.all_outcomes} <= {Accepted, Rejected, Unknown}
    assert max(Counter(body for body, _ in setup.outbox.bodies).values(), default=0) <= 1


def _stuck(setup: Setup, reply: str) -> bool:
    return reply == "no answer" and len(setup.outbox.bodies) == 3


def _all_told(setup: Setup) -> bool:
    return len(setup.kafka.all_outcomes) >= 3


async def _until(condition: Callable[[], bool], setup: Setup) -> None:
    """Wait for it; retries are due at once, since the time of day goes on by an hour at each look."""
    while not condition():
        await asyncio.sleep(0.001)
        setup.clock.shift += 5.0
