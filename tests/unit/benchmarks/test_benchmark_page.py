"""The page of figures is drawn from what the benchmarks found."""

import pytest
from benchmarks.page import PAGE, RUNS, command, drawn

RESULT = {
    "date": "2026-01-02T03:04:05+00:00",
    "machine": {"processor": "A Processor", "processors": 2, "load": [0.5, 0.4, 0.3]},
    "versions": {"Python": "3.13.0", "numpy": "2.4.0"},
    "reports": [
        {
            "title": "P8: sizes",
            "notes": ["Of every function."],
            "table": {
                "columns": ["function", "MB"],
                "rows": [["Gateway", "12.3"]],
                "verdicts": ["All of them fit."],
            },
        }
    ],
}
BEFORE = "# Figures\n\n<!-- figures: unzipped_sizes -->\nold\n<!-- end -->\nWhy it is so.\n"


def test_table_stands_in_its_place_when_the_page_is_drawn():
    page = drawn(BEFORE, {"unzipped_sizes": RESULT})
    assert "old" not in page
    assert page.startswith("# Figures\n\n<!-- figures: unzipped_sizes -->\n")
    assert page.endswith("<!-- end -->\nWhy it is so.\n")
    for line in (
        "**P8: sizes.** Of every function.",
        "| function | MB |",
        "| --- | ---: |",
        "| Gateway | 12.3 |",
        "- All of them fit.",
    ):
        assert line in page.splitlines()
    assert f"`{command('unzipped_sizes')}`; 2026-01-02, A Processor, 2 processors, load 0.5" in page


def test_page_stays_when_it_is_drawn_again():
    once = drawn(BEFORE, {"unzipped_sizes": RESULT})
    assert drawn(once, {"unzipped_sizes": RESULT}) == once
    assert drawn(once, {}) == once


def test_it_is_said_when_the_page_has_no_place():
    with pytest.raises(ValueError, match="no place for cold_start"):
        drawn(BEFORE, {"cold_start": RESULT})


def test_every_benchmark_of_the_page_has_its_place():
    assert all(f"<!-- figures: {name} -->\n" in PAGE.read_text() for name in RUNS)
