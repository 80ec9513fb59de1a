"""Headers that a request brings along and that only work if they are exactly right."""

import pytest

from consumer.core.list_headers import faults

ONE_CLICK = ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
LIST = "/headers/List-Unsubscribe: must be URIs in angle brackets, with commas between (RFC 2369)"
POST = "/headers/List-Unsubscribe-Post: must be List-Unsubscribe=One-Click (RFC 8058)"
ALONE = "/headers/List-Unsubscribe-Post: must stand together with List-Unsubscribe that has an https URI (RFC 8058)"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param((), id="none"),
        pytest.param((("X-Campaign", "spring"),), id="others"),
        pytest.param((("List-Unsubscribe", "<mailto:leave@shop.example?subject=x>"),), id="by mail"),
        pytest.param((("List-Unsubscribe", "<https://shop.example/u/1>"), ONE_CLICK), id="one click"),
        pytest.param(
            (("list-unsubscribe", "<mailto:leave@shop.example>, <HTTPS://shop.example/u?a=b,c>"), ONE_CLICK),
            id="one click or by mail",
        ),
    ],
)
def test_headers_that_work_have_no_fault(headers: tuple[tuple[str, str], ...]) -> None:
    assert list(faults(headers)) == []


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        pytest.param((("List-Unsubscribe", "https://shop.example/u/1"),), [LIST], id="no brackets"),
        pytest.param((("List-Unsubscribe", "<https://shop.example/ü>"),), [LIST], id="no URI"),
        pytest.param((("List-Unsubscribe", "<https://a/>,"),), [LIST], id="half a list"),
        pytest.param((ONE_CLICK,), [ALONE], id="one click on nothing"),
        pytest.param((("List-Unsubscribe", "<http://a/>"), ONE_CLICK), [ALONE], id="one click without TLS"),
        pytest.param((("List-Unsubscribe", "<https://a/>"), (ONE_CLICK[0], "yes")), [POST], id="another word"),
        pytest.param(
            (("X-A", "1"), ("x-a", "2")),
            ["/headers: a header stands there twice, or beside the field that sets it"],
            id="twice",
        ),
    ],
)
def test_headers_that_would_not_work_are_told_by_place_and_rule(
    headers: tuple[tuple[str, str], ...], told: list[str]
) -> None:
    assert list(faults(headers)) == told
