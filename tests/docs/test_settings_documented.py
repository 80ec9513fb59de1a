"""Settings: the page says what the code has."""

from pathlib import Path

from consumer.settings import reference

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_of_settings_is_the_one_that_the_code_makes() -> None:
    assert PAGE.read_text() == reference(), "run: make docs"
