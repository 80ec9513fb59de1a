"""How much a mail may have attached."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core import attachment
from consumer.core.attachment import Caps, Fetched, Wanted, encoded_size
from consumer.core.mime import base64

CAPS = Caps(each=1000, total=2000)


def fetched(octets: int) -> Fetched:
    return attachment.fetched(bytes(octets), "text/plain", "c4n4ry.txt")


@given(st.integers(0, 5000))
def test_a_file_counts_as_it_travels(octets: int) -> None:
    assert encoded_size(octets) == len(base64(bytes(octets)))


@given(st.lists(st.integers(0, 800), max_size=4))
def test_whatever_fits_into_the_room_fits_into_the_mail(sizes: list[int]) -> None:
    files: tuple[Fetched, ...] = ()
    for size in sizes:
        files = (*files, fetched(min(size, CAPS.room(files))))
    assert sum(encoded_size(file.octets) for file in files) <= CAPS.total


def test_one_file_has_its_own_cap() -> None:
    assert CAPS.room() == 1000
    assert CAPS.room((fetched(1000),)) == (2000 - encoded_size(1000)) // 78 * 57


@pytest.mark.parametrize("value", [fetched(3), Wanted("https://files.example/c4n4ry")], ids=["fetched", "wanted"])
def test_no_repr_tells_what_it_is_or_where_it_came_from(value: object) -> None:
    assert "c4n4ry" not in repr(value)
    assert "\\x00" not in repr(value)
