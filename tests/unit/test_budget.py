"""Who may have how much of the memory for attachments."""

from hypothesis import given
from hypothesis import strategies as st

from consumer.core.budget import Budget

TENANTS = ("acme", "other", "third")
asks = st.lists(st.tuples(st.sampled_from(TENANTS), st.integers(1, 1000)), max_size=60)


@given(asks, st.integers(64, 1000))
def test_never_more_than_all_is_given_and_never_more_than_half_of_what_others_leave(
    wanted: list[tuple[str, int]], total: int
) -> None:
    budget = Budget(total)
    for tenant, octets in wanted:
        if budget.next([(tenant, octets)]) == 0:
            budget.take(tenant, octets)
            assert 2 * budget.held(tenant) <= total - (budget.used - budget.held(tenant))
    assert budget.used == sum(map(budget.held, TENANTS)) <= total


def test_however_much_one_tenant_asks_for_another_finds_as_much_as_half_of_the_rest() -> None:
    budget = Budget(1000)
    while budget.next([("acme", 10)]) == 0:
        budget.take("acme", 10)
    assert budget.held("acme") == 500
    assert budget.next([("other", 250)]) == 0
    assert budget.next([("other", 251)]) is None


def test_what_is_given_back_can_be_had_again() -> None:
    budget = Budget(1000)
    budget.take("acme", 500)
    assert budget.next([("acme", 500)]) is None
    budget.take("acme", -500)
    assert budget.used == 0
    assert budget.next([("acme", 500)]) == 0


def test_those_who_wait_are_served_in_their_order() -> None:
    assert Budget(1000).next([("acme", 300), ("other", 300)]) == 0


def test_a_large_file_does_not_overtake_an_earlier_one_of_its_tenant() -> None:
    budget = Budget(1000)
    budget.take("acme", 300)
    assert budget.next([("acme", 250), ("acme", 100)]) is None
    assert budget.next([("acme", 250), ("other", 100)]) == 1


def test_little_overtakes_whatever_is_large() -> None:
    budget = Budget(1000)
    budget.take("acme", 300)
    assert budget.next([("acme", 250), ("acme", 15)]) == 1


def test_who_has_something_gets_nothing_large_while_one_waits_who_has_nothing() -> None:
    budget = Budget(1000)
    budget.take("acme", 400)
    assert budget.next([("other", 301), ("acme", 50)]) is None
    assert budget.next([("acme", 50)]) == 0
    assert budget.next([("other", 301), ("third", 50)]) == 1
