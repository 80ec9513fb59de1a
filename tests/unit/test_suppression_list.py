"""The list of one partition: learnt, written, restored, forgotten."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from consumer.core.bounce_rate import Level
from consumer.core.mail import Address
from consumer.core.suppression import MOST_MARKS, OWN, Bounced, Kind, Lesson, Policy, Remembered, Suppression
from consumer.core.suppression_list import Listed, SuppressionList, event_id, pack, unpack
from tests.builders import record

DAY = 86_400.0
NOW = 1_700_000_000.0
POLICY = Policy(b"k" * 32, least=10)
ANN = "ann@example.com"

seconds = st.integers(0, 2**32 - 2)
events = st.builds(Remembered, seconds, st.sampled_from(Kind), st.just(OWN) | st.binary(min_size=8, max_size=8))
entries = st.builds(
    Suppression,
    st.sampled_from(Kind),
    st.sampled_from(["5.1.1", "complaint", ""]),
    seconds,
    seconds,
    st.just(inf) | seconds.map(float),
    st.integers(0, 65_535),
    st.integers(0, 65_535),
    st.lists(events.filter(lambda one: one.id != bytes(8)), max_size=MOST_MARKS).map(tuple),
)


@given(entries)
def test_packed_it_is_the_same(entry: Suppression) -> None:
    assert unpack(pack(entry)) == entry


def learnt(policy: Policy = POLICY) -> SuppressionList:
    listed = SuppressionList(policy)
    listed.verdicts("acme", (Bounced(Address(ANN), "5.1.1"),), NOW)
    return listed


def told(kind: Kind, id_: str = "f-1", at: float = NOW) -> Lesson:
    return Lesson(kind, kind.value, at, event_id(id_))


def test_a_verdict_suppresses_for_that_tenant_alone() -> None:
    listed = learnt()
    assert listed.holds("acme", "Ann@Example.com", NOW)
    assert not listed.holds("other", ANN, NOW)
    assert not listed.holds("acme", "bob@example.com", NOW)


def test_what_was_cut_is_not_cut_again_and_what_was_refused_is() -> None:
    listed = learnt()
    listed.pass_by(7)
    listed.forward(1, record())
    gathered = listed.cut()
    assert (len(gathered.entries), gathered.position, len(gathered.forwards), gathered.size) == (1, 8, 1, 3)
    assert listed.cut().size == listed.pending == 0
    listed.refuse(gathered)
    assert listed.cut() == gathered


def test_what_is_newer_than_a_refused_tick_stays() -> None:
    listed = learnt()
    gathered = listed.cut()
    mark = POLICY.mark("acme", ANN)
    assert listed.hear("acme", mark, told(Kind.UNBLOCK), NOW)
    listed.refuse(gathered)
    assert [(one.mark, one.entry) for one in listed.cut().entries] == [(mark, None)]


def test_an_event_heard_twice_is_written_once() -> None:
    listed, mark = SuppressionList(POLICY), POLICY.mark("acme", ANN)
    assert listed.hear("acme", mark, told(Kind.COMPLAINT), NOW)
    listed.cut()
    assert not listed.hear("acme", mark, told(Kind.COMPLAINT), NOW)
    assert listed.cut().entries == ()
    assert listed.hear("acme", mark, told(Kind.COMPLAINT, "f-2"), NOW)


def test_an_unblock_of_somebody_unknown_is_written_all_the_same() -> None:
    listed = SuppressionList(POLICY)
    assert listed.hear("acme", b"m" * 16, told(Kind.UNBLOCK), NOW)
    assert [one.entry for one in listed.cut().entries] == [None]


def test_restored_it_is_the_same() -> None:
    first, again = learnt(), SuppressionList(POLICY)
    for listed in first.cut().entries:
        again.restore(listed, NOW)
    assert again.holds("acme", ANN, NOW)
    assert again.pending == 0
    assert again.get(POLICY.mark("acme", ANN)) == first.get(POLICY.mark("acme", ANN))


def test_what_counts_no_more_is_forgotten_by_a_tombstone() -> None:
    listed = learnt()
    listed.cut()
    listed.tidy(NOW + 89 * DAY)
    assert len(listed) == 1
    listed.tidy(NOW + 91 * DAY)
    assert len(listed) == 0
    assert listed.cut().entries == (Listed(POLICY.mark("acme", ANN)),)


def test_what_was_learnt_anew_is_not_forgotten_with_what_was_before() -> None:
    listed, mark = learnt(), POLICY.mark("acme", ANN)
    listed.hear("acme", mark, told(Kind.BOUNCE, at=NOW + 60 * DAY), NOW + 60 * DAY)
    listed.tidy(NOW + 91 * DAY)
    assert listed.holds("acme", ANN, NOW + 91 * DAY)
    listed.tidy(NOW + 151 * DAY)
    assert len(listed) == 0


def test_what_is_for_good_is_never_forgotten() -> None:
    listed, mark = SuppressionList(POLICY), POLICY.mark("acme", ANN)
    listed.hear("acme", mark, told(Kind.COMPLAINT), NOW)
    listed.tidy(NOW + 3650 * DAY)
    assert listed.holds("acme", ANN, NOW + 3650 * DAY)


def test_many_that_expire_together_are_forgotten_a_thousand_at_a_time() -> None:
    listed = SuppressionList(POLICY)
    for number in range(2_500):
        listed.hear("acme", POLICY.mark("acme", f"u{number}@example.com"), told(Kind.BOUNCE), NOW)
    listed.cut()
    sizes: list[int] = []
    for _ in range(4):
        listed.tidy(NOW + 91 * DAY)
        sizes.append(listed.cut().size)
    assert sizes == [1_000, 1_000, 500, 0]


def test_bounces_of_all_kinds_make_the_rate_and_an_unblock_takes_them_back() -> None:
    listed = learnt()
    listed.rates.sent("acme", 18, NOW)
    assert listed.rates.level("acme", NOW) is Level.WARNING
    listed.hear("acme", POLICY.mark("acme", "bob@example.com"), told(Kind.BOUNCE), NOW)
    assert listed.rates.level("acme", NOW) is Level.CRITICAL
    listed.hear("acme", POLICY.mark("acme", "bob@example.com"), told(Kind.UNBLOCK, "f-2"), NOW)
    assert listed.rates.level("acme", NOW) is Level.WARNING


def test_rates_are_restored_from_the_entries() -> None:
    first, again = learnt(), SuppressionList(POLICY)
    for number in range(9):
        first.verdicts("acme", (Bounced(Address(f"u{number}@example.com"), "5.1.1"),), NOW)
    for listed in first.cut().entries:
        again.restore(listed, NOW)
    assert again.rates.level("acme", NOW) is first.rates.level("acme", NOW) is Level.CRITICAL
