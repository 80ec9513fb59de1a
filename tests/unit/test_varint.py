"""Unsigned varints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core import varint


@given(number=st.integers(0, 2**70), before=st.binary(max_size=3), after=st.binary(max_size=3))
def test_what_was_written_is_read_and_where_it_ends_is_known(number: int, before: bytes, after: bytes) -> None:
    octets = before + varint.write(number)
    assert varint.read(octets + after, len(before)) == (number, len(octets))
    assert varint.size(number) == len(varint.write(number))


@pytest.mark.parametrize("cut", [b"", b"\x80", b"\xff\xff"])
def test_one_that_does_not_end_is_an_error(cut: bytes) -> None:
    with pytest.raises(IndexError):
        varint.read(cut, 0)
