"""W3C Trace Context: what is passed on, and what is ignored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import TraceState

from consumer.core.trace import LONGEST_STATE, Trace, trace, tracestate

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param(
            "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", id="as-it-is"
        ),
        pytest.param(" rojo=1 ,\t,congo=2\t", "rojo=1,congo=2", id="blanks-and-empty-members-are-left-out"),
        pytest.param("fw529a3039@dt=FfffAg, 0tenant@sys*/-_=1", "fw529a3039@dt=FfffAg,0tenant@sys*/-_=1", id="tenants"),
        pytest.param("a=b c!~+-<>", "a=b c!~+-<>", id="every-sign-that-a-value-may-have"),
        pytest.param("", None, id="empty"),
        pytest.param(" , ", None, id="no-member"),
        pytest.param("rojo", None, id="no-value"),
        pytest.param("rojo=", None, id="empty-value"),
        pytest.param("rojo=1=2", None, id="an-equals-sign-in-a-value"),
        pytest.param("Rojo=1", None, id="upper-case-key"),
        pytest.param("1rojo=1", None, id="a-digit-first-without-a-system"),
        pytest.param("a@b@c=1", None, id="two-systems"),
        pytest.param("a@=1", None, id="no-system"),
        pytest.param("rojo=1,rojo=2", None, id="a-key-twice"),
        pytest.param("rojo=1,congo=\x7f", None, id="a-control-character"),
        pytest.param("rojo=1,congo=1\n", None, id="a-line-break"),
        pytest.param("rojo=gr\xfcn", None, id="not-ascii"),
        pytest.param("rojo=\ufffd", None, id="no-text"),
        pytest.param(",".join(f"k{number}=1" for number in range(33)), None, id="33-members"),
        pytest.param("a" * 257 + "=1", None, id="a-key-too-long"),
        pytest.param("a=" + "1" * 257, None, id="a-value-too-long"),
        pytest.param("a=1," + " " * 9000, None, id="more-than-anybody-reads"),
    ],
)
def test_a_state_is_kept_in_order_or_not_at_all(given: str, kept: str | None) -> None:
    assert tracestate(given) == kept


def test_a_state_of_512_characters_is_kept_and_of_a_longer_one_the_first_members() -> None:
    fits = ",".join(["a=" + "1" * 126, "b=" + "1" * 126, "c=" + "1" * 126, "d=" + "1" * 123])
    assert len(fits) == 512
    assert tracestate(fits) == fits
    assert tracestate(fits + "1") == fits[: fits.index(",d=")]


def test_of_a_state_that_is_too_long_large_members_go_first() -> None:
    small = [f"k{number}=" + "1" * 60 for number in range(6)]
    large = "large=" + "1" * 130
    assert tracestate(",".join([large, *small])) == ",".join(small)
    assert tracestate(f"a={'1' * 200},b={'2' * 200},c=3,d={'4' * 200}") == f"a={'1' * 200},b={'2' * 200},c=3"


@given(st.lists(st.from_regex(r"[a-z0-9@]{1,5}=[ -~]{0,300}", fullmatch=True), max_size=40).map(",".join))
def test_what_is_passed_on_is_short_and_what_opentelemetry_takes(given: str) -> None:
    kept = tracestate(given)
    if kept is not None:
        assert len(kept) <= LONGEST_STATE
        assert tracestate(kept) == kept
        assert TraceState.from_header([kept]).to_header() == kept


def test_a_state_without_a_parent_is_that_of_nothing() -> None:
    assert trace(None, "rojo=1") is None
    assert trace("00-nothing", "rojo=1") is None
    assert trace(PARENT, "rojo=1") == Trace(PARENT, "rojo=1")
    assert trace(PARENT, "rojo") == Trace(PARENT, None)
