"""The peer: what an engineer writes in an afternoon with good libraries, and tunes in another.

Kafka by aiokafka, orjson, the published JSON schema by jsonschema-rs, the mail by the stdlib, a pool of aiosmtplib
connections, an idempotent outcome, then the commit: at least once. It has no windows, no parking, no intents and no
metrics, and it writes an outcome twice if it dies between outcome and commit.
"""

import argparse
import asyncio
import json
import signal
import ssl
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiosmtplib import SMTP as Connection  # noqa: N811  the policy is called so too

from benchmarks import loops

_SCHEMA = Path(__file__).parent.parent / "schemas" / "send-email.v1.json"
_BATCH = 500
_SENDER = "no-reply@acme.example"


class Plain:
    """The consumer."""

    def __init__(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, outcomes: str) -> None:
        self._consumer = consumer
        self._producer = producer
        self._outcomes = outcomes
        self._validator = jsonschema_rs.validator_for(json.loads(_SCHEMA.read_text()), validate_formats=True)
        self._queue: asyncio.Queue[Any] = asyncio.Queue()

    async def run(self, relays: list[Connection]) -> None:
        async with asyncio.TaskGroup() as tasks:
            for relay in relays:
                tasks.create_task(self._work(relay))
            while True:
                batches = await self._consumer.getmany(timeout_ms=200, max_records=_BATCH)
                for records in batches.values():
                    for record in records:
                        self._queue.put_nowait(record)
                await self._queue.join()
                if batches:
                    await self._producer.flush()
                    await self._consumer.commit()

    async def _work(self, relay: Connection) -> None:
        while True:
            record = await self._queue.get()
            await self._send(relay, record)
            self._queue.task_done()

    async def _send(self, relay: Connection, record: Any) -> None:  # noqa: ANN401  the library has no types
        request = orjson.loads(record.value)
        if not self._validator.is_valid(request):
            raise SystemExit("an event of the benchmark is not valid")
        request_id = dict(record.headers)["request_id"].decode()
        message = compose(request, request_id)
        refused, response = await relay.sendmail(_SENDER, request["to"], message.as_bytes(policy=SMTP))
        outcome = {"status": 204, "accepted": request["to"], "rejected": list(refused), "response": response}
        value = orjson.dumps({**outcome, "messageId": message["Message-ID"]})
        await self._producer.send(self._outcomes, value, key=record.key, headers=[("ce_id", request_id.encode())])


def compose(request: dict[str, Any], request_id: str) -> EmailMessage:
    """A mail by the stdlib."""
    message = EmailMessage(policy=SMTP)
    message["From"] = _SENDER
    message["To"] = ", ".join(request["to"])
    message["Subject"] = request["subject"]
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{request_id}@acme.example>"
    message.set_content(request["text"])
    message.add_alternative(request["html"], subtype="html")
    return message


async def _run(arguments: argparse.Namespace) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _canceller())
    consumer = AIOKafkaConsumer(
        arguments.requests,
        bootstrap_servers=arguments.bootstrap,
        group_id=arguments.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(bootstrap_servers=arguments.bootstrap, enable_idempotence=True, linger_ms=5)
    relays = [_connection(arguments) for _ in range(arguments.connections)]
    await consumer.start()
    await producer.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            for relay in relays:
                tasks.create_task(relay.connect())
        await Plain(consumer, producer, arguments.outcomes).run(relays)
    finally:
        for relay in relays:
            relay.close()
        await producer.stop()
        await consumer.stop()


def _connection(arguments: argparse.Namespace) -> Connection:
    if arguments.ca is None:
        return Connection(hostname=arguments.host, port=arguments.port)
    trusted = ssl.create_default_context(cafile=arguments.ca)
    return Connection(hostname=arguments.host, port=arguments.port, start_tls=True, tls_context=trusted)


def _canceller() -> Callable[[], object]:
    task = asyncio.current_task()
    if task is None:
        raise AssertionError
    return task.cancel


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plain", description=__doc__)
    for name in ("bootstrap", "group", "requests", "outcomes", "host"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--ca", help="STARTTLS, with a certificate of this authority")
    return parser.parse_args()


if __name__ == "__main__":
    with suppress(asyncio.CancelledError):
        loops.run(_run(_arguments()))
