"""Each seed's sample, as it stands, becomes a mail and an outcome."""

import asyncio
import json
import subprocess
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import fast_mail_parser
import jsonschema_rs

from devtools.relay_script import Taken
from devtools.runtimes import find_runtime
from tests.acceptance.kafka_side import Told
from tests.acceptance.service import until
from tests.acceptance.stage import Stage, plain

SCHEMAS = Path(__file__).parents[2] / "schemas"
OUTCOME = jsonschema_rs.validator_for(json.loads((SCHEMAS / "send-email.outcome.v1.json").read_text()))

FIRST = b"""{
  "subject": "string",
  "recipient": "string",
  "message": "string",
  "attachments": [
    ]
}"""
SECOND: dict[str, object] = {
    "from": "me@myemail.com",
    "to": ["destination1@email.com", "destination2@email.com"],
    "subject": "Hello",
    "text": "World",
    "html": "<p><b>World</b></p>",
    "connection": {"server": "smtp.myemail.com", "port": 1234, "user": "me", "password": "mysecret"},
}


def judged(told: Told) -> dict[str, Any]:
    """The outcome's body, once its schema has nothing against it."""
    assert [error.message for error in OUTCOME.iter_errors(told.body)] == []
    return told.body


def parsed(mail: Taken) -> EmailMessage:
    found = message_from_bytes(mail.content, policy=policy.SMTP)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


def content(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return part.get_content().rstrip("\r\n")


async def test_the_first_seeds_sample_is_mailed_by_the_tenants_relay(stage: Stage) -> None:
    service = await stage.run()
    origin = await stage.requests.send(FIRST, headers=plain("acme", "request-1"))
    told = await stage.outcomes.of(origin)

    (taken,) = stage.relay.taken
    assert (taken.sender, taken.recipients) == ("no-reply@acme.example", ("string",))
    mail = parsed(taken)
    assert (mail["From"], mail["To"], mail["Subject"]) == ("no-reply@acme.example", "string", "string")
    assert content(mail, "plain") == "string"
    other = fast_mail_parser.parse_email(taken.content)
    assert (other.subject, other.text_plain) == ("string", ["string\r\n"])

    body = judged(told)
    assert body["status"] == 204
    assert body["accepted"] == ["string"]
    assert body["envelope"] == {"from": "no-reply@acme.example", "to": ["string"]}
    assert body["response"] == "250 2.0.0 taken"
    assert body["messageId"] == mail["Message-ID"]
    assert told.headers["ce_causationid"] == "request-1"
    assert told.headers["ce_tenant"] == "acme"
    assert told.headers["ce_type"] == "email.send-email.outcome.v1"
    assert await service.stop() == 0


async def test_the_second_seeds_sample_is_mailed_by_its_own_relay(stage: Stage) -> None:
    place = json.dumps({"smtp.myemail.com:1234": f"127.0.0.1:{stage.relay.port}"})
    await stage.run(CONSUMER_NETWORK__HOSTS=place)
    told = await stage.asked(SECOND, "request-2")

    (taken,) = stage.relay.taken
    assert taken.sender == "me@myemail.com"
    assert taken.recipients == ("destination1@email.com", "destination2@email.com")
    mail = parsed(taken)
    assert (mail["From"], mail["Subject"]) == ("me@myemail.com", "Hello")
    assert [str(address) for address in mail["To"].addresses] == ["destination1@email.com", "destination2@email.com"]
    assert mail.get_content_type() == "multipart/alternative"
    assert content(mail, "plain") == "World"
    assert content(mail, "html") == "<p><b>World</b></p>"
    other = fast_mail_parser.parse_email(taken.content)
    assert (other.text_plain, other.text_html) == (["World\r\n"], ["<p><b>World</b></p>\r\n"])

    body = judged(told)
    assert (body["status"], body["rejected"]) == (204, [])
    assert body["accepted"] == ["destination1@email.com", "destination2@email.com"]
    assert body["envelope"]["from"] == "me@myemail.com"
    (logged_in,) = {line for log in stage.relay.sessions for line in log.lines if line.startswith("AUTH")}
    assert logged_in.startswith("AUTH PLAIN")
    assert "mysecret" not in told.value.decode()


async def test_kafkas_own_console_consumer_reads_the_outcome_committed(stage: Stage) -> None:
    await stage.run()
    await stage.requests.send(FIRST, headers=plain("acme", "request-1"))
    arguments = ["--bootstrap-server", stage.bootstrap, "--topic", stage.names.outcomes, "--from-beginning"]
    arguments += ["--isolation-level", "read_committed", "--max-messages", "1", "--timeout-ms", "20000"]
    arguments += ["--formatter-property", "print.headers=true", "--formatter-property", "print.key=true"]
    done = await java("org.apache.kafka.tools.consumer.ConsoleConsumer", *arguments)
    headers, key, value = done.split("\n", 1)[0].split("\t")
    assert key == "acme"
    assert "ce_causationid:request-1" in headers.split(",")
    body = json.loads(value)
    assert OUTCOME.is_valid(body)
    assert body["status"] == 204


async def test_all_that_is_told_comes_once_however_often_it_is_read(stage: Stage) -> None:
    service = await stage.run()
    await stage.requests.send(FIRST, headers=plain("acme", "request-1"))
    await until(lambda: stage.relay.taken)
    assert await service.stop() == 0
    assert len(await stage.outcomes.there_now()) == 1


async def java(name: str, *arguments: str, given: str = "") -> str:
    """Run one of Kafka's own tools to its end; what it wrote to stdout."""
    command = find_runtime().tool(name, *arguments)
    done = await asyncio.to_thread(
        subprocess.run, command, input=given, capture_output=True, text=True, timeout=45, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
