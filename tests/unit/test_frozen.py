"""Values that cost little to make behave as frozen dataclasses do, but for what the type checker looks after."""

from dataclasses import replace

from consumer.core.reply import Reply

OK = Reply(250, "ok", "2.0.0")


def test_equal_values_are_equal_and_one_key() -> None:
    assert {OK: 1}[Reply(250, "ok", "2.0.0")] == 1
    assert Reply(250, "ok") != OK


def test_a_changed_copy_leaves_the_value_as_it_was() -> None:
    assert replace(OK, code=251) == Reply(251, "ok", "2.0.0")
    assert OK.code == 250


def test_it_has_its_fields_and_no_others() -> None:
    assert not hasattr(OK, "__dict__")
