"""Partitions that the group takes away and gives back."""

from consumer.adapters.memory_kafka import Fault
from consumer.core.outcome import Accepted
from tests.flow.process import Process, Setup, running


def given_back_in_the_middle_of(setup: Setup, process: Process, commit: int) -> None:
    """The group takes the partition away and gives it back while that tick is being committed."""
    commits = iter(range(1, 1_000_000))

    def rebalance(_: int) -> Fault | None:
        if next(commits) == commit:
            (owned,) = process.stream.owned
            owned.shut()
            process.stream.assigned([0])
        return None

    setup.kafka.fault = rebalance


async def test_a_partition_that_comes_back_while_a_tick_is_under_way_goes_on() -> None:
    setup = Setup()
    setup.request("r-0")
    async with running(setup) as process:
        await setup.outcomes(1)
        given_back_in_the_middle_of(setup, process, 1)
        for number in range(1, 4):
            setup.request(f"r-{number}")
            outcomes = await setup.outcomes(number + 1)
    assert {type(one.outcome) for one in outcomes} == {Accepted}
    assert len(setup.outbox.bodies) == 4
