"""Which libraries the deployed runtimes have, for functions that have none of them themselves."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

import servery

FILE = Path(servery.__file__).with_name("libraries.json")
"""Written beside the library when its layer is built, out of the lock that all layers have."""
DISTRIBUTIONS = {
    "onnxruntime": ("onnxruntime",),
    "scikit-learn": ("scikit-learn",),
    "numpy": ("numpy",),
    "lightgbm": ("lightgbm",),
    "xgboost": ("xgboost-cpu", "xgboost"),
}
"""Library to the packages that it may come in."""


def deployed_libraries(file: Path = FILE) -> dict[str, str]:
    """Name to version of what models are served with.

    Where the library was not built into a layer, as on a local cloud, functions share one
    environment with what runs them, and what is installed there is told.
    """
    if file.exists():
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    found = {"python": platform.python_version()}
    for library in DISTRIBUTIONS:
        if told := installed(library):
            found[library] = told
    return found


def installed(library: str) -> str:
    """Version of a library in this process's environment; empty where it is not there.

    Nothing is imported for it.
    """
    for package in DISTRIBUTIONS.get(library, (library,)):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return ""
