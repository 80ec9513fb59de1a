"""What every test may ask for: a real Kafka, one for the whole run, and topics of its own."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from devtools.broker import NoKafkaError, kafka, prepare

Topics = Callable[..., Awaitable[str]]
"""`await topics("requests", partitions=3)` makes a topic that no other test knows, and answers its name."""


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """The bootstrap address of a real Kafka, started when the first test asks for it."""
    with kafka() as bootstrap:
        yield bootstrap


@pytest.fixture
async def admin(broker: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=broker)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def topics(admin: AIOKafkaAdminClient) -> AsyncIterator[Topics]:
    made: list[str] = []

    async def make(name: str, *, partitions: int = 1, settings: dict[str, str] | None = None) -> str:
        topic = f"{name}-{uuid.uuid4().hex[:8]}"
        answer: Any = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=settings)])
        errors = [(code, text) for _, code, text, *_ in answer.topic_errors if code]
        assert not errors, errors
        made.append(topic)
        return topic

    yield make
    if made:
        await admin.delete_topics(made)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever uses the broker is marked so; only a test that starts one of its own has to say it."""
    for item in items:
        if "broker" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.broker)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Download what the selected tests will start before the first test's time begins to run."""
    if session.config.option.collectonly or not any(item.get_closest_marker("broker") for item in session.items):
        return
    try:
        prepare()
    except NoKafkaError as error:
        pytest.exit(str(error), returncode=3)
