"""What `--targets-report` writes about a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from targets.report import memory_mb

TESTS = Path(__file__).parents[2]
SUITE = """
import pytest

def test_good(figures):
    figures["memory_mb"] = 7

@pytest.mark.needs("iam_enforcement")
def test_needy(): pass

@pytest.mark.needs("alias_weights")
def test_other_need(): pass

def test_bad(): assert False

@pytest.fixture
def broken(): raise RuntimeError

def test_broken(broken): pass

@pytest.fixture
def leaves():
    yield
    raise RuntimeError

def test_leaves(leaves): pass

def test_gives_up(): pytest.skip("no luck")
"""


@pytest.fixture(scope="module", params=[[], ["-p", "xdist.plugin", "-n", "2"]], ids=["one", "two"])
def report(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    (folder / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    (folder / "test_it.py").write_text(SUITE)
    (folder / "other").mkdir()
    (folder / "other" / "conftest.py").touch()  # not every plugin is asked everywhere then
    (folder / "other" / "test_else.py").write_text("def test_else(): pass")
    file = folder / "new" / "report.json"
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "SERVERY_CLOUD": "localstack"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    subprocess.run(
        [*command, *request.param, f"--targets-report={file}"],
        env=environment,
        cwd=folder,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return json.loads(file.read_text())


def test_every_test_is_there_with_its_end_when_a_run_is_over(report):
    ended = {name.split("::")[1]: test["outcome"] for name, test in report["tests"].items()}

    assert ended == {
        "test_good": "passed",
        "test_needy": "skipped",
        "test_other_need": "passed",
        "test_bad": "failed",
        "test_broken": "failed",
        "test_leaves": "failed",
        "test_gives_up": "skipped",
        "test_else": "passed",
    }


def test_needs_and_reasons_are_there_when_tests_have_them(report):
    needy = report["tests"]["test_it.py::test_needy"]

    assert needy["needs"] == ["iam_enforcement"]
    assert needy["reason"].startswith("needs iam_enforcement: LocalStack")
    assert report["tests"]["test_it.py::test_gives_up"]["reason"] == "no luck"
    assert "reason" not in report["tests"]["test_it.py::test_other_need"]


def test_the_target_and_what_was_measured_are_there_when_a_run_is_over(report):
    assert report["target"] == "localstack"
    assert report["figures"] == {"memory_mb": 7}
    assert set(report["versions"]) == {"aws-sam-cli", "aws-sam-translator", "boto3"}


def test_memory_is_that_of_the_process_when_it_is_asked():
    assert 5 < (memory_mb(os.getpid()) or 0) < 10_000
    assert memory_mb(2**30) is None
