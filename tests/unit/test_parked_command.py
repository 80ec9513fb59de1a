"""The typed command and the published schema are the same contract."""

from typing import Any

import jsonschema_rs
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from consumer.adapters.schemas import load
from consumer.core.parked_command import ParkedCommand
from consumer.core.request import Command
from tests.builders import record
from tests.unit.test_decode import DECODER

VALIDATOR = jsonschema_rs.validator_for(load("parked-command.v1"), validate_formats=True)
HEADERS = (("tenant", b"acme"), ("request_id", b"c-1"), ("operation", b"parked-command"))

anything = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.lists(st.text(max_size=3), max_size=2)
commands = st.dictionaries(
    st.sampled_from(["command", "id", "Id", "tenant"]),
    st.sampled_from(["cancel", "promote", "Cancel", "", "r-1", "x" * 256, "x" * 257, "\U0001f600" * 256]) | anything,
    max_size=3,
)


def model_takes(data: object) -> bool:
    try:
        ParkedCommand.model_validate(data)
    except ValidationError:
        return False
    return True


@settings(max_examples=1000, deadline=None)
@given(commands | anything)
@example({"command": "cancel", "id": "r-1"})
@example({"command": "promote", "id": "x" * 256})
@example({"command": "cancel", "id": None})
def test_the_types_take_what_the_schema_takes_and_nothing_else(data: Any) -> None:  # noqa: ANN401
    assert model_takes(data) == VALIDATOR.is_valid(data)


def test_a_valid_record_is_a_command() -> None:
    got = DECODER.decode(
        record({"command": "cancel", "id": "r-1"}, headers=(*HEADERS, ("expirytime", b"1970-01-01T00:01:00Z")))
    )
    assert isinstance(got, Command)
    assert (got.id, got.tenant, got.order, got.expires) == (
        "c-1",
        "acme",
        ParkedCommand(command="cancel", id="r-1"),
        60.0,
    )
    assert got.subject.type == "email.parked-command.v1"


def test_a_commands_repr_tells_nobodys_data() -> None:
    assert "r-1" not in repr(ParkedCommand(command="cancel", id="r-1"))
