"""`validate`, `render`, `schemas` and completion: what needs no Kafka."""

import io
import json
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest

from consumer.__main__ import main
from consumer.adapters import schemas
from consumer.client import events

ROOT = Path(__file__).parents[2]
MAIL = {"to": ["ann@example.com"], "subject": "Hello", "text": "World"}
EVENT = json.loads(events.request("r-1", "acme", MAIL).value)
ACCEPTED = {
    "status": 204, "message": "", "accepted": [], "rejected": [], "rejectedErrors": [], "response": "250", "messageId": "",
    "envelope": {"from": "", "to": []},
}  # fmt: skip

Said = pytest.CaptureFixture[str]


def written(folder: Path, content: object, name: str = "event.json") -> str:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
    return str(path)


@pytest.mark.parametrize("content", [EVENT, MAIL], ids=["structured", "data alone"])
def test_what_the_service_would_take_is_valid(tmp_path: Path, capsys: Said, content: object) -> None:
    path = written(tmp_path, content)
    assert main(["validate", path]) == 0
    assert capsys.readouterr().out == f"{path}: valid email.send-email.v1\n"


def test_each_error_is_told_with_its_place_and_rule_and_never_its_content(tmp_path: Path, capsys: Said) -> None:
    path = written(tmp_path, {**EVENT, "data": {**MAIL, "to": ["c4n4ry"], "subjekt": ""}})
    assert main(["validate", path]) == 1
    out = capsys.readouterr().out
    assert f"{path}: /: unknown field (did you mean `subject`?)\n" in out
    assert f"{path}: /to/0: expected an e-mail address" in out
    assert "c4n4ry" not in out


def test_the_wrapping_is_judged_too(tmp_path: Path, capsys: Said) -> None:
    path = written(tmp_path, {name: value for name, value in EVENT.items() if name != "tenant"})
    assert main(["validate", path]) == 1
    assert capsys.readouterr().out == f"{path}: /tenant: missing\n"


def test_json_lines_are_told_by_their_number(tmp_path: Path, capsys: Said) -> None:
    lines = "\n".join([json.dumps(EVENT), "", json.dumps({**EVENT, "id": ""}), "{"])
    path = written(tmp_path, lines)
    assert main(["validate", path, "-o", "json"]) == 1
    verdicts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["place"], one["valid"]) for one in verdicts] == [
        (f"{path}:1", True),
        (f"{path}:3", False),
        (f"{path}:4", False),
    ]


@pytest.mark.parametrize(
    ("content", "code"),
    [(ACCEPTED, 0), ({**ACCEPTED, "new": 1, "type": "new"}, 0), ({"status": 204, "message": ""}, 1)],
)
def test_outcomes_are_held_against_their_own_schemas(tmp_path: Path, content: object, code: int) -> None:
    assert main(["validate", "--type", "email.send-email.outcome.v1", written(tmp_path, content)]) == code
    event = {"specversion": "1.0", "type": "email.send-email.outcome.v1", "data": content}
    assert main(["validate", written(tmp_path, event)]) == code


@pytest.mark.parametrize("content", ["", "{", "[]", "1", "[" * 100_000, "\x00", '{"specversion": "1.0"}'])
def test_a_file_of_anything_is_judged(tmp_path: Path, content: str) -> None:
    assert main(["validate", written(tmp_path, content)]) == 1


def test_a_file_that_is_not_there_ends_with_2_and_the_others_are_judged(tmp_path: Path, capsys: Said) -> None:
    assert main(["validate", str(tmp_path / "nothing"), written(tmp_path, EVENT)]) == 2
    out, err = capsys.readouterr()
    assert "valid email.send-email.v1" in out
    assert "cannot be read" in err


def test_stdin_is_read(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(EVENT).encode())))
    assert main(["validate", "-"]) == 0
    assert capsys.readouterr().out == "stdin: valid email.send-email.v1\n"


