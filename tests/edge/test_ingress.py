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

from consumer.client import Client, OutcomeEvent
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
    told: asyncio.Queue[OutcomeEvent] = field(default_factory=asyncio.Queue[OutcomeEvent])
    partition: int = 0
    offset: int = -1

    async def send_and_wait(self, _topic: str, value: bytes, *, key: bytes, **_: object) -> "Kafka":
        if self.away:
            raise KafkaConnectionError
        event = json.loads(value)
        assert key == event["tenant"].encode()
        self.written.append(event)
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
async def serving_for(kafka: Kafka, **limits: Any) -> AsyncIterator[Api]:  # noqa: ANN401
    client = Client(kafka, "requests", "/test")
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(client.follow(kafka))  # type: ignore[arg-type]
        async with (
            aiohttp.ClientSession() as session,
            serving(client, "127.0.0.1", 0, Limits(**{"wait": 5.0, **limits})) as port,
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
