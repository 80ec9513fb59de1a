"""Requests as other people's clients write them."""

import asyncio
import json
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from consumer.core.record import Headers
from devtools.runtimes import find_runtime
from tests.acceptance import kafka_side
from tests.acceptance.service import Service
from tests.acceptance.stage import Stage, mail, plain

pytestmark = pytest.mark.asyncio(loop_scope="module")

VALUE = json.dumps(mail()).encode()
TENANTS = [f"tenant-{number}" for number in range(12)]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(shared: Stage) -> Service:
    shared.tenants = {name: {} for name in ("acme", "größe", *TENANTS)}
    return await shared.run()


async def test_what_javas_own_partitioner_places_is_at_home_already(shared: Stage, service: Service) -> None:
    lines = [f"tenant:{name},request_id:java-{name}\t{name}\t{VALUE.decode()}\n" for name in TENANTS]
    arguments = ["--bootstrap-server", shared.bootstrap, "--topic", shared.names.requests]
    arguments += ["--reader-property", "parse.key=true", "--reader-property", "parse.headers=true"]
    await java("org.apache.kafka.tools.ConsoleProducer", *arguments, given="".join(lines))
    await shared.outcomes.reach(len(TENANTS))
    told = [one for one in shared.outcomes.all if one.headers["ce_causationid"].startswith("java-")]
    assert {one.status for one in told} == {204}
    assert len({one.partition for one in told}) > 1
    assert not [one for one in told if one.headers["ce_originpartition"] != one.headers["ce_partition"]]


async def java(name: str, *arguments: str, given: str) -> None:
    command = find_runtime().tool(name, *arguments)
    done = await asyncio.to_thread(
        subprocess.run, command, input=given, capture_output=True, text=True, timeout=45, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("key", [None, b"", b"random", b"\xff\x00"])
async def test_any_key_will_do(shared: Stage, service: Service, key: bytes | None) -> None:
    origins = [
        await shared.requests.send(VALUE, headers=plain("acme", f"key-{key}-{number}"), key=key, partition=number)
        for number in range(3)
    ]
    told = [await shared.outcomes.of(origin) for origin in origins]
    assert {one.status for one in told} == {204}
    assert len({one.partition for one in told}) == 1


ID = ("request_id", b"h-")


@pytest.mark.parametrize(
    ("name", "headers", "ending"),
    [
        ("odd-cased", (("Tenant", b"acme"), ("REQUEST_ID", b"h-1"), ("Operation", b"send-email")), 204),
        ("strangers", (*plain("acme", "h-2"), ("x", b"\xff"), ("x", b""), ("", b"1"), ("spring_json", b"{}")), 204),
        ("empty tenant", (("tenant", b""), ("request_id", b"h-3")), 400),
        ("no tenant", (("request_id", b"h-4"),), 400),
        ("no request_id", (("tenant", b"acme"),), 204),
        ("empty request_id", (("tenant", b"acme"), ("request_id", b"")), 400),
        ("twice", (*plain("acme", "h-5"), ("tenant", b"acme")), 400),
        ("not UTF-8", (("tenant", b"\xff"), ("request_id", b"h-6")), 400),
        ("non-ASCII", (("tenant", "größe".encode()), ("request_id", "ä".encode())), 204),
        ("another operation", (*plain("acme", "h-7"), ("operation", b"send-fax")), 400),
    ],
)
async def test_headers_of_every_kind(shared: Stage, service: Service, name: str, headers: Headers, ending: int) -> None:
    told = await shared.outcomes.of(await shared.requests.send(VALUE, headers=headers))
    assert told.status == ending, told.body


@pytest.mark.parametrize("prefix", [b"\x00\x00\x00\x00\x01", b"\x00\xff\xff\xff\xff"])
async def test_confluents_prefix_is_read_over(shared: Stage, service: Service, prefix: bytes) -> None:
    headers = (*plain("acme", f"prefix-{prefix[1]}"), ("__value_schema_id", b"\x01" * 17))
    told = await shared.outcomes.of(await shared.requests.send(prefix + VALUE, headers=headers))
    assert told.status == 204


def cloud_event(identity: str) -> CloudEvent:
    attributes: dict[str, Any] = {
        "id": identity,
        "source": "/their/shop",
        "type": "email.send-email.v1",
        "specversion": "1.0",
        "time": datetime(2026, 1, 1, tzinfo=UTC),
        "datacontenttype": "application/json",
        "tenant": "acme",
        "correlationid": "order-7",
    }
    return CloudEvent(attributes, mail())


@pytest.mark.parametrize("mode", ["binary", "structured"])
async def test_what_the_cloudevents_package_writes_is_read(shared: Stage, service: Service, mode: str) -> None:
    write = to_binary_event if mode == "binary" else to_structured_event
    message: KafkaMessage = write(cloud_event(f"sdk-{mode}"))
    headers = tuple(message.headers.items())
    told = await shared.outcomes.of(await shared.requests.send(message.value, headers=headers))
    assert told.status == 204, told.body
    assert told.headers["ce_causationid"] == f"sdk-{mode}"
    assert told.headers["ce_correlationid"] == "order-7"


@pytest.mark.parametrize("compression", ["gzip", "lz4", "snappy", "zstd"])
async def test_compressed_batches_are_read(shared: Stage, service: Service, compression: str) -> None:
    options = {"compression_type": compression, "linger_ms": 50}
    records = [(VALUE, plain("acme", f"{compression}-{number}"), None, number % 3) for number in range(30)]
    async with kafka_side.requests(shared.bootstrap, shared.names, **options) as requests:
        origins = await requests.send_all(records)
    assert {(await shared.outcomes.of(origin)).status for origin in origins} == {204}


async def test_none_of_them_got_a_second_outcome(shared: Stage, service: Service) -> None:
    assert await service.stop() == 0
    told = await shared.outcomes.there_now()
    assert len({one.origin for one in told}) == len(told)
    assert service.complaints() == []
