"""The page about the targets is what the reports and the suite say."""

from __future__ import annotations

import pytest
from capabilities import CAPABILITIES, TARGETS
from targets.page import PAGE, TITLES, _runs, render
from targets.suite import merged, plain, written_tests

RUNS = {run["target"]: run for run in _runs()}


def test_the_page_is_current_when_it_is_rendered_again():
    assert PAGE.read_text() == render(), "run `make targets`"


@pytest.mark.parametrize("target", RUNS)
def test_every_test_of_the_suite_is_told_of_when_a_report_is_kept(target):
    """What has run is in the report; what has not is named on the page."""
    page = PAGE.read_text()
    reported = {plain(name) for name in RUNS[target]["tests"]}
    untold = {
        name
        for name in written_tests() - reported
        if f"| {TITLES[target]} | `{name}` |" not in page
    }

    assert not untold, "run `make targets`"
    assert reported <= written_tests(), "the report has tests that are gone"


def test_a_later_run_decides_when_reports_are_merged():
    earlier = _run({"a": "failed", "b": "passed", "gone": "passed"}, seconds=3, memory=5)
    later = _run({"a": "passed", "c": "not run"}, seconds=4, memory=2)

    found = merged([earlier, later], {"test_x.py::a", "test_x.py::b", "test_x.py::c"})

    assert {plain(n): t["outcome"] for n, t in found["tests"].items()} == {
        "test_x.py::a": "passed",
        "test_x.py::b": "passed",
    }
    assert (found["seconds"], found["figures"]["memory_mb"]) == (7, 5)


def test_reports_of_two_targets_are_refused_when_they_are_merged():
    with pytest.raises(ValueError, match="aws, ministack"):
        merged([_run({}), {**_run({}), "target": "aws"}], set())


def test_methods_count_when_the_suite_is_read(tmp_path):
    (tmp_path / "test_a.py").write_text(
        "def test_one(): ...\ndef helper(): ...\n"
        "class TestIt:\n    def test_two(self): ...\n    def _no(self): ...\n"
    )

    assert written_tests(tmp_path) == {"test_a.py::test_one", "test_a.py::TestIt::test_two"}


def _run(outcomes, seconds=0, memory=0):
    tests = {f"tests/e2e/test_x.py::{n}[1]": {"outcome": o} for n, o in outcomes.items()}
    figures = {"memory_mb": memory}
    return {"target": "ministack", "seconds": seconds, "figures": figures, "tests": tests}


@pytest.mark.parametrize("target", RUNS)
def test_all_that_could_run_passed_when_a_report_is_kept(target):
    tests = RUNS[target]["tests"]

    assert {test["outcome"] for test in tests.values()} <= {"passed", "skipped"}
    for name, test in tests.items():
        lacks = any(target in CAPABILITIES[need].lacking for need in test["needs"])
        assert (test["outcome"] == "skipped") == lacks, f"{name}: {test.get('reason')}"


def test_nothing_is_skipped_everywhere_when_reports_are_kept():
    local = [RUNS[target]["tests"] for target in TARGETS if target in RUNS and target != "aws"]
    skipped = [{n for n, test in tests.items() if test["outcome"] == "skipped"} for tests in local]

    assert len(skipped) < 2 or not set.intersection(*skipped)
