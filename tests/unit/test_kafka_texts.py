"""What lies in our topics may have been written by anybody: it is read whole, or told apart."""

from dataclasses import fields, replace
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumer.adapters.kafka.entries import read_entry, write_entry
from consumer.adapters.kafka.past import read_past
from consumer.core.encode import DIGEST_HEADER, KIND_HEADER, SENT_AT_HEADER
from consumer.core.ids import Use, fingerprint
from consumer.core.parking import FRESH, Entry, Progress, Reason
from consumer.core.past import Past
from consumer.core.record import Coordinates
from consumer.core.reply import BLOCKED, Reply

ENTRY = Entry(
    7,
    Coordinates(1, 2),
    "acme",
    "r-1",
    b"\1" * 16,
    1_700_000_000.5,
    1_700_086_400.0,
    Reason.RETRY,
    Progress(
        2,
        ((0, Reply(250, "", "2.1.5")), (3, BLOCKED)),
        Reply(250, ""),
        ((1_700_000_000.0, 2),),
        "rcpt 450",
        ("1f" * 32, "2e" * 32),
        promoted=True,
    ),
)
KEY, VALUE = write_entry(ENTRY)
WRITTEN: dict[str, Any] = orjson.loads(VALUE)
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


def test_an_entry_is_read_back_as_it_was_written() -> None:
    assert read_entry(KEY, VALUE) == ENTRY
    plain = replace(ENTRY, progress=Progress())
    assert read_entry(*write_entry(plain)) == plain
    assert read_entry(KEY, None) == 7


def test_nothing_of_the_progress_is_lost_on_the_way_to_another_process() -> None:
    found = read_entry(KEY, VALUE)
    assert isinstance(found, Entry)
    lost = [one.name for one in fields(Progress) if getattr(found.progress, one.name) == getattr(FRESH, one.name)]
    assert lost == []


OLDEST_ENTRY = (
    b'{"v":1,"origin":[1,2],"tenant":"acme","id":"r-1","digest":"01010101010101010101010101010101","due":1700000000.5,'
    b'"deadline":1700086400.0,"reason":"retry","attempts":2,"answers":[[0,250,"2.1.5"]],"response":[250,null],'
    b'"sent":[[1700000000.0,2]],"last":"rcpt 450"}'
)
"""As it was written before attachments and promotions, byte for byte."""


def test_an_entry_of_the_oldest_version_is_read() -> None:
    progress = Progress(2, ((0, Reply(250, "", "2.1.5")),), Reply(250, ""), ((1_700_000_000.0, 2),), "rcpt 450")
    assert read_entry(b"7", OLDEST_ENTRY) == replace(ENTRY, progress=progress)


@pytest.mark.parametrize("changed", [{"v": 2}, {"v": 0}, {"reason": "of a version to come"}])
def test_an_entry_of_a_version_to_come_is_none(changed: dict[str, Any]) -> None:
    assert read_entry(KEY, orjson.dumps(WRITTEN | changed)) is None


def test_an_entry_of_a_record_that_was_dated_oddly_is_read_back() -> None:
    odd = replace(ENTRY, due=-5.0, deadline=9.2e15)
    assert read_entry(*write_entry(odd)) == odd


def test_an_entry_with_more_in_it_is_read() -> None:
    assert read_entry(KEY, orjson.dumps(WRITTEN | {"later": {}})) == ENTRY


@settings(max_examples=800, deadline=None)
@given(changed=st.dictionaries(st.sampled_from(sorted(WRITTEN)), junk, min_size=1, max_size=2))
@example(changed={"due": "soon"})
@example(changed={"attempts": "2"})
@example(changed={"origin": ["a", "b"]})
@example(changed={"answers": [["a", "b", "c"]]})
@example(changed={"sent": [["a", 1]]})
@example(changed={"last": 7})
@example(changed={"files": ["c4n4ry"]})
@example(changed={"files": "1f"})
@example(changed={"due": 1e300})
def test_an_entry_of_another_form_is_none_and_what_is_read_can_be_written_again(changed: dict[str, Any]) -> None:
    found = read_entry(KEY, orjson.dumps(WRITTEN | changed))
    if found is not None:
        assert isinstance(found, Entry)
        assert read_entry(*write_entry(found)) == found


@given(key=st.none() | st.binary(max_size=24), value=st.none() | st.binary(max_size=60))
@example(key="\u0667".encode(), value=None)
@example(key=b"9" * 30, value=None)
@example(key=b"7", value=b"1e999")
@example(key=b"7", value=b"[" * 5_000)
def test_any_record_of_the_parked_topic_is_an_entry_a_tombstone_or_none(key: bytes | None, value: bytes | None) -> None:
    found = read_entry(key, value)
    assert found is None or isinstance(found, int | Entry)


OUTCOME: dict[str, bytes | None] = {
    "ce_originpartition": b"0",
    "ce_originoffset": b"7",
    KIND_HEADER: b"accepted",
    DIGEST_HEADER: b"01" * 16,
    "ce_tenant": b"acme",
    "ce_causationid": b"r-1",
    SENT_AT_HEADER: b"1700000000.5:2",
}


def outcome(**changed: bytes | None) -> Past | None:
    headers: Any = tuple((OUTCOME | changed).items())
    raw: Any = ConsumerRecord("o", 0, 3, 1_700_000_000_000, 0, None, b"{}", 0, 2, 2, headers)
    return read_past(raw)


def test_an_outcome_of_the_oldest_version_is_read() -> None:
    """All that a takeover reads stands in these headers; none was added or renamed since."""
    mark = fingerprint("acme", "r-1")
    sent = ((1_700_000_000.5, 2),)
    assert outcome() == Past(1_700_000_000.0, "acme", mark, Coordinates(0, 7), b"\1" * 16, Use.USED, sent)


@pytest.mark.parametrize("name", OUTCOME)
def test_an_outcome_whose_header_is_null_is_somebody_elses(name: str) -> None:
    found = outcome(**{name: None})
    assert found is None or found.at == 1_700_000_000.0


@given(name=st.sampled_from(sorted(OUTCOME)), value=st.none() | st.binary(max_size=30))
@example(name=SENT_AT_HEADER, value=b"nan:1")
@example(name=SENT_AT_HEADER, value=b"inf:1")
@example(name=SENT_AT_HEADER, value=b":")
@example(name="ce_originoffset", value=b"1" * 5_000)
def test_any_header_of_an_outcome_is_read_or_tells_that_it_is_somebody_elses(name: str, value: bytes | None) -> None:
    found = outcome(**{name: value})
    assert found is None or all(-1e30 < at < 1e300 for at, _ in found.sent)
