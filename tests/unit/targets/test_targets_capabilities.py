"""The mark `needs` skips with a reason, and never by mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from capabilities import CAPABILITIES, TARGETS, current_target, lacking

TESTS = Path(__file__).parents[2]
CONFTEST = (TESTS / "conftest.py").read_text()


def run(folder: Path, module: str, *, cloud: str | None) -> subprocess.CompletedProcess[str]:
    """Run pytest on a module beside the real conftest."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(f"import pytest\n{module}")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -rs\n")
    environment = {k: v for k, v in os.environ.items() if k != "SERVERY_CLOUD"}
    environment |= {"PYTHONPATH": str(TESTS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if cloud:
        environment["SERVERY_CLOUD"] = cloud
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(folder)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


NEEDS_IAM = '@pytest.mark.needs("iam_enforcement")\ndef test_it(): pass\n'


def test_a_test_is_skipped_with_the_reason_when_its_target_lacks_something(tmp_path):
    done = run(tmp_path, NEEDS_IAM, cloud="localstack")

    assert done.returncode == 0
    assert "1 skipped" in done.stdout
    assert "needs iam_enforcement: LocalStack's open release lets" in done.stdout


@pytest.mark.parametrize("cloud", [None, "ministack", "aws"])
def test_a_test_runs_when_its_target_has_what_it_needs(tmp_path, cloud):
    assert "1 passed" in run(tmp_path, NEEDS_IAM, cloud=cloud).stdout


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ('needs("iam_enforcment")', "needs 'iam_enforcment'; known are iam_enforcement"),
        ("needs", "needs what?"),
        ('needs(capability="iam_enforcement")', "needs what?"),
    ],
    ids=["unknown", "none", "by keyword"],
)
def test_it_is_an_error_when_a_mark_names_no_known_capability(tmp_path, mark, message):
    done = run(tmp_path, f"@pytest.mark.{mark}\ndef test_it(): pass\n", cloud="ministack")

    assert done.returncode not in {0, 5}
    assert "skipped" not in done.stdout
    assert message in done.stdout + done.stderr


def test_it_is_an_error_when_the_target_is_unknown():
    with pytest.raises(pytest.UsageError, match="known are ministack, localstack, aws"):
        current_target({"SERVERY_CLOUD": "azure"})


def test_ministack_is_the_target_when_none_is_named():
    assert current_target({}) == "ministack"
    assert current_target({"SERVERY_CLOUD": ""}) == "ministack"


def test_every_reason_is_given_when_several_things_lack():
    reason = lacking(["map_item_batcher", "iam_enforcement"], "localstack")

    assert reason is not None
    assert "map_item_batcher" in reason
    assert "iam_enforcement" in reason
    assert lacking(["map_item_batcher"], "aws") is None


@pytest.mark.parametrize("name", CAPABILITIES)
def test_a_capability_tells_targets_apart_when_it_is_listed(name):
    capability = CAPABILITIES[name]

    assert capability.sentence.endswith(".")
    assert capability.lacking, "what every target can do needs no entry"
    assert set(capability.lacking) < set(TARGETS), "some target has to run the test"
