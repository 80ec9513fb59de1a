"""What is published for others is what the schemas say, and each example is valid."""

import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import pytest
import yaml

from consumer.adapters import schemas
from consumer.core.judge import Judge
from consumer.core.outcome import Outcome
from devtools.contracts import asyncapi, samples
from devtools.contracts.__main__ import MADE

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = yaml.safe_load(asyncapi.document())
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_from_the_schemas_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text() == MADE[name](), "run: make docs"


@pytest.mark.parametrize("name", MESSAGES)
def test_each_example_is_valid(name: str) -> None:
    judge = Judge(schemas.load(name.removeprefix("email.")))
    headers = jsonschema_rs.validator_for(MESSAGES[name]["headers"])
    assert MESSAGES[name]["examples"]
    for example in MESSAGES[name]["examples"]:
        assert judge.errors(example["payload"]) == ()
        assert headers.is_valid(example["headers"])


def test_the_page_shows_the_same_examples() -> None:
    text = (ROOT / "docs" / "events.md").read_text()
    shown = [json.loads(block.partition("\n```")[0]) for block in text.split("```json\n")[1:]]
    for message in MESSAGES.values():
        for example in message["examples"]:
            assert example["payload"] in shown


def test_each_type_of_request_and_of_outcome_is_in_the_document() -> None:
    assert MESSAGES.keys() == schemas.requests().keys() | schemas.outcomes().keys()


def test_each_ending_has_an_example() -> None:
    assert {type(ending) for ending in samples.endings()} == set(get_args(Outcome))


def test_each_file_that_the_document_refers_to_is_there() -> None:
    for message in MESSAGES.values():
        assert (ROOT / "schemas" / message["payload"]["schema"]["$ref"]).exists()


@pytest.mark.first_day
@pytest.mark.slow
def test_the_document_is_asyncapi_3_1(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is missing: the AsyncAPI schema is in its package @asyncapi/specs")
    command = [npm, "pack", "--silent", "@asyncapi/specs@6", "--pack-destination", str(tmp_path)]
    packed = subprocess.run(command, check=False, timeout=50, capture_output=True, text=True)
    if packed.returncode:
        pytest.skip("npm cannot be reached: the AsyncAPI schema is in its package @asyncapi/specs")
    (archive,) = tmp_path.glob("*.tgz")
    with tarfile.open(archive) as packages:
        file = packages.extractfile("package/schemas/3.1.0-without-$id.json")
        assert file is not None
        schema = json.load(file)
    validator = jsonschema_rs.Draft7Validator(schema)
    assert [(error.message[:200], list(error.instance_path)) for error in validator.iter_errors(DOCUMENT)] == []
    broken = {**DOCUMENT, "operations": {"takeRequests": {"action": "receives"}}}
    assert not validator.is_valid(broken)
