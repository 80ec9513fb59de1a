"""What an attempt means for its request."""

from dataclasses import fields

from consumer.adapters.schemas import requests
from consumer.core.attempt import Answered
from consumer.core.conclude import Chance, conclude
from consumer.core.decode import Decoder
from consumer.core.ending import Later
from consumer.core.letter import Posted, post
from consumer.core.parking import Progress
from consumer.core.reply import Reply
from consumer.core.request import Request
from consumer.core.resolve import NONE
from tests.builders import body, record, tenant

NOW = 1_800_000_000.0
OK, LATER = Reply(250, "ok", "2.0.0"), Reply(451, "later", "4.3.0")
EARLIER = Progress(
    attempts=2,
    answers=((0, OK),),
    response=OK,
    sent_at=((NOW - 60, 1),),
    last_reason="data 451",
    files=("ab" * 32,),
    promoted=True,
)


def test_an_attempt_forgets_nothing_of_those_before_it() -> None:
    request = Decoder(requests()).decode(record(body(to=["ann@example.com", "bob@example.com"])))
    assert isinstance(request, Request)
    posted = post(request, tenant(), NONE, answered=frozenset({0}), now=NOW)
    assert isinstance(posted, Posted)
    ending = conclude(request, tenant(), posted, EARLIER, Answered((LATER,), None, NOW), Chance(NOW, 0.5))
    assert isinstance(ending, Later)
    assert ending.progress.attempts == 3
    assert ending.progress.last_reason == "rcpt 451 4.3.0"
    untouched = {one.name for one in fields(Progress)} - {"attempts", "last_reason"}
    assert {name: getattr(ending.progress, name) for name in untouched} == {
        name: getattr(EARLIER, name) for name in untouched
    }
    assert all(getattr(EARLIER, name) != getattr(Progress(), name) for name in untouched)
