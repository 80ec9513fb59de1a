"""What the demo asks for, and the ending that each request must have."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from consumer.client import events
from consumer.client.events import Emission, Operation
from devtools.demo.relay import NOBODY, SEED_2_HOST, SEED_2_PASSWORD, SEED_2_USER

PATIENCE = 5
"""Seconds of the window that the last request waits for."""

TOKEN = "NS-EU-ANN-1"  # noqa: S105  the form of a PII token, no secret
VALUES = f"{TOKEN}: ann@example.com\n"
"""What stands for personal data, and what it stands for."""

SEED_1 = {"subject": "string", "recipient": "string", "message": "string", "attachments": []}
SEED_2 = {
    "from": "me@myemail.com",
    "to": ["destination1@email.com", "destination2@email.com"],
    "subject": "Hello",
    "text": "World",
    "html": "<p><b>World</b></p>",
    "connection": {"server": SEED_2_HOST, "port": 1234, "user": SEED_2_USER, "password": SEED_2_PASSWORD},
}

TENANTS = f"""\
# The tenants of the demo. A change takes effect without a restart.
default:
  smtp_host: localhost
  smtp_port: {{port}}
  smtp_user: {{user}}
  smtp_pass: {{password}}
  ca_file: {{authority}}
tenants:
  demo:
    domain: demo.example
  strict:                  # over its limit, it wants to be told
    domain: strict.example
    hLimit: 1
    over_limit: reject
  patient:                 # over its limit, it waits
    domain: patient.example
    limits: [{{{{count: 1, per: {PATIENCE}s}}}}]
"""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, and how it must end: with this status and type."""

    about: str
    tenant: str
    id: str
    record: Emission
    status: int
    type: str = ""


def asks(files: str) -> tuple[Ask, ...]:
    """In the order in which they are sent. `files` is where those can be fetched that they have attached."""
    ann = "ann@example.com"
    return (
        # Without a key: whatever partition it comes to, it is passed on to its tenant's home.
        _plain("Seed 1's sample, plain JSON", "seed-1", SEED_1, 204),
        _event("Seed 2's sample, a CloudEvent", "seed-2", SEED_2, 204),
        _event("Seed 2's sample, same id", "seed-2", SEED_2, 409, "duplicate"),
        _event("One recipient, unknown", "refused", _mail("Refused", NOBODY), 422, "rejected"),
        _event("The same one again: suppressed", "blocked", _mail("Blocked", NOBODY), 429, "blocked"),
        _event("Two recipients, one suppressed", "partly", _mail("Partly", ann, NOBODY), 204),
        _event("A file attached", "attached", _mail("The plan", ann) | {"attachments": [f"{files}/plan.txt"]}, 204),
        _event(
            "A file that is not there",
            "gone",
            _mail("Gone", ann) | {"attachments": [f"{files}/gone.txt"]},
            424,
            "attachment-gone",
        ),
        _event(
            "A field that does not exist", "misspelt", {**_mail("Oops", ann), "subjekt": ""}, 400, "invalid-request"
        ),
        _event("To a PII token", "token", _mail("For Ann", TOKEN), 204),
        _event("Is the stored login right?", "check", {}, 204, operation=Operation.VALIDATE_CREDENTIALS),
        _event(
            "Is this password right?",
            "guess",
            {"smtp_pass": "no"},
            422,
            "auth-failed",
            operation=Operation.VALIDATE_CREDENTIALS,
        ),
        _event("A test email", "test", {"email": ann}, 204, operation=Operation.SEND_TEST_EMAIL),
        _event("Limit 1 an hour: the first", "first", _mail("First", ann), 204, tenant="strict"),
        _event("Limit 1 an hour: the second", "second", _mail("2nd", ann), 429, "rate-limited", tenant="strict"),
        _event(f"Limit 1 in {PATIENCE} s: the first", "now", _mail("Now", ann), 204, tenant="patient"),
        _event(f"Limit 1 in {PATIENCE} s: the second", "later", _mail("Later", ann), 204, tenant="patient"),
    )


def _mail(subject: str, *to: str) -> dict[str, object]:
    return {"to": list(to), "subject": subject, "text": "Hello from the demo.\nThe second line."}


def _event(  # noqa: PLR0913  what one is made of
    about: str,
    id_: str,
    data: Mapping[str, object],
    status: int,
    type_: str = "",
    *,
    tenant: str = "demo",
    operation: Operation = Operation.SEND_EMAIL,
) -> Ask:
    return Ask(about, tenant, id_, events.request(id_, tenant, data, operation.type), status, type_)


def _plain(about: str, id_: str, data: Mapping[str, object], status: int) -> Ask:
    record = events.raw(json.dumps(data).encode(), tenant="demo", event_id=id_)
    return Ask(about, "demo", id_, replace(record, key=None), status)
