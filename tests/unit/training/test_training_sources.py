"""Digests of the library's own source."""

from __future__ import annotations

import re
import shutil

import pytest
from servery.adapters.source_digest import LOGIC, ROOT, library_digest, logic_digest


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "servery"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_digests_are_the_same_when_the_same_source_lies_elsewhere(copy):
    assert library_digest(copy) == library_digest()
    assert logic_digest(copy) == logic_digest()


@pytest.mark.parametrize("name", LOGIC)
def test_both_digests_change_when_a_file_of_the_logic_does(copy, name):
    (copy / name).write_text((copy / name).read_text() + "# more\n")

    assert library_digest(copy) != library_digest()
    assert logic_digest(copy) != logic_digest()


def test_logic_stays_when_another_file_changes(copy):
    path = copy / "usecases/training/register.py"
    path.write_text(path.read_text() + "# more\n")

    assert library_digest(copy) != library_digest()
    assert logic_digest(copy) == logic_digest()


def test_every_adapter_of_training_is_counted_when_it_makes_or_runs_models():
    """What trains, exports and runs is in the list; a new adapter of theirs may not be left out."""
    wiring = (ROOT / "wiring/training.py").read_text()
    makers = {f"adapters/{name}.py" for name in re.findall(r"adapters\.(\w+) import", wiring)}
    not_logic = {
        "adapters/csv_table.py",
        "adapters/npz_datasets.py",
        "adapters/parquet_table.py",
        "adapters/source_digest.py",
        "adapters/stepfunctions_training_queue.py",
        "adapters/stopwatch.py",
    }
    imported = set()
    for name in LOGIC:
        found = re.findall(r"from servery\.adapters\.(\w+) import", (ROOT / name).read_text())
        imported |= {f"adapters/{other}.py" for other in found}

    assert not_logic < makers
    assert makers - not_logic <= set(LOGIC)
    assert imported <= set(LOGIC)
