"""The HTTP API: what a call becomes, what it is answered, and what is refused at the door."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import jsonschema_rs
import pytest
from aiokafka.errors import KafkaConnectionError

from consumer.adapters.metrics import CALLS, CallMetrics
from consumer.adapters.metrics.calls import OPERATIONS, STATUSES
from consumer.client import Client, OutcomeEvent
from consumer.core.record import Headers
from consumer.ingress import LARGEST, Limits, serving
from consumer.ingress.openapi import PATHS, document

MAIL = {"subject": "Hello", "recipient": "ann@example.com", "message": "World"}
HEADERS = {"Tenant": "acme", "Request-ID": "r-1"}


@dataclass
class Kafka:
    """Takes requests, and answers each with `outcome`; None is silence. `away` is Kafka's."""

    outcome: dict[str, Any] | None = field(default_factory=lambda: {"status": 204, "message": "The relay took it."})
    away: bool = False
    written: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    headers: list[dict[str, bytes]] = field(default_factory=list[dict[str, bytes]])
    told: asyncio.Queue[OutcomeEvent] = field(default_factory=asyncio.Queue[OutcomeEvent])
    partition: int = 0
    offset: int = -1

    async def send_and_wait(self, _topic: str, value: bytes, *, key: bytes, headers: Headers, **_: object) -> "Kafka":
        if self.away:
            raise KafkaConnectionError
        event = json.loads(value)
        assert key == event["tenant"].encode()
        self.written.append(event)
        self.headers.append(dict(headers))
        self.offset += 1
        if self.outcome is not None:
            kind = "accepted" if self.outcome["status"] == 204 else "other"
            await self.told.put(OutcomeEvent(kind, "", "acme", event["id"], f"0:{self.offset}", "", self.outcome))
        return self

    async def follow(self) -> AsyncIterator[OutcomeEvent]:
        while True:
            yield await self.told.get()


@dataclass
class Answer:
    status: int
    body: dict[str, Any]
    headers: dict[str, str]


class Api:
    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self.session = session
        self.url = f"http://127.0.0.1:{port}"
        self.port = port

    async def post(
        self, body: object = MAIL, path: str = "/send-email", headers: dict[str, str] | None = None, **more: str
    ) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json", **(HEADERS if headers is None else headers), **more}
        async with self.session.post(self.url + path, data=content, headers=given) as answer:
            return Answer(answer.status, await answer.json(), dict(answer.headers))


@asynccontextmanager
async def serving_for(
    kafka: Kafka,
    metrics: CallMetrics | None = None,
    **limits: Any,  # noqa: ANN401
) -> AsyncIterator[Api]:
    client = Client(kafka, "requests", "/test")
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(client.follow(kafka))  # type: ignore[arg-type]
        async with (
            aiohttp.ClientSession() as session,
            serving(client, "127.0.0.1", 0, Limits(**{"wait": 5.0, **limits}), metrics) as port,
        ):
            yield Api(session, port)
        following.cancel()


async def test_a_call_becomes_an_event_and_its_answer_is_the_outcome() -> None:
    kafka = Kafka()
    async with serving_for(kafka) as api:
        answer = await api.post()
    assert (answer.status, answer.body) == (200, {"message": "The relay took it."})
    assert answer.headers["Request-ID"] == "r-1"
    (event,) = kafka.written
    assert (event["id"], event["tenant"], event["type"], event["data"]) == ("r-1", "acme", "email.send-email.v1", MAIL)


async def test_the_callers_trace_goes_into_the_event_and_one_that_is_none_is_no_error() -> None:
    kafka = Kafka()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with serving_for(kafka) as api:
        for given in (trace, "00-nothing"):
            assert (await api.post(traceparent=given)).status == 200
    assert [headers.get("traceparent") for headers in kafka.headers] == [trace.encode(), None]


async def test_what_tracing_systems_say_of_the_callers_trace_goes_with_it_and_never_alone() -> None:
    kafka = Kafka()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with serving_for(kafka) as api:
        for parent, state in ((trace, "rojo=1, congo=2"), (trace, "CANARY"), ("00-nothing", "rojo=1")):
            assert (await api.post(traceparent=parent, tracestate=state)).status == 200
    assert [headers.get("tracestate") for headers in kafka.headers] == [b"rojo=1,congo=2", None, None]


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ({"status": 422, "type": "rejected", "message": "no"}, 422),
        ({"status": 404, "type": "unknown-tenant", "message": "no"}, 404),
        ({"status": 504, "type": "unknown", "message": "who knows"}, 504),
    ],
)
async def test_an_outcome_that_is_none_of_the_good_ones_keeps_its_status(outcome: dict[str, Any], status: int) -> None:
    async with serving_for(Kafka(outcome)) as api:
        answer = await api.post()
    assert answer.status == status
    assert answer.body == {"message": outcome["message"], "type": outcome["type"]}


