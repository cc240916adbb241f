from io import StringIO
from xml.etree import ElementTree as ET

import pytest
from devkit.demo_lifecycle_picture import svg
from devkit.demo_lifecycle_text import lines, told
from devkit.demo_lifecycle_timeline import Act, Second
from fakes.story import BAD, NEW, OLD, a_timeline
from rich.console import Console

SVG = "{http://www.w3.org/2000/svg}"


def drawn(**changed):
    return ET.fromstring(svg(a_timeline(**changed)))  # noqa: S314 - our own


def texts(picture):
    return [element.text for element in picture.iter(f"{SVG}text")]


def rows(**changed):
    found = [line.plain for line in lines(a_timeline(**changed), cells=40)]
    return {line[:18].strip(): line[18:] for line in found if line[:18].strip()}


def test_picture_names_everybody_and_every_part_when_it_is_drawn():
    picture = drawn()

    said = texts(picture)
    assert {"tree", "forest", "stump", OLD, NEW, BAD, "25%", "champion"} <= set(said)
    tips = [element.text for element in picture.iter(f"{SVG}title")]
    assert "canary 25%, 0:08 to 0:12" in tips
    assert "0:22 refused: f1 0.49 < 0.98" in tips


def test_picture_needs_nothing_else_when_it_is_opened():
    text = svg(a_timeline())

    assert "<script" not in text
    assert text.count("http") == text.count("http://www.w3.org/2000/svg") == 1


def test_bars_lie_where_their_time_is_when_they_are_drawn():
    picture = drawn()

    bars = {
        title.text: next(iter(group.iter(f"{SVG}rect"))).attrib
        for group in picture.iter(f"{SVG}g")
        if (title := group.find(f"{SVG}title")) is not None and group.find(f"{SVG}rect") is not None
    }
    canary, champion = bars["canary 25%, 0:08 to 0:12"], bars["champion, 0:12 to 0:40"]
    assert float(canary["height"]) == pytest.approx(float(champion["height"]) / 4, abs=0.1)
    assert float(canary["x"]) + float(canary["width"]) == pytest.approx(
        float(champion["x"]), abs=0.2
    )
    assert float(champion["width"]) == pytest.approx(7 * float(canary["width"]), rel=0.01)


def test_failures_stand_out_when_there_are_any():
    fine, failed = (
        [e for e in drawn(**more).iter(f"{SVG}rect") if e.get("class") == "badly"]
        for more in ({}, {"seconds": [Second({OLD: 4}, 0, 4), Second({OLD: 3}, 1, 3)]})
    )

    assert len(failed) == len(fine) + 1  # the legend has one


def test_act_is_a_number_when_there_is_no_room_for_its_title():
    acts = [Act("A model in service", 0, 39), Act("The very last act of them all", 39, 40)]

    said = texts(drawn(acts=acts))

    assert "1 A model in service" in said
    assert "2" in said


def test_picture_is_drawn_when_nothing_has_happened():
    empty = {"acts": [], "names": {}, "stretches": [], "marks": [], "seconds": [], "length": 0.0}

    assert texts(drawn(**empty))
    assert list(lines(a_timeline(**empty)))


def test_line_of_each_version_when_it_is_drawn_in_a_terminal():
    found = rows()

    assert found["tree"] == "    ████████··················†         "
    assert found["forest"] == "      ░░▂▂▂▂████████████████!███████████"
    assert found["stump"].strip() == "✗"
    assert found["stump"].index("✗") == 22


def test_failures_are_counted_when_they_are_drawn_in_a_terminal():
    seconds = [Second({OLD: 4}, 0, 4), Second({OLD: 2}, 2, 2)] + [Second({OLD: 4}, 0, 4)] * 38

    assert rows(seconds=seconds)["failed: 2"] == f"·2{'·' * 38}"
    assert rows()["failed: 0"] == "·" * 40


def test_fewer_right_answers_are_lower_when_they_are_drawn_in_a_terminal():
    seconds = [Second({OLD: 4}, 0, 4)] * 20 + [Second({OLD: 4}, 0, 2)] * 20

    found = rows(seconds=seconds)["right answers"]

    assert (found[19], found[39]) == ("█", "▄")


def test_all_fits_a_terminal_when_the_story_is_long():
    timeline = a_timeline(seconds=[Second({OLD: 4}, 0, 4)] * 400, length=400.0)

    assert max(line.cell_len for line in lines(timeline)) <= 80


def test_what_happened_is_in_order_when_it_is_told():
    console = Console(width=60, file=StringIO())
    console.print(told(a_timeline()))

    assert [line.rstrip() for line in console.file.getvalue().splitlines()] == [
        "0:00  A better one",
        "0:20  A worse one",
        "0:22  ✗ refused: f1 0.49 < 0.98",
        "0:25  ~ traffic shifts: three columns",
        "0:28  ! alarm: drift",
        "0:30  † retired: unused",
    ]
