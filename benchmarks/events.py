"""The work that all systems are given: events of one mail each, text and html, about 3.7 KB."""

from collections.abc import Sequence
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

PARTITIONS = 6
TYPE = "email.send-email.v1"


def tenants(count: int) -> tuple[str, ...]:
    """The names of so many."""
    return tuple(f"tenant-{number}" for number in range(count))


TENANTS = tenants(12)

_DAYS = 7 * 24 * 3600 * 1000
_PARAGRAPH = (
    "your order has left our house today and should be with you within two working days. "
    "You can follow the parcel at any time on the page below; nobody has to sign for it. "
)
_TEXT = "Dear Zoë,\n\n" + "\n".join([_PARAGRAPH] * 7) + "\n\nTotal: 120 €\n"
_ROW = '<tr><td style="padding:4px 8px">Article</td><td align="right">12.00 €</td></tr>\n'
_HTML = f"<html><body><p>Dear Zoë,</p><p>{_PARAGRAPH * 5}</p><table>\n{_ROW * 14}</table></body></html>\n"


def event(number: int, names: Sequence[str] = TENANTS) -> tuple[bytes, list[tuple[str, bytes]], bytes]:
    """Key, headers and value of one request. The tenants take turns."""
    tenant = names[number % len(names)].encode()
    headers = [("tenant", tenant), ("request_id", b"request-%d" % number), ("operation", b"send-email")]
    return tenant, headers, orjson.dumps(request(number))


def request(number: int) -> dict[str, Any]:
    """What the event asks for."""
    return {"to": [f"reader-{number}@example.com"], "subject": f"Your order {number}", "text": _TEXT, "html": _HTML}


def size() -> int:
    """Bytes of one event's value."""
    return len(event(0)[2])


async def make_topics(
    bootstrap: str, *, requests: str = "", outcomes: str = "", parked: str = "", partitions: int = PARTITIONS
) -> None:
    """Make those that are named. The broker stamps outcomes with the time at which it has them."""
    wanted = {
        requests: {"retention.ms": str(_DAYS)},
        outcomes: {"retention.ms": str(_DAYS), "message.timestamp.type": "LogAppendTime"},
        parked: {"cleanup.policy": "compact"},
    }
    new = [NewTopic(name, partitions, 1, topic_configs=configs) for name, configs in wanted.items() if name]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer: Any = await admin.create_topics(new)
    finally:
        await admin.close()
    errors = [(name, text) for name, code, text, *_ in answer.topic_errors if code]
    if errors:
        raise RuntimeError(f"topics could not be made: {errors}")


async def fill(bootstrap: str, topic: str, mails: int, names: Sequence[str] = TENANTS) -> None:
    """Put so many events into the topic, each into its tenant's home partition."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        for number in range(mails):
            key, headers, value = event(number, names)
            await producer.send(topic, value, key=key, headers=headers)
        await producer.flush()
    finally:
        await producer.stop()
