"""The page that shows the way through the code shows all of it, and nothing that is gone."""

import re
from pathlib import Path
from typing import get_args

from consumer.core.ending import Ending
from consumer.core.outcome import Outcome

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "ARCHITECTURE.md").read_text()


def test_the_map_has_every_module_once_and_no_other() -> None:
    listed = re.findall(r"`([\w/]+\.py)`", _section("The map"))
    modules = {str(path.relative_to(ROOT / "consumer")) for path in ROOT.glob("consumer/**/*.py") if path.read_text()}
    assert set(listed) == modules
    assert sorted(listed) == sorted(modules)


def test_the_picture_of_endings_has_every_ending_and_no_other() -> None:
    (picture,) = re.findall(r"```mermaid\n(.*?)```", PAGE, re.DOTALL)
    drawn = set(re.findall(r"\b([A-Z]\w+)(?= -->|:)|(?<=--> )([A-Z]\w+)|(?<=state )([A-Z]\w+)", picture))
    names = {name for found in drawn for name in found if name}
    types = {kind.__name__ for kind in (*get_args(Ending), *get_args(Outcome))}
    assert names - {"Taken"} == types


def test_the_page_stays_a_page() -> None:
    assert len(PAGE.splitlines()) <= 220


def _section(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
