"""What the page makes of reports."""

from __future__ import annotations

from targets import page

RUN = {
    "target": "localstack",
    "date": "2026-11-22",
    "python": "3.13.0",
    "versions": {"boto3": "1"},
    "seconds": 12,
    "figures": {"version": "4.14.0", "memory_mb": 600},
    "tests": {
        "tests/e2e/test_a.py::test_one[x]": {"outcome": "passed", "needs": ["alias_weights"]},
        "tests/e2e/test_a.py::test_one[y]": {"outcome": "passed", "needs": ["alias_weights"]},
        "tests/e2e/test_a.py::test_two": {
            "outcome": "skipped",
            "needs": ["iam_enforcement"],
            "reason": "a | b",
        },
        "tests/e2e/test_a.py::test_three": {"outcome": "failed", "needs": []},
    },
}
RUNS = {"localstack": RUN}


def test_tests_are_counted_by_their_end_when_a_run_is_shown():
    shown = "\n".join(page._ran(RUNS))

    assert "| LocalStack 4.14.0 | 2026-11-22 | 3.13.0 | 2 | 1 | 1 | 12 |  | 600 |" in shown


def test_the_reason_is_shown_when_a_test_was_skipped():
    assert "| LocalStack | `test_a.py::test_two` | a \\| b |" in "\n".join(page._skipped(RUNS))


def test_a_test_is_named_once_when_its_variants_need_a_capability():
    lines = [
        line
        for line in "\n".join(page._capabilities(RUNS)).splitlines()
        if "`alias_weights`" in line
    ]

    assert lines[0].count("`test_one`") == 1
    assert "MiniStack keeps the weights" in lines[0]
