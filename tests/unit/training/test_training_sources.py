"""Digests of the library's own source."""

from __future__ import annotations

import ast
import re
import shutil

import msgspec
import pytest
from fakes.training import flower_spec
from servery.adapters import step_code
from servery.adapters.source_digest import (
    LOGIC,
    ROOT,
    library_digest,
    logic_digest,
    package_digest,
)
from servery.domain.pipeline_spec import StepName
from servery.domain.spec_rules import read_spec

# What a step begins with, beside its own use case: the adapters that it is given.
ADAPTERS = {
    "collect": ("csv_table", "parquet_table", "npz_datasets"),
    "preprocess": ("npz_datasets",),
    "train": ("npz_datasets", "sklearn_trainer"),
    "export": (
        "npz_datasets",
        "onnx_cutter",
        "onnx_exporter",
        "onnx_runtime",
        "sklearn_runtime",
        "stopwatch",
    ),
    "evaluate": ("npz_datasets", "onnx_runtime", "sklearn_runtime"),
    "register": (),
}
# What reads, refuses and compares specs, and what names things: it decides nothing of an output
# that the parts of the spec do not say.
INERT = re.compile(
    r"errors|(domain|usecases/training)/__init__"
    r"|domain/(accountability|asked|changes|chosen_spec|estimators|identity|imports|metrics"
    r"|keeping_rules|names|own_classes|personal|pipeline_spec|records|release_rules"
    r"|release_stages|rollout|search_\w+"
    r"|serving|signature_diff|spec|spec_rules|steps|watch_rules|watching"
    r"|version_diff|versioning)"
    r"|adapters/source_digest|usecases/training/keys"
)


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


def test_own_package_is_another_when_a_table_of_it_is_and_the_same_when_it_was_compiled(
    monkeypatch, tmp_path
):
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "tabled"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "cities.csv").write_text("Paris,1\n")
    first = package_digest("tabled")

    (package / "__pycache__" / "it.cpython-313.pyc").write_bytes(b"compiled")
    compiled = package_digest("tabled")
    (package / "cities.csv").write_text("Paris,2\n")

    assert compiled == first
    assert package_digest("tabled") != first


def test_every_adapter_of_training_is_counted_when_it_makes_or_runs_models():
    """What trains, exports and runs is in the list; a new adapter of theirs may not be left out."""
    wiring = (ROOT / "wiring/training.py").read_text()
    makers = {f"adapters/{name}.py" for name in re.findall(r"adapters\.(\w+) import", wiring)}
    not_logic = {
        "adapters/csv_table.py",
        "adapters/lake_objects.py",
        "adapters/npz_datasets.py",
        "adapters/parquet_table.py",
        "adapters/source_digest.py",
        "adapters/step_code.py",
        "adapters/stepfunctions_running_trainings.py",
        "adapters/stepfunctions_training_queue.py",
        "adapters/stopwatch.py",
    }
    imported = set()
    for name in LOGIC:
        found = re.findall(r"from servery\.adapters\.(\w+) import", (ROOT / name).read_text())
        imported |= {f"adapters/{other}.py" for other in found}

    assert not_logic < makers
    assert makers - not_logic <= set(LOGIC)
    assert imported - not_logic <= set(LOGIC)


def _imports(path):
    """The files of the library that a file imports when it runs."""
    found = set()

    def walk(node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.ImportFrom) and (child.module or "").startswith("servery"):
                for name in (child.module, *(f"{child.module}.{a.name}" for a in child.names)):
                    file = ROOT.parent / f"{name.replace('.', '/')}.py"
                    if file.exists():
                        found.add(file)
            walk(child)

    walk(ast.parse(path.read_text()))
    return found


def _reached(starts):
    seen, pending = set(), list(starts)
    while pending:
        path = pending.pop()
        if path not in seen:
            seen.add(path)
            pending += _imports(path)
    return {path.relative_to(ROOT).as_posix() for path in seen}


@pytest.mark.parametrize("step", list(StepName))
def test_every_file_that_decides_an_output_counts_when_a_step_imports_it(step):
    starts = [ROOT / "usecases" / "training" / f"{step}.py"]
    starts += [ROOT / "adapters" / f"{name}.py" for name in ADAPTERS[step]]

    reached = {name for name in _reached(starts) if not INERT.fullmatch(name.removesuffix(".py"))}

    assert reached <= set(step_code.CODE[step])
    assert all((ROOT / name).exists() for name in step_code.CODE[step])


def test_only_what_a_step_works_with_counts_when_a_library_changes(monkeypatch):
    spec = read_spec(flower_spec())
    versions = {"scikit-learn": "1.9.1"}
    monkeypatch.setattr(step_code, "_version", lambda name: versions.get(name, "1"))
    before = {step: step_code.step_means(step, spec, logic="l") for step in StepName}
    versions["scikit-learn"] = "2.0"

    after = {step: step_code.step_means(step, spec, logic="l") for step in StepName}

    assert {step for step in StepName if before[step] != after[step]} == {
        "train",
        "export",
        "evaluate",
    }


def test_models_are_made_and_proven_anew_when_the_processor_is_another(monkeypatch):
    spec = read_spec(flower_spec())
    means = []
    for machine in ("x86_64", "aarch64"):
        monkeypatch.setattr(step_code.platform, "machine", lambda machine=machine: machine)
        means.append({step: step_code.step_means(step, spec, logic="l") for step in StepName})

    changed = {step for step in StepName if means[0][step] != means[1][step]}

    assert changed == {"train", "export", "evaluate"}


def test_library_of_an_optional_estimator_counts_when_a_spec_names_it():
    spec = read_spec(flower_spec())
    boosted = msgspec.structs.replace(spec.estimator, class_path="lightgbm.LGBMClassifier")
    other = msgspec.structs.replace(spec, estimator=boosted)

    plain, with_it = (
        step_code.step_means(StepName.TRAIN, each, logic="l").libraries for each in (spec, other)
    )

    assert set(with_it) - set(plain) == {"lightgbm", "onnxmltools"}
    assert all(with_it.values())