async def test_a_limit_says_when_to_come_again() -> None:
    async with serving_for(Kafka({"status": 429, "message": "full", "type": "rate-limited", "retryAfter": 7})) as api:
        answer = await api.post()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")


async def test_what_is_checked_is_answered_with_success_and_message() -> None:
    async with serving_for(Kafka({"status": 422, "success": False, "message": "535 no"})) as api:
        answer = await api.post()
    assert (answer.status, answer.body) == (200, {"success": False, "message": "535 no"})


async def test_without_an_outcome_in_time_the_answer_is_202_with_the_id() -> None:
    async with serving_for(Kafka(outcome=None), wait=0.05) as api:
        answer = await api.post(headers={"Tenant": "acme"})
    assert answer.status == 202
    assert answer.body["requestId"] == answer.headers["Request-ID"]


@pytest.mark.parametrize("name", ["Request-ID", "X-Request-ID", "request_id"])
async def test_the_request_id_is_read_as_it_is_usually_written(name: str) -> None:
    kafka = Kafka()
    async with serving_for(kafka) as api:
        await api.post(headers={"Tenant": "acme", name: "mine"})
    assert kafka.written[0]["id"] == "mine"


@pytest.mark.parametrize(
    ("headers", "body", "status", "said"),
    [
        ({}, MAIL, 400, "header Tenant"),
        ({"Tenant": "a b"}, MAIL, 400, "header Tenant"),
        ({"Tenant": "acme", "Request-ID": "x" * 300}, MAIL, 400, "header Request-ID"),
        ({"Tenant": "acme", "Request-ID": "a", "X-Request-ID": "b"}, MAIL, 400, "header Request-ID"),
        (HEADERS, b"{", 400, "not JSON"),
        (HEADERS, b"", 400, "not JSON"),
        (HEADERS, [], 400, "/: expected"),
        (HEADERS, b"[" * 5000, 400, "not JSON"),
        (HEADERS, {**MAIL, "subjekt": "c4n4ry"}, 400, "did you mean `subject`?"),
        (HEADERS, {**MAIL, "recipient": "c4n4ry@@"}, 400, "/recipient"),
        (HEADERS, {**MAIL, "message": "x" * LARGEST}, 413, "larger"),
        ({**HEADERS, "Content-Type": "text/plain"}, MAIL, 415, "application/json"),
    ],
)
async def test_what_is_wrong_is_said_at_the_door_and_nothing_is_written(
    headers: dict[str, str], body: object, status: int, said: str
) -> None:
    kafka = Kafka()
    async with serving_for(kafka) as api:
        answer = await api.post(body, headers=headers)
    assert (answer.status, kafka.written) == (status, [])
    assert said in answer.body["message"]
    assert "c4n4ry" not in answer.body["message"]


async def test_with_kafka_away_the_answer_is_503_and_the_same_call_may_come_again() -> None:
    kafka = Kafka(away=True)
    async with serving_for(kafka) as api:
        answer = await api.post()
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        kafka.away = False
        assert (await api.post()).status == 200


async def test_beyond_its_bound_a_call_is_refused_and_the_others_go_on() -> None:
    kafka = Kafka(outcome=None)
    async with serving_for(kafka, in_flight=2, wait=1.0) as api, asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(api.post(headers={"Tenant": "acme"})) for _ in range(2)]
        while len(kafka.written) < 2:  # noqa: ASYNC110  bounded by the test's own limit
            await asyncio.sleep(0.01)
        assert (await api.post()).status == 503
        assert [(await one).status for one in waiting] == [202, 202]


async def test_a_client_that_goes_away_harms_nobody() -> None:
    async with serving_for(Kafka()) as api:
        _, writer = await asyncio.open_connection("127.0.0.1", api.port)
        head = "POST /send-email HTTP/1.1\r\nHost: x\r\nTenant: acme\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        await writer.drain()
        writer.close()
        assert (await api.post()).status == 200


