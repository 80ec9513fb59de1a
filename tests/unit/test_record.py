"""Records and the places where they lie."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.record import Coordinates
from tests.builders import record


def test_a_producers_own_record_is_its_own_origin() -> None:
    assert record(partition=2, offset=5).origin == Coordinates(2, 5)
    assert record().forwarded_from is None


@given(st.integers(0, 10_000), st.integers(0, 2**63 - 1))
def test_a_forwarded_record_knows_where_it_came_from(partition: int, offset: int) -> None:
    came_from = Coordinates(partition, offset)
    assert record(headers=(("email_origin", str(came_from).encode()),)).origin == came_from


@pytest.mark.parametrize("value", [b"", b"1", b"1:", b":1", b"a:1", b"-1:1", b"1:1:1", b"1:" + b"1" * 40, b"\xff:1"])
def test_a_header_that_is_no_origin_is_none(value: bytes) -> None:
    assert record(partition=2, offset=5, headers=(("email_origin", value),)).origin == Coordinates(2, 5)