def test_an_event_is_rendered_as_the_mail_that_would_be_sent(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    tenants = written(tmp_path, "tenants: {acme: {smtp_host: relay.example, from_address: us@acme.example}}", "t.yaml")
    event = {**EVENT, "data": {**MAIL, "bcc": ["eve@example.com"], "attachments": ["https://example.com/a.pdf"]}}
    assert main(["render", written(tmp_path, event), "--tenants", tenants]) == 0
    out, err = capfdbinary.readouterr()
    assert b"\r\nFrom: us@acme.example\r\n" in b"\r\n" + out
    assert b"World" in out
    assert b"eve" not in out
    assert b"envelope: from us@acme.example to ann@example.com, eve@example.com" in err
    assert b"without its 1 attachments" in err


def test_tokens_stand_for_themselves_where_no_file_tells_otherwise(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    event = written(tmp_path, {"to": ["NS-EU-A1-B2"], "subject": "NS-EU-C3-D4", "text": "World"})
    assert main(["render", event]) == 0
    out, _ = capfdbinary.readouterr()
    assert b"To: NS-EU-A1-B2@token.invalid\r\n" in out
    assert b"Subject: NS-EU-C3-D4\r\n" in out
    pii = written(tmp_path, "NS-EU-A1-B2: ann@example.com\n", "pii.yaml")
    assert main(["render", event, "--pii", pii]) == 0
    assert b"To: ann@example.com\r\n" in capfdbinary.readouterr()[0]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({**MAIL, "to": []}, 1),
        (f"{json.dumps(EVENT)}\n{json.dumps(EVENT)}", 2),
        (json.loads(events.request("c", "acme", {"command": "cancel", "id": "x"}, "email.parked-command.v1").value), 1),
    ],
    ids=["invalid", "several", "a command"],
)
def test_what_is_no_mail_is_told(tmp_path: Path, capsys: Said, content: object, code: int) -> None:
    assert main(["render", written(tmp_path, content)]) == code
    out, err = capsys.readouterr()
    assert (out, bool(err)) == ("", True)


@pytest.mark.parametrize(
    ("tenants", "code"), [("tenants: {other: {smtp_host: a, domain: b.example}}", 1), ("tenants: {acme: {}}", 78)]
)
def test_a_tenants_file_that_does_not_help_is_told(tmp_path: Path, tenants: str, code: int) -> None:
    assert main(["render", written(tmp_path, EVENT), "--tenants", written(tmp_path, tenants, "t.yaml")]) == code


def test_schemas_are_listed_shown_and_exported(tmp_path: Path, capsys: Said) -> None:
    assert main(["schemas", "list"]) == 0
    names = capsys.readouterr().out.split()
    assert {"send-email.v1.json", "send-email.outcome.v1.json"} <= set(names)
    assert main(["schemas", "show", "send-email.v1.json"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "email.send-email.v1"
    assert main(["schemas", "show", "nothing"]) == 2
    folder = tmp_path / "new" / "schemas"
    assert main(["schemas", "export", str(folder)]) == 0
    assert {file.name: file.read_text() for file in folder.iterdir()} == schemas.published()
    assert main(["schemas", "export", str(folder / names[0])]) == 2


def test_each_type_of_request_has_a_schema_for_its_outcome() -> None:
    assert schemas.outcomes().keys() >= {"email.send-email.outcome.v1", "email.parked-command.outcome.v1"}
    for schema in schemas.outcomes().values():
        jsonschema_rs.meta.validate(schema)


def test_the_shell_completes_commands() -> None:
    environment = {"_CONSUMER_COMPLETE": "complete_bash", "COMP_WORDS": "consumer re", "COMP_CWORD": "1"}
    command = [sys.executable, "-c", "import sys; from consumer.__main__ import main; sys.exit(main([]))"]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=60, capture_output=True, text=True)
    assert {"reference", "render", "replay"} <= set(done.stdout.split())
    assert "send" not in done.stdout.split()
