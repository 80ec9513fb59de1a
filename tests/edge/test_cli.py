"""The commands, as somebody at a terminal or in a script meets them."""

import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from consumer.__main__ import main
from consumer.cli.emitting import emission
from consumer.cli.watching import Wanted
from consumer.client import events
from consumer.client.events import Emission, Operation

ROOT = Path(__file__).parents[2]
TENANTS = "tenants: {acme: {smtp_host: mail.example, domain: acme.example, smtp_user: me, smtp_pass: c4n4ry}}"


@pytest.fixture
def tenants(tmp_path: Path) -> Path:
    path = tmp_path / "tenants.yaml"
    path.write_text(TENANTS)
    return path


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch, tenants: Path) -> None:
    monkeypatch.setenv("CONSUMER_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("CONSUMER_KAFKA__REQUEST_TIMEOUT", "1s")
    monkeypatch.setenv("CONSUMER_TENANTS__FILE", str(tenants))


Said = pytest.CaptureFixture[str]


@pytest.mark.parametrize("command", [["run"], ["check"], ["topics", "create"], ["outcomes"]])
def test_wrong_settings_are_all_told_and_end_with_78(
    monkeypatch: pytest.MonkeyPatch, capsys: Said, command: list[str]
) -> None:
    monkeypatch.setenv("CONSUMER_HTTP_PORT", "c4n4ry")
    monkeypatch.setenv("CONSUMER_LOG__LEVEL", "c4n4ry")
    assert main(command) == 78
    out, err = capsys.readouterr()
    assert out == ""
    assert {line.split()[0] for line in err.splitlines()} >= {"CONSUMER_HTTP_PORT", "CONSUMER_LOG__LEVEL"}
    assert "c4n4ry" not in err


def test_a_broken_tenants_file_counts_as_wrong_settings(environ: None, tenants: Path, capsys: Said) -> None:
    tenants.write_text("tenants: {acme: {smtp_port: c4n4ry, smtp_hots: x}}")
    assert main(["run"]) == 78
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ")[1] for line in lines] == ["tenants.acme.smtp_hots", "tenants.acme.smtp_port"]
    assert all(line.startswith("CONSUMER_TENANTS__FILE: ") for line in lines)


def test_a_broken_file_of_tokens_counts_as_wrong_settings(
    environ: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    (tmp_path / "pii.yaml").write_text("NS-EU-A-1: [c4n4ry")
    monkeypatch.setenv("CONSUMER_PII__FILE", str(tmp_path / "pii.yaml"))
    for command in ("run", "check"):
        assert main([command]) == 78
        err = capsys.readouterr().err
        assert err == "CONSUMER_PII__FILE: the PII file must be one mapping of tokens to texts: line 1, column 12\n"


def test_check_shows_what_is_in_force_as_data(environ: None, capsys: Said) -> None:
    assert main(["check", "-o", "json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["CONSUMER_KAFKA__BOOTSTRAP_SERVERS"] == "127.0.0.1:1"
    assert err == "all is well\n"
    assert "c4n4ry" not in out


def test_check_online_says_that_kafka_is_away(environ: None, capsys: Said) -> None:
    assert main(["check", "--online"]) == 69
    assert "Kafka cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["nothing"],
        ["send"],
        ["send", "--tenant", "acme"],
        ["send", "--to", "a@b.example"],
        ["send", "--tenant", "acme", "--to", "ann", "--text", "x"],
        ["send", "--tenant", "acme", "--to", "ann@example.com"],
        ["send", "--tenant", "a b", "--to", "ann@example.com", "--text", "x"],
        ["send", "--tenant", "acme", "--to", "ann@example.com", "--text", "x", "--id", "\t"],
        ["outcomes", "--type", "acepted"],
        ["replay", "--type", "expierd"],
        ["validate", "--type", "email.send-mail.v1", "-"],
        ["send", "--file", "/nowhere"],
        ["send", "--file", "x", "--to", "a@b.example"],
        ["outcomes", "--since", "soon"],
        ["outcomes", "-o", "xml"],
        ["parked", "list", "--reason", "boredom"],
        ["parked", "cancel", "r-1"],
        ["parked", "promote", "--tenant", "acme"],
    ],
)
def test_a_command_line_that_makes_no_sense_ends_with_2(environ: None, capsys: Said, command: list[str]) -> None:
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err


def test_help_tells_the_exit_codes(capsys: Said) -> None:
    assert main(["send", "--help"]) == 0
    assert "75 no outcome in time" in " ".join(capsys.readouterr().out.split())


def test_run_does_not_import_what_only_the_other_commands_need() -> None:
    code = "import sys, consumer.cli.start, consumer.app; sys.exit('typer' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60).returncode == 0


def test_a_request_from_flags_is_a_cloud_event_keyed_by_tenant() -> None:
    asked = events.request("r-1", "acme", {"to": ["ann@example.com"], "text": "Grüße"})
    assert asked.key == b"acme"
    assert json.loads(asked.value) == {
        "specversion": "1.0",
        "id": "r-1",
        "source": "/consumer/cli",
        "type": "email.send-email.v1",
        "tenant": "acme",
        "datacontenttype": "application/json",
        "data": {"to": ["ann@example.com"], "text": "Grüße"},
    }
    assert dict(asked.headers)["content-type"].startswith(b"application/cloudevents+json")


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b'{"to": "x"}', b"[" * 100_000])
def test_a_file_is_sent_as_it_is(content: bytes) -> None:
    asked = events.raw(content, tenant="acme", event_id="r-1")
    assert (asked.value, asked.key) == (content, b"acme")
    assert asked.headers == (("tenant", b"acme"), ("request_id", b"r-1"))


