"""With what the steps of a training work: digests of their code, versions of their libraries.

Versions come from the packages' metadata, so that nothing has to be imported to find that there
is nothing to do.
"""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from servery.adapters.source_digest import files_digest, package_digest
from servery.domain.digest import digest_value
from servery.domain.own_classes import own_packages
from servery.domain.pipeline_spec import StepName
from servery.domain.steps import Means

if TYPE_CHECKING:
    from servery.domain.spec import ModelSpec

_ALL = (
    "domain/digest.py",
    "domain/manifest.py",
    "domain/signature.py",
    "usecases/training/messages.py",
)
_ROWS = (*_ALL, "adapters/npz_datasets.py", "domain/columns.py")
_REPORTS = (
    "domain/baseline.py",
    "domain/features.py",
    "usecases/training/reports.py",
)
_RUNTIMES = (
    "adapters/onnx_runtime.py",
    "adapters/sklearn_runtime.py",
    "usecases/training/proof.py",
    "usecases/training/statistics.py",
)

# The files that decide what a step makes: all that it imports, but for what reads and refuses a
# spec, and for what works on other steps. A test holds them against the imports.
CODE: dict[StepName, tuple[str, ...]] = {
    StepName.COLLECT: (
        *_ROWS,
        "adapters/csv_table.py",
        "adapters/parquet_table.py",
        "domain/cells.py",
        "domain/datatypes.py",
        "domain/lake.py",
        "domain/packing.py",
        "domain/personal.py",
        "domain/table.py",
        "usecases/training/collect.py",
        "usecases/training/labelled_rows.py",
        "usecases/training/rows.py",
    ),
    StepName.PREPROCESS: (
        *_ROWS,
        "domain/baseline.py",
        "usecases/training/preprocess.py",
        "usecases/training/split.py",
        "usecases/training/statistics.py",
    ),
    StepName.TRAIN: (
        *_ROWS,
        *_REPORTS,
        "adapters/estimator_classes.py",
        "adapters/sklearn_pipeline.py",
        "adapters/sklearn_runtime.py",
        "adapters/sklearn_trainer.py",
        "adapters/xgboost_labels.py",
        "domain/feature_names.py",
        "usecases/training/train.py",
    ),
    StepName.EXPORT: (
        *_ROWS,
        *_REPORTS,
        *_RUNTIMES,
        "adapters/boosted_trees.py",
        "adapters/estimator_classes.py",
        "adapters/exact_trees.py",
        "adapters/forest_blocks.py",
        "adapters/hist_gradient_boosting.py",
        "adapters/onnx_cutter.py",
        "adapters/onnx_exporter.py",
        "adapters/stopwatch.py",
        "adapters/tree_ensemble.py",
        "domain/bodies.py",
        "domain/json_text.py",
        "usecases/training/case.py",
        "usecases/training/export.py",
        "usecases/training/pair_proof.py",
        "usecases/training/pairing.py",
    ),
    StepName.EVALUATE: (
        *_ROWS,
        *_REPORTS,
        *_RUNTIMES,
        "domain/scores.py",
        "usecases/training/composition.py",
        "usecases/training/evaluate.py",
    ),
    StepName.REGISTER: (
        *_ALL,
        "domain/baseline.py",
        "domain/versioning.py",
        "usecases/training/naming.py",
        "usecases/training/products.py",
        "usecases/training/register.py",
        "usecases/training/reports.py",
    ),
}

_FIT = ("joblib", "numpy", "scikit-learn", "scipy", "threadpoolctl")
_CONVERT = ("onnx", "onnxruntime", "skl2onnx")
_LIBRARIES: dict[StepName, tuple[str, ...]] = {
    StepName.COLLECT: ("numpy",),
    StepName.PREPROCESS: ("numpy",),
    StepName.TRAIN: _FIT,
    StepName.EXPORT: (*_FIT, *_CONVERT),
    StepName.EVALUATE: (*_FIT, *_CONVERT),
    StepName.REGISTER: (),
}
_BOOSTING = {"lightgbm": "lightgbm", "xgboost": "xgboost-cpu"}
# These run the classes that a spec names, and what they prove and measure is that of a processor.
_WITH_MODELS = frozenset({StepName.TRAIN, StepName.EXPORT, StepName.EVALUATE})


def step_means(step: StepName, spec: ModelSpec, *, logic: str) -> Means:
    """With what a step works here and now.

    Args:
        step: Which.
        spec: What is trained; the libraries that it does not name do not count.
        logic: Digest of the code that decides what a model is, of which its name is made.
    """
    code = [_code(step)]
    if step is StepName.REGISTER:
        code.append(logic)
    if step in _WITH_MODELS:
        code += [platform.machine(), *(package_digest(package) for package in _own(spec))]
    return Means(code=digest_value(code), libraries=_versions(step, spec))


@cache
def _code(step: StepName) -> str:
    return files_digest(sorted(CODE[step]))


def _versions(step: StepName, spec: ModelSpec) -> dict[str, str]:
    """Of Python without the patch, which the platform chooses."""
    names = list(_LIBRARIES[step])
    if step is StepName.COLLECT and spec.data.format == "parquet":
        names.append("pyarrow")
    package = spec.estimator.class_path.partition(".")[0]
    if step in _WITH_MODELS and package in _BOOSTING:
        names += [_BOOSTING[package], "onnxmltools"]
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **{name: _version(name) for name in names}}


@cache
def _version(package: str) -> str:
    """The version of a package; empty where it is not, which the step itself will tell."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _own(spec: ModelSpec) -> list[str]:
    """The packages of the user's own that a spec names classes of."""
    groups = [] if spec.preprocessing == "auto" else spec.preprocessing
    steps = [spec.estimator, *(step for group in groups for step in group.steps)]
    named = {step.class_path.partition(".")[0] for step in steps}
    return sorted(named & own_packages())