HEAD = (
    b"POST /send-email HTTP/1.1\r\nHost: x\r\nTenant: acme\r\nContent-Type: application/json\r\nContent-Length: 9\r\n"
)


@pytest.mark.parametrize("begun", [b"", b"POST /send", HEAD], ids=["nothing", "half a line", "a head without end"])
async def test_who_does_not_come_to_the_point_is_hung_up_on(begun: bytes) -> None:
    kafka = Kafka()
    async with serving_for(kafka, idle=0.3) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(begun)
        assert await reader.read() == b""
        writer.close()
    assert kafka.written == []


async def test_a_body_that_comes_too_slowly_is_408_and_takes_no_room_any_more() -> None:
    kafka, metrics = Kafka(), CallMetrics()
    async with serving_for(kafka, metrics, read=0.2, in_flight=1) as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(HEAD + b"\r\n{")
        assert (await reader.readline()).split()[1] == b"408"
        assert b"Connection: close" in await reader.read()
        writer.close()
        assert count(metrics, "consumer_ingress_in_flight") == 0
        assert (await api.post()).status == 200
    assert [event["id"] for event in kafka.written] == ["r-1"]


async def test_a_body_that_grows_beyond_the_cap_without_saying_so_is_413() -> None:
    kafka = Kafka()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(LARGEST // 50_000 + 2):
            yield b" " * 50_000

    async with serving_for(kafka) as api:
        given = {**HEADERS, "Content-Type": "application/json"}
        async with api.session.post(f"{api.url}/send-email", data=endless(), headers=given) as answer:
            assert answer.status == 413
    assert kafka.written == []


async def test_where_there_is_nothing_the_answer_is_json_too() -> None:
    async with serving_for(Kafka()) as api:
        assert (await api.post(path="/send-mail")).body == {"message": "Not Found: see /openapi.json"}
        async with api.session.delete(f"{api.url}/send-email") as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")
            assert await answer.json() == {"message": "Method Not Allowed: see /openapi.json"}


def count(metrics: CallMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_each_call_is_counted_by_what_it_asked_for_and_how_it_was_answered() -> None:
    metrics, kafka = CallMetrics(), Kafka()
    async with serving_for(kafka, metrics, in_flight=7) as api:
        await api.post()
        await api.post(b"{")
        await api.post(path="/nowhere")
        kafka.away = True
        await api.post()
        async with api.session.get(f"{api.url}/healthz"):
            pass
    asked = {"operation": "email.send-email.v1"}
    for status in ("200", "400", "503"):
        assert count(metrics, "consumer_ingress_calls_total", **asked, status=status) == 1
    assert count(metrics, "consumer_ingress_calls_total", operation="other", status="404") == 1
    assert count(metrics, "consumer_ingress_calls_total", operation="other", status="200") == 0
    assert count(metrics, "consumer_ingress_call_seconds_count", **asked) == 3
    assert count(metrics, "consumer_ingress_publish_errors_total", why="kafka-away") == 1
    assert count(metrics, "consumer_ingress_room") == 7


def test_what_is_counted_of_calls_is_what_the_table_has_and_the_description_knows() -> None:
    families = {family.name for family in CallMetrics().registry.collect() if family.name.startswith("consumer_")}
    assert families == {metric.name.removesuffix("_total") for metric in CALLS} | {"consumer_ingress_build_info"}
    assert set(OPERATIONS) == set(PATHS.values())
    described = {status for path in document()["paths"].values() for status in path["post"]["responses"]}
    assert described == set(STATUSES) - {"405", "500"}


async def test_health_and_the_description_are_served() -> None:
    async with serving_for(Kafka()) as api:
        async with api.session.get(f"{api.url}/api/v1/solution/health") as answer:
            assert (answer.status, await answer.text()) == (200, "OK")
        async with api.session.get(f"{api.url}/openapi.json") as answer:
            assert (await answer.json())["paths"].keys() == PATHS.keys()


def test_each_schema_of_the_description_is_one_and_each_reference_leads_somewhere() -> None:
    described = document()
    for name in described["components"]["schemas"]:
        jsonschema_rs.Draft202012Validator({"$ref": f"#/components/schemas/{name}", **described})
    mail = jsonschema_rs.Draft202012Validator({"$ref": "#/components/schemas/email.send-email.v1", **described})
    assert mail.is_valid(MAIL)
    assert not mail.is_valid({**MAIL, "recipient": "@"})
