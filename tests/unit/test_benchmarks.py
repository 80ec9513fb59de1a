"""What `make bench` makes of its figures; how they are come by is not tested here."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import goals, latency, parked, plots, report
from benchmarks.book import Book, Part, Row, find, merged, read, write
from benchmarks.goals import Bound, Goal
from benchmarks.parts import PARTS
from benchmarks.svg import Axis, Series, plot, ticks
from benchmarks.systems import OURS, PLAIN, TWO

numbers = st.floats(0.001, 10_000_000)


def row(name: str, course: str = "fast relay", given: dict[str, float] | None = None, **figures: float) -> Row:
    found = {figure: [number] for figure, number in figures.items()}
    return Row(course, name, found, given or {"connections": 20, "round_trip_ms": 0})


def part(*rows: Row, taken: str = "today") -> Part:
    return Part(taken, rows)


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


# the book


def test_a_part_measured_again_takes_its_own_place_and_no_other() -> None:
    before = {"fast": part(taken="monday"), "latency": part(taken="monday")}
    after = merged(before, "fast", part(taken="tuesday"), ("fast", "far", "latency"))
    assert {name: one.taken for name, one in after.items()} == {"fast": "tuesday", "latency": "monday"}


def test_parts_stand_in_the_order_of_the_plan_in_whichever_they_were_measured() -> None:
    book = merged({"latency": part()}, "fast", part(), ("fast", "far", "latency"))
    assert list(book) == ["fast", "latency"]


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    book = {"fast": Part("today", [row("this consumer", rate=910.0, peak_mb=120.5)], ["Skipped: smtp-source."])}
    write(tmp_path / "plots" / "figures.json", book)
    assert read(tmp_path / "plots" / "figures.json") == book


def test_nothing_was_measured_where_there_is_no_file(tmp_path: Path) -> None:
    assert read(tmp_path / "figures.json") == {}


def test_a_figure_is_kept_with_five_digits(tmp_path: Path) -> None:
    write(tmp_path / "figures.json", {"fast": part(row("this consumer", rate=1234.56789))})
    assert json.loads((tmp_path / "figures.json").read_text())["fast"]["rows"][0]["figures"] == {"rate": [1234.6]}


def test_a_row_is_found_by_its_name_and_what_its_course_was() -> None:
    near, far = (row("this consumer", given={"connections": 20, "round_trip_ms": way}, rate=1) for way in (0, 20))
    book = {"far": part(near, far)}
    assert find(book, "far", "this consumer", round_trip_ms=20) is far
    assert find(book, "far", "another") is None
    assert find(book, "fast", "this consumer") is None


# tables


def test_a_row_tells_its_middle_and_its_spread_and_is_compared_with_the_plain_consumer() -> None:
    plain = Row("fast relay", PLAIN.name, {"rate": [100, 90, 110], "peak_mb": [50, 51, 52]})
    ours = Row("fast relay", OURS.name, {"rate": [950, 800, 900], "peak_mb": [120, 121, 119]})
    head, _, *rows = cells(report.table([plain, ours]))
    assert head == ["", "mails/s", "of plain asyncio consumer", "peak MB"]
    assert rows == [
        [PLAIN.name, "100 (90 to 110)", "1.00", "51 (50 to 52)"],
        [OURS.name, "900 (800 to 950)", "9.00", "120 (119 to 121)"],
    ]


def test_growth_is_told_beside_its_middle_row() -> None:
    rows = [row(f"{count} tenants", rate=rate) for count, rate in ((10, 800.0), (1_000, 400.0))]
    assert cells(report.table(rows))[3] == ["1000 tenants", "400", "0.50"]


def test_a_figure_alone_is_compared_with_nothing() -> None:
    assert cells(report.table([row(OURS.name, rate=910)]))[0] == ["", "mails/s"]


def test_the_section_takes_the_place_of_the_last_one_and_all_around_it_stays(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("Before.\n<!-- from here: written by `make bench` -->\nold\n<!-- to here -->\nAfter.\n")
    report.write("new", page)
    report.write("newer", page)
    assert page.read_text() == (
        "Before.\n<!-- from here: written by `make bench` -->\n\nnewer\n<!-- to here -->\nAfter.\n"
    )


def test_a_page_without_the_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("Ours.\n<!-- from here: written by `make bench` -->\nold\n")
    with pytest.raises(ValueError, match="marks"):
        report.write("new", page)
    assert page.read_text().endswith("old\n")


def test_what_was_skipped_is_said_with_the_reason() -> None:
    told = report.text({"postfix": Part("today", [], ["Skipped: Postfix is not installed."])})
    assert "### postfix\n\ntoday\n\nSkipped: Postfix is not installed." in told


# goals


@pytest.mark.parametrize(
    ("bound", "figure", "met"),
    [
        (Bound.AT_MOST, 110, True),
        (Bound.AT_MOST, 110.5, False),
        (Bound.AT_LEAST, 110, True),
        (Bound.AT_LEAST, 109, False),
    ],
)
def test_a_goal_is_met_on_its_own_side(bound: Bound, figure: float, met: bool) -> None:  # noqa: FBT001
    assert Goal("", "", bound, 110, lambda _: figure).met(figure) is met


def reached(book: Book) -> dict[str, list[str]]:
    return {what: [found, verdict] for what, _, _, found, verdict in cells(goals.table(book))[2:]}


def test_each_goal_tells_what_was_reached_or_that_nobody_has_looked() -> None:
    fast = part(row(PLAIN.name, rate=100, cpu_us=3000), row(OURS.name, rate=950, cpu_us=500))
    told = reached({"fast": fast})
    assert told["CPU us a mail, fast relay"] == ["500", "no"]
    assert told["mails/s, fast relay, times the plain consumer"] == ["9.5", "yes"]
    assert told["seconds to take over 100,000 outcomes"] == ["not measured", ""]


def test_growth_over_tenants_is_judged_by_whoever_is_farthest_from_the_middle() -> None:
    rates = {1: 900.0, 10: 1000.0, 1_000: 1050.0, 10_000: 700.0}
    rows = [row(f"{count:,} tenants", given={"tenants": count}, rate=rate) for count, rate in rates.items()]
    assert reached({"growth": part(*rows)})["mails/s over 1 to 10,000 tenants, % off the middle"] == ["30", "no"]


def test_two_workers_are_judged_by_what_one_does_over_the_same_relay() -> None:
    near, far = {"round_trip_ms": 0.0}, {"round_trip_ms": 20.0}
    rows = [row(name, given=way, rate=rate) for name, way, rate in ((OURS.name, far, 500), (TWO.name, far, 500))]
    rows += [row(name, given=near, rate=rate) for name, rate in ((OURS.name, 1000), (TWO.name, 1800))]
    assert reached({"workers": part(*rows)})["mails/s, two workers, times one"] == ["1.8", "yes"]


# plots


@given(st.lists(numbers, min_size=1, max_size=20), st.booleans())
def test_an_axis_has_a_few_round_numbers_that_enclose_all_values(values: list[float], log: bool) -> None:  # noqa: FBT001
    found = ticks(values, Axis("", log=log))
    assert found == sorted(set(found))
    assert found[0] <= min(values)
    assert max(values) <= found[-1] * 1.000_001
    assert log or (found[0] == 0 and len(found) <= 8)
    assert not log or all(f"{one:.0e}"[0] in "125" for one in found)


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=10), st.booleans())
def test_a_plot_is_well_formed_and_has_each_point_inside(points: list[tuple[float, float]], log: bool) -> None:  # noqa: FBT001
    drawn = plot(
        "a < b", Axis("x & y"), Axis("up", log=log), [Series("one", points), Series("two", points, dashed=True)]
    )
    root = ET.fromstring(drawn)  # noqa: S314  our own
    width, height = map(int, root.attrib["viewBox"].split()[2:])
    circles = root.findall("{*}circle")
    assert len(circles) == len(points)
    assert all(0 < float(one.attrib["cx"]) < width and 0 < float(one.attrib["cy"]) < height for one in circles)


def loads() -> Part:
    return part(*(row(f"{rate}", given={"offered": rate}, p50_ms=rate / 5, p99_ms=rate) for rate in (5, 100, 900)))


def test_a_plot_is_drawn_and_shown_only_where_there_are_figures_for_it(tmp_path: Path) -> None:
    book = {"latency": loads()}
    plots.draw(book, tmp_path / "plots")
    assert [file.name for file in (tmp_path / "plots").iterdir()] == ["latency.svg"]
    assert plots.links("latency", book) == ["![From request to outcome by load](plots/latency.svg)"]
    assert plots.links("memory", book) == []


def test_throughput_by_round_trip_is_gathered_from_all_parts_that_know_some_of_it(tmp_path: Path) -> None:
    def at(way: float, connections: float = 20) -> Row:
        return row(OURS.name, given={"connections": connections, "round_trip_ms": way}, rate=900 - way)

    plots.draw({"fast": part(at(0)), "far": part(at(20), at(20, 100)), "trips": part(at(50))}, tmp_path)
    drawn = ET.fromstring((tmp_path / "round-trip.svg").read_text())  # noqa: S314  our own
    assert len(drawn.findall("{*}circle")) == 3


def test_every_plot_belongs_to_a_part() -> None:
    assert {one.part for one in plots.PICTURES} <= set(PARTS)


# what the figures are made of


def test_requests_come_as_often_as_asked_on_average_and_in_order() -> None:
    moments = list(latency.arrivals(50.0, 100.0))
    assert len(moments) == pytest.approx(5000, rel=0.05)
    assert moments == sorted(moments)
    assert 0 < moments[0] < moments[-1] < 100


@pytest.mark.parametrize(("part", "seconds"), [(0.5, 2.0), (0.75, 3.0), (0.99, 4.0)])
def test_a_share_of_the_requests_waited_no_longer(part: float, seconds: float) -> None:
    assert latency.share([3.0, 1.0, 4.0, 2.0], part) == seconds


def test_what_was_restored_is_read_from_the_log() -> None:
    lines = (
        '{"event":"partition opened","partition":0,"position":7,"parked":5}',
        "a warning of somebody else",
        '{"event":"ready"}',
        '{"event":"partition opened","partition":3,"position":9,"parked":6}',
        '{"event":"partition opened","parti',
    )
    assert parked.restored("\n".join(lines)) == {0: 5, 3: 6}
