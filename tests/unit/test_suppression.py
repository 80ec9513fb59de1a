"""What teaches about a recipient, and what does not."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.attempt import Answered, Attempt, InDoubt, Lapsed, NotSent, Stage
from consumer.core.mail import Address
from consumer.core.reply import Reply
from consumer.core.suppression import Kind, Lesson, Policy, Suppression, bounced, learn, normal

DAY = 86_400.0
NOW = 1_700_000_000.0
POLICY = Policy(b"k" * 32)
ANN, BOB = Address("ann@example.com"), Address("bob@example.com")
OK = Reply(250, "OK", "2.1.5")
TAKEN = Reply(250, "queued")


def refusing(code: int, enhanced: str | None) -> Attempt:
    return Answered((Reply(code, "no", enhanced), OK), TAKEN, NOW)


@pytest.mark.parametrize("enhanced", ["5.1.1", "5.1.2", "5.1.3", "5.1.10"])
def test_a_verdict_on_the_recipient_teaches(enhanced: str) -> None:
    (one,) = bounced((ANN, BOB), refusing(550, enhanced))
    assert (one.address, one.code) == (ANN, enhanced)


@pytest.mark.parametrize(
    ("code", "enhanced"),
    [
        pytest.param(550, "5.7.1", id="policy"),
        pytest.param(550, "5.7.26", id="policy-authentication-of-the-mail"),
        pytest.param(535, "5.7.8", id="credentials"),
        pytest.param(530, "5.7.0", id="authentication-required"),
        pytest.param(450, "4.1.1", id="for-now"),
        pytest.param(452, "4.2.2", id="mailbox-full-for-now"),
        pytest.param(421, "4.3.2", id="busy"),
        pytest.param(550, "5.1.8", id="the-sender"),
        pytest.param(550, "5.1.0", id="some-address"),
        pytest.param(552, "5.2.2", id="mailbox-full"),
        pytest.param(550, "5.2.1", id="mailbox-disabled"),
        pytest.param(550, "5.4.1", id="relay-denied"),
        pytest.param(550, None, id="without-an-enhanced-code"),
        pytest.param(250, "2.1.5", id="accepted"),
    ],
)
def test_anything_else_never_teaches(code: int, enhanced: str | None) -> None:
    assert bounced((ANN, BOB), refusing(code, enhanced)) == ()


def test_a_verdict_on_the_body_teaches_about_a_single_recipient_only() -> None:
    verdict = Reply(550, "no such user", "5.1.1")
    assert [one.address for one in bounced((ANN,), Answered((OK,), verdict, NOW))] == [ANN]
    assert bounced((ANN, BOB), Answered((OK, OK), verdict, NOW)) == ()


def test_what_was_said_before_the_link_was_lost_counts() -> None:
    lost = InDoubt("cut", (Reply(550, "no", "5.1.1"), OK))
    assert [one.address for one in bounced((ANN, BOB), lost)] == [ANN]


@pytest.mark.parametrize(
    "attempt", [NotSent(Stage.MAIL, "refused", Reply(550, "no", "5.1.1")), NotSent(Stage.AUTH, "refused"), Lapsed()]
)
def test_what_is_about_the_mail_or_us_never_teaches(attempt: Attempt) -> None:
    assert bounced((ANN,), attempt) == ()


def lesson(kind: Kind, at: float = NOW, id_: bytes = b"", until: float = inf) -> Lesson:
    return Lesson(kind, "5.1.1" if kind is Kind.BOUNCE else kind.value, at, id_, until)


def test_one_bounce_suppresses_for_its_time() -> None:
    known = learn(None, lesson(Kind.BOUNCE), POLICY)
    assert known is not None
    assert known.holds(NOW + 90 * DAY - 1)
    assert not known.holds(NOW + 90 * DAY)
    assert (known.kind, known.reason, known.bounces) == (Kind.BOUNCE, "5.1.1", 1)


def test_a_complaint_suppresses_for_good() -> None:
    known = learn(None, lesson(Kind.COMPLAINT), POLICY)
    assert known is not None
    assert known.until == inf


def test_a_block_holds_until_its_time() -> None:
    known = learn(None, lesson(Kind.BLOCK, until=NOW + 60), POLICY)
    assert known is not None
    assert known.until == NOW + 60


def test_below_the_threshold_a_bounce_is_only_counted() -> None:
    policy = Policy(b"k", bounces=2, within=30 * DAY)
    first = learn(None, lesson(Kind.BOUNCE, NOW, b"1"), policy)
    assert first is not None
    assert not first.holds(NOW)
    late = learn(first, lesson(Kind.BOUNCE, NOW + 31 * DAY, b"2"), policy)
    assert late is not None
    assert not late.holds(NOW + 31 * DAY)
    soon = learn(first, lesson(Kind.BOUNCE, NOW + 29 * DAY, b"2"), policy)
    assert soon is not None
    assert soon.holds(NOW + 29 * DAY)


def test_the_stronger_reason_is_told_while_it_holds() -> None:
    complaint = learn(None, lesson(Kind.COMPLAINT), POLICY)
    both = learn(complaint, lesson(Kind.BOUNCE), POLICY)
    assert both is not None
    assert (both.kind, both.reason, both.until) == (Kind.COMPLAINT, "complaint", inf)
    short = learn(None, lesson(Kind.BLOCK, until=NOW + 60), POLICY)
    later = learn(short, lesson(Kind.BOUNCE, NOW + 120), POLICY)
    assert later is not None
    assert later.kind is Kind.BOUNCE


lessons = st.builds(
    lesson,
    st.sampled_from(Kind),
    st.integers(0, 400).map(lambda days: NOW + days * DAY),
    st.sampled_from([b"1", b"2", b"3"]),
    st.sampled_from([inf, NOW + DAY]),
)


def after(all_of_them: list[Lesson], policy: Policy) -> Suppression | None:
    known = None
    for one in all_of_them:
        known = learn(known, one, policy)
    return known


@given(st.lists(lessons, max_size=12), lessons, st.integers(1, 3))
def test_only_an_unblock_shortens_anything(before: list[Lesson], last: Lesson, threshold: int) -> None:
    policy = Policy(b"k", bounces=threshold, complaints=threshold)
    known = after(before, policy)
    then = learn(known, last, policy)
    if last.kind is Kind.UNBLOCK:
        assert then is None
    elif known is not None:
        assert then is not None
        assert then.until >= known.until


@given(st.lists(lessons, max_size=12), lessons.filter(lambda one: one.kind is not Kind.UNBLOCK), st.integers(1, 3))
def test_the_same_event_twice_counts_once(before: list[Lesson], last: Lesson, threshold: int) -> None:
    policy = Policy(b"k", bounces=threshold, complaints=threshold)
    once = learn(after(before, policy), last, policy)
    assert learn(once, last, policy) == once


@pytest.mark.parametrize("spelling", ["ann@example.com", "Ann@Example.COM", "ANN@EXAMPLE.com"])
def test_all_spellings_of_a_mailbox_have_one_mark(spelling: str) -> None:
    assert POLICY.mark("acme", spelling) == POLICY.mark("acme", "ann@example.com")


def test_names_in_other_scripts_have_one_mark_in_both_forms() -> None:
    assert normal("Jörg@Bücher.example") == "jörg@xn--bcher-kva.example"
    assert normal("jo\u0308rg@xn--bcher-kva.example") == "jörg@xn--bcher-kva.example"


def test_marks_differ_by_tenant_and_by_key_and_hold_no_address() -> None:
    marks = {
        POLICY.mark("acme", "ann@example.com"),
        POLICY.mark("other", "ann@example.com"),
        Policy(b"x" * 32).mark("acme", "ann@example.com"),
        POLICY.mark("acme", "ann+news@example.com"),
    }
    assert len(marks) == 4
    assert all(len(mark) == 16 and b"ann" not in mark for mark in marks)
    assert "kkk" not in repr(POLICY)
    assert Policy(b"x" * 32).key_id != POLICY.key_id