def test_a_file_with_a_cloud_event_says_so_itself() -> None:
    asked = events.raw(b'{"specversion": "1.0", "tenant": "acme"}', tenant=None, event_id=None)
    assert (asked.key, asked.headers) == (b"acme", events.STRUCTURED)


def test_an_outcome_of_any_bytes_can_be_shown() -> None:
    seen = events.outcome([("x-kind", None), ("ce_tenant", b"\xff")], b"\x1b[2J")
    assert seen.data == {}
    assert "\x1b" not in seen.as_line()


def test_a_relays_words_reach_the_terminal_without_controls() -> None:
    seen = events.outcome([("x-kind", b"accepted")], json.dumps({"response": "250 \x1b[2J\nok"}).encode())
    assert "250 ?[2J?ok" in seen.as_line()


def test_outcomes_are_found_by_kind_and_by_type() -> None:
    seen = events.outcome([("x-kind", b"invalid"), ("ce_tenant", b"acme")], b'{"type": "invalid-json"}')
    assert Wanted("acme", frozenset({"invalid"}), 1, follow=False).has(seen)
    assert Wanted(None, frozenset({"invalid-json"}), 1, follow=False).has(seen)
    assert not Wanted(None, frozenset({"accepted"}), 1, follow=False).has(seen)
    assert not Wanted("other", frozenset(), 1, follow=False).has(seen)


@pytest.fixture
def on_kafka(monkeypatch: pytest.MonkeyPatch, broker: str, capsys: Said) -> str:
    """Settings for a real broker, with the topics there; the prefix of their names."""
    prefix = uuid.uuid4().hex[:8]
    monkeypatch.setenv("CONSUMER_KAFKA__BOOTSTRAP_SERVERS", broker)
    monkeypatch.setenv("CONSUMER_TOPICS__PARTITIONS", "2")
    for name in ("requests", "outcomes", "parked", "suppressions", "feedback"):
        monkeypatch.setenv(f"CONSUMER_TOPICS__{name.upper()}", f"{prefix}.{name}")
    assert main(["topics", "create"]) == 0
    assert capsys.readouterr().out.split() == [
        f"{prefix}.{name}" for name in ("requests", "outcomes", "parked", "suppressions", "feedback")
    ]
    return prefix


