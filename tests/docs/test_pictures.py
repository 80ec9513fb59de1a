"""README's pictures: they are there, and the one of the dashboard shows what the dashboard has."""

import re
from pathlib import Path

import pytest

from devtools.dashboard import dashboard
from devtools.dashboard.answers import Answer, Span, filled
from devtools.pictures import board
from devtools.pictures.lines import Area, drawn
from devtools.pictures.units import written

ROOT = Path(__file__).parents[2]
PANELS = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
SPAN = Span(0.0, 60.0, 5.0, 20)
AREA = Area(300, 100, 0.0, 60.0, 5.0, str)
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def test_readme_shows_the_page_and_the_dashboard() -> None:
    shown = re.findall(r"!\[[^\]]+\]\((.+?)\)", (ROOT / "README.md").read_text())
    assert shown == ["docs/pictures/page.png", "docs/pictures/dashboard.png"]
    assert all((ROOT / name).read_bytes().startswith(SIGNATURE) for name in shown)


def test_each_panel_has_its_place_on_the_board_with_and_without_data() -> None:
    series = {"metric": {}, "value": [60, "1"], "values": [[at, "1"] for at in range(0, 60, 5)]}
    for shown in ((), (("one", series),)):
        text = board.page([Answer(panel, shown) for panel in PANELS], SPAN)
        assert text.count('class="panel') == len(PANELS)
        assert all(panel["title"] in text for panel in PANELS)


def test_what_comes_from_a_label_is_text() -> None:
    series = {"metric": {}, "values": [[at, "1"] for at in range(0, 60, 5)]}
    (lines, *_) = [panel for panel in PANELS if panel["type"] == "timeseries"]
    assert "<script>" not in board.page([Answer(lines, (("<script>", series),))], SPAN)


def test_no_line_is_drawn_where_nothing_is_known() -> None:
    whole, torn = [(at, 1.0) for at in (0.0, 5.0, 10.0)], [(0.0, 1.0), (5.0, 1.0), (20.0, 1.0)]
    assert drawn(AREA, [whole], stacked=False).count("<polyline") == 1
    assert drawn(AREA, [torn], stacked=False).count("<polyline") == 2


def test_a_bound_is_drawn_where_it_is_in_sight() -> None:
    series = [[(0.0, 8.0), (5.0, 9.0)]]
    assert "stroke-dasharray" in drawn(AREA, series, stacked=True, bounds=[(9.0, "red")])
    assert "stroke-dasharray" not in drawn(AREA, series, stacked=True, bounds=[(30.0, "red")])


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.025, "s", "25 ms"),
        (12.5, "s", "12.5 s"),
        (0.005, "percentunit", "0.5 %"),
        (105_000_000.0, "bytes", "100 MiB"),
        (12_345.0, "short", "12.3 K"),
        (22.9, "reqps", "22.9 req/s"),
    ],
)
def test_a_number_is_written_with_its_unit(value: float, unit: str, text: str) -> None:
    assert written(value, unit) == text


def test_the_variables_of_the_dashboard_are_put_in() -> None:
    assert filled('rate(a{job=~"$job"}[$__rate_interval])', 20) == 'rate(a{job=~".*"}[20s])'
    asked = [filled(target["expr"], 20) for panel in PANELS for target in panel["targets"]]
    assert [expression for expression in asked if "$" in expression] == []
