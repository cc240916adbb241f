"""The page about the targets is what the reports and the suite say."""

from __future__ import annotations

import re

import pytest
from capabilities import CAPABILITIES, TARGETS
from targets.page import PAGE, _runs, render

RUNS = {run["target"]: run for run in _runs()}
MARK = re.compile(r'mark\.needs\("(\w+)"\)')


def test_the_page_is_current_when_it_is_rendered_again():
    assert PAGE.read_text() == render(), "run `make targets`"


@pytest.mark.parametrize("target", RUNS)
def test_every_test_of_the_suite_is_in_the_report_when_one_is_kept(target):
    """A report that is older than the suite has to be made again."""
    suite = {
        f"{file.name}::{name}"
        for file in (PAGE.parents[2] / "tests" / "e2e").glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    reported = {name.split("[")[0].rsplit("/")[-1] for name in RUNS[target]["tests"]}

    assert reported == suite


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