def test_topics_are_described_once_they_are_there(on_kafka: str, capsys: Said) -> None:
    assert main(["topics", "describe", "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[2] == {
        "topic": f"{on_kafka}.parked",
        "partitions": 2,
        "replicas": 1,
        "cleanup": "compact",
        "retention_seconds": None,
    }


SEND = ["send", "--tenant", "acme", "--to", "ann@example.com", "--text", "Hello"]


def test_no_outcome_in_time_ends_with_75(on_kafka: str, capsys: Said) -> None:
    assert main([*SEND, "--wait", "0.5"]) == 75
    assert "no outcome within 0.5 s" in capsys.readouterr().err


def test_a_command_that_nobody_carries_out_ends_with_75_and_names_its_request(on_kafka: str, capsys: Said) -> None:
    assert main(["parked", "cancel", "--tenant", "acme", "r-1", "--wait", "0.5"]) == 75
    assert "no outcome for r-1 within 0.5 s" in capsys.readouterr().err
    assert main(["parked", "list"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("kind", "code"), [("accepted", 0), ("rejected", 1)])
def test_the_outcome_that_is_waited_for_decides_the_exit_code(
    on_kafka: str, broker: str, capsys: Said, kind: str, code: int
) -> None:
    with answering(broker, on_kafka, kind):
        assert main([*SEND, "--id", "r-1", "--wait", "30", "-o", "json"]) == code
    out = json.loads(capsys.readouterr().out)
    assert (out["outcome"], out["tenant"], out["id"]) == (kind, "acme", "r-1")
    assert main(["outcomes", "--type", kind, "-o", "json"]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["r-1"]
    assert main(["outcomes", "--tenant", "other"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["send", "--tenant", "acme", "--to", "ann", "--text", "x"], "/to/0: "),
        (["send", "--tenant", "a b", "--to", "ann@example.com", "--text", "x"], "--tenant: "),
        (["outcomes", "--type", "acepted"], "did you mean accepted?"),
        (["replay", "--type", "attachment-gone", "--type", "expierd"], "did you mean expired?"),
        (["validate", "--type", "email.send-mail.v1", "-"], "--type: expected email.parked-command.outcome.v1 or"),
    ],
)
def test_a_mistake_is_named_where_it_was_made(environ: None, capsys: Said, words: list[str], said: str) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True), err


def test_an_ending_of_a_version_to_come_is_looked_for_and_remarked_on(on_kafka: str, capsys: Said) -> None:
    assert main(["outcomes", "--type", "quarantined"]) == 0
    assert "no outcome of this version ends like that" in capsys.readouterr().err


def test_a_missing_topic_is_told(monkeypatch: pytest.MonkeyPatch, broker: str, capsys: Said) -> None:
    monkeypatch.setenv("CONSUMER_KAFKA__BOOTSTRAP_SERVERS", broker)
    monkeypatch.setenv("CONSUMER_TOPICS__OUTCOMES", "nowhere")
    assert main(["outcomes"]) == 78
    assert (
        capsys.readouterr().err
        == "topic nowhere is missing: run `consumer topics create` (or this user may not see it)\n"
    )


@contextmanager
def answering(broker: str, prefix: str, kind: str) -> Iterator[None]:
    """Somebody who answers the first request with an outcome of this kind."""
    thread = threading.Thread(target=_run, args=(_answer, broker, prefix, kind))
    thread.start()
    yield
    thread.join(30)
    assert not thread.is_alive()


def _run(work: Callable[..., Any], *args: str) -> None:
    import asyncio  # noqa: PLC0415  the commands under test have loops of their own

    asyncio.run(work(*args))


async def _answer(broker: str, prefix: str, kind: str) -> None:
    consumer = AIOKafkaConsumer(f"{prefix}.requests", bootstrap_servers=broker, auto_offset_reset="earliest")
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    async with consumer, producer:
        record: Any = await consumer.getone()
        event = json.loads(record.value)
        attributes = {
            "x-kind": kind,
            "ce_tenant": event["tenant"],
            "ce_causationid": event["id"],
            "ce_originpartition": str(record.partition),
            "ce_originoffset": str(record.offset),
        }
        headers = [(name, value.encode()) for name, value in attributes.items()]
        await producer.send_and_wait(f"{prefix}.outcomes", b'{"status": 204}', headers=headers)


def event_of(made: Emission | str) -> tuple[str, object]:
    """Type and data of a structured event."""
    assert isinstance(made, Emission), made
    event = json.loads(made.value)
    return event["type"], event["data"]


def test_a_test_mail_and_a_validation_are_asked_for_by_their_operation() -> None:
    test = emission("acme", None, {"to": ["ann@example.com"]}, None, Operation.SEND_TEST_EMAIL)
    assert event_of(test) == ("email.send-test-email.v1", {"email": "ann@example.com"})
    validation = emission("acme", None, {}, None, Operation.VALIDATE_CREDENTIALS)
    assert event_of(validation) == ("email.validate-credentials.v1", {})


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        (Operation.SEND_EMAIL, {}),
        (Operation.SEND_TEST_EMAIL, {}),
        (Operation.SEND_TEST_EMAIL, {"to": ["a@b", "c@d"]}),
        (Operation.SEND_TEST_EMAIL, {"to": ["a@b"], "subject": "mine"}),
        (Operation.VALIDATE_CREDENTIALS, {"to": ["a@b"]}),
    ],
)
def test_flags_that_an_operation_does_not_have_are_refused(operation: Operation, fields: dict[str, object]) -> None:
    assert isinstance(emission("acme", None, fields, None, operation), str)


def test_a_plain_file_says_its_operation_in_a_header(tmp_path: Path) -> None:
    file = tmp_path / "validation.json"
    file.write_text('{"smtp_host": "relay.example", "smtp_port": "587"}')
    made = emission("acme", "v-1", {}, file, Operation.VALIDATE_CREDENTIALS)
    assert isinstance(made, Emission)
    assert dict(made.headers)["operation"] == b"validate-credentials"


def test_outcomes_can_be_told_apart_by_operation() -> None:
    seen = events.outcome([("x-kind", b"validated"), ("ce_type", b"email.validate-credentials.outcome.v1")], b"{}")
    assert seen.succeeded
    assert Wanted(None, frozenset(), 1, follow=False, operation=Operation.VALIDATE_CREDENTIALS).has(seen)
    assert not Wanted(None, frozenset(), 1, follow=False, operation=Operation.SEND_EMAIL).has(seen)
