"""Digests of the library's own source, so that a version tells which code made it."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import servery

# What decides what a model is and answers, beyond its data and split, which have digests of
# their own: a change in one of these files is a change of logic.
LOGIC = (
    "adapters/boosted_trees.py",
    "adapters/estimator_classes.py",
    "adapters/exact_trees.py",
    "adapters/forest_blocks.py",
    "adapters/hist_gradient_boosting.py",
    "adapters/onnx_cutter.py",
    "adapters/onnx_exporter.py",
    "adapters/onnx_runtime.py",
    "adapters/sklearn_pipeline.py",
    "adapters/sklearn_runtime.py",
    "adapters/sklearn_trainer.py",
    "adapters/tree_ensemble.py",
    "adapters/xgboost_labels.py",
    "domain/features.py",
    "usecases/training/export.py",
    "usecases/training/pair_proof.py",
    "usecases/training/pairing.py",
    "usecases/training/proof.py",
    "usecases/training/train.py",
)


ROOT = Path(servery.__file__).parent


def library_digest(root: Path = ROOT) -> str:
    """SHA-256 (hex) of every source file of the library, with its path."""
    return _digest(root, sorted(root.rglob("*.py")))


def logic_digest(root: Path = ROOT) -> str:
    """SHA-256 (hex) of the source files in `LOGIC`."""
    return _digest(root, [root / name for name in LOGIC])


def files_digest(names: list[str], root: Path = ROOT) -> str:
    """SHA-256 (hex) of some source files of the library."""
    return _digest(root, [root / name for name in names])


def package_digest(package: str) -> str:
    """SHA-256 (hex) of every file of a package of the user's own; empty where it is not.

    Tables that it reads decide what it makes as its sources do; what Python compiled does not.
    """
    found = find_spec(package)
    if found is None or found.origin is None:
        return ""
    root = Path(found.origin).parent
    files = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return _digest(root, sorted(files))


def _digest(root: Path, files: list[Path]) -> str:
    hashed = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        hashed.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        hashed.update(content)
    return hashed.hexdigest()
