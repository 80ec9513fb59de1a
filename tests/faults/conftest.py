"""A Kafka of our own for all scenes that do not break it, and the table at the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.broker import Broker
from tests.faults.harness import kept
from tests.faults.table import rows, table


@pytest.fixture(scope="session")
def own_broker() -> Iterator[Broker]:
    """One that other tests know nothing of: short session timeouts need its leave."""
    with Broker() as broker:
        yield broker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return kept(tmp_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.broker)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if rows:
        terminalreporter.section("faults")
        for line in table():
            terminalreporter.write_line(line)
