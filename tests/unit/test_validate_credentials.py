"""The typed request for a validation and the published schema are the same contract."""

import jsonschema_rs
import orjson
from hypothesis import HealthCheck, example, given, settings
from pydantic import ValidationError

from consumer.adapters.schemas import load
from consumer.core.decode import Refused
from consumer.core.record import Headers
from consumer.core.request import Validation
from consumer.core.validate_credentials import ValidateCredentials
from tests.builders import record
from tests.unit.test_decode import DECODER
from tests.unit.test_send_email import anything
from tests.unit.test_send_test_email import accesses

VALIDATOR = jsonschema_rs.validator_for(load("validate-credentials.v1"), validate_formats=True)
HEADERS: Headers = (("tenant", b"acme"), ("request_id", b"v-1"), ("operation", b"validate-credentials"))
SAMPLE = {"smtp_host": "string", "smtp_port": "string", "smtp_user": "string", "smtp_pass": "string"}
SEED = SAMPLE | {"smtp_port": "587"}


def model_takes(data: object) -> bool:
    try:
        ValidateCredentials.model_validate(data)
    except ValidationError:
        return False
    return True


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(accesses | anything)
@example(SEED)
@example({})
@example({**SEED, "email": "ann@example.com"})
def test_schema_and_model_take_the_same_requests(data: object) -> None:
    data = orjson.loads(orjson.dumps(data))
    assert VALIDATOR.is_valid(data) is model_takes(data)


def test_of_the_first_seeds_sample_only_the_port_has_to_be_filled_in_which_breaks_its_own_rule() -> None:
    got = DECODER.decode(record(SAMPLE, headers=HEADERS))
    assert isinstance(got, Refused)
    assert [error.partition(":")[0] for error in got.outcome.errors] == ["/smtp_port"]


def test_a_valid_record_is_a_validation() -> None:
    got = DECODER.decode(record(SEED, headers=(*HEADERS, ("expirytime", b"1970-01-01T00:01:00Z")), timestamp=1.5))
    assert isinstance(got, Validation)
    assert (got.id, got.tenant, got.received, got.expires) == ("v-1", "acme", 1.5, 60.0)
    assert (got.access.smtp_host, got.access.smtp_port, got.access.smtp_pass) == ("string", 587, "string")
    assert got.subject.type == "email.validate-credentials.v1"


def test_its_repr_tells_nobodys_data() -> None:
    access = ValidateCredentials.model_validate({"smtp_user": "canary", "smtp_pass": "canary"})
    assert "canary" not in repr(access) + str(access)
