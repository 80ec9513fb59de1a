"""The link to the relay breaks, at every stage of a conversation."""

from pathlib import Path

import pytest

from devtools.broker import Broker
from devtools.relay_script import Act, Behave, Drop, Manner, Say
from devtools.stand_ins import StandIns
from tests.faults.figures import sized
from tests.faults.harness import Plan, staged
from tests.faults.table import held
from tests.faults.traps import journalling

CUTS = sized(5, 50)


def every(number: int, act: Act) -> tuple[Act, ...]:
    """So many cuts, and mails that get through between them: a relay that cuts each one off is left alone for a minute."""
    return (*(Behave(),) * (number - 1), act) * CUTS


PLACES: dict[str, tuple[str, Act]] = {
    "before 354": ("data", Drop()),
    "in a small body": ("body", Drop(after=10)),
    "after the dot": ("body", Drop()),
    "within 250": ("body", Say("250 2.0.0 taken", cut=2)),
}


@pytest.mark.timeout(sized(150, 600))
@pytest.mark.parametrize("place", PLACES)
async def test_a_link_that_is_cut_never_makes_a_second_mail(own_broker: Broker, folder: Path, place: str) -> None:
    stage, act = PLACES[place]
    async with journalling(folder, Manner("plain"), {stage: every(4, act)}) as relay:
        plan = Plan(folder, own_broker.bootstrap, members=1, relay_port=relay.port)
        async with staged(plan) as scene:
            await scene.ask(CUTS * 5)
            scene.injected = CUTS
            await scene.all_answered(90)
            row, verdict = scene.row(f"link cut {place}")
    held(row, verdict)
    if place == "before 354":
        assert row.in_doubt == 0
    elif place != "in a small body":
        assert row.in_doubt == CUTS
    else:
        # A small mail is written in one go: whoever was cut off in the middle may have sent all of it.
        assert row.in_doubt <= CUTS


LARGE = bytes(12 * 2**20)
"""More, as base64, than the buffers of both sides hold: at the cut its sender knows that it has not said the end."""


@pytest.mark.slow
@pytest.mark.timeout(sized(150, 900))
async def test_a_link_that_is_cut_in_a_large_body_leaves_no_doubt(own_broker: Broker, folder: Path) -> None:
    script = {"body": every(2, Drop(after=100_000))}
    async with StandIns(files={"large": LARGE}) as files, journalling(folder, Manner("plain"), script) as relay:
        plan = Plan(folder, own_broker.bootstrap, members=1, relay_port=relay.port)
        async with staged(plan) as scene:
            attached = {"attachments": [f"{files.url}/files/large"]}
            await scene.ask(CUTS * 2, **attached)
            scene.injected = CUTS
            await scene.all_answered(sized(120, 600))
            row, verdict = scene.row("link cut in a large body", "mails of 16 MB")
    held(row, verdict)
    assert scene.outcomes.kinds == {"accepted": CUTS * 2}
