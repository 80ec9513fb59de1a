"""A crash while thousands wait."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devtools.broker import Broker
from tests.faults.figures import sized
from tests.faults.harness import Plan, staged
from tests.faults.kafka_side import Request
from tests.faults.table import held


@pytest.mark.timeout(sized(180, 900))
async def test_what_is_parked_outlives_a_crash_and_goes_out_in_time(own_broker: Broker, folder: Path) -> None:
    parked = sized(1_000, 10_000)
    async with staged(Plan(folder, own_broker.bootstrap, limits={f"t{n:02}": None for n in range(20)})) as scene:
        first = time.time() + sized(30, 150)
        dues = {f"r-{n}": first + n * sized(10, 60) / parked for n in range(parked)}
        requests = [
            Request(name, f"t{number % 20:02}", more={"sendAt": datetime.fromtimestamp(due, UTC).isoformat()})
            for number, (name, due) in enumerate(dues.items())
        ]
        await scene.producer.send(requests)
        await scene.until_parked(parked, first - time.time() - 10)
        for member in scene.members:
            await scene.kill(member)
        await scene.all_answered(sized(90, 400))
        taken = {mail.message_id: mail.at for mail in scene.relay.taken()}
        late = sorted(
            taken[told.message_id] - dues[scene.producer.origins[told.origin]]
            for told in scene.outcomes.all
            if told.message_id in taken
        )
        note = f"late by {late[len(late) // 2]:.2f} s (median), {late[-1]:.2f} s at most"
        row, verdict = scene.row("crash with requests parked", note)
    held(row, verdict)
    assert late[0] >= 0
    assert late[len(late) // 2] < 1
    assert late[-1] < sized(3, 1)
