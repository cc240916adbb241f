"""The runtimes by name, each imported when a model first needs it, and what they must fit."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from servery.domain.library_table import RULES, as_text, library_table, serves
from servery.domain.manifest import Runtime
from servery.errors import IncompatibleRuntimeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from servery.domain.manifest import Manifest
    from servery.ports import ModelRuntime

LIBRARY = {Runtime.ONNX: "onnxruntime", Runtime.JOBLIB: "scikit-learn"}


def load_runtime(runtime: Runtime, content: bytes, manifest: Manifest) -> ModelRuntime:
    """A `RuntimeFactory`: make a runtime out of the bytes of a model file.

    The libraries have to be as near to those that the manifest names as `library_table` says,
    and the bytes to have the digest that it names.

    Raises:
        IncompatibleRuntimeError: another version of the library; the sentence is a table.
        ArtifactError: the bytes are not those of the manifest, or cannot be read.
    """
    check_library(runtime, manifest.libraries, _here(runtime, manifest.libraries))
    digest = manifest.files.get(runtime.filename, "")
    if runtime is Runtime.ONNX:
        from servery.adapters.onnx_runtime import OnnxRuntime  # noqa: PLC0415

        return OnnxRuntime.load(content, digest=digest, signature=manifest.signature)
    from servery.adapters.sklearn_runtime import SklearnRuntime  # noqa: PLC0415

    return SklearnRuntime.load(content, digest=digest, signature=manifest.signature)


def import_runtime(runtime: Runtime) -> None:
    """Import what makes and runs models of a runtime, ahead of the first of them.

    Raises:
        IncompatibleRuntimeError: its library is not here.
    """
    installed_version(runtime)
    if runtime is Runtime.ONNX:
        import servery.adapters.onnx_runtime  # noqa: PLC0415
    else:
        import servery.adapters.sklearn_runtime  # noqa: F401, PLC0415


def installed_version(runtime: Runtime) -> str:
    """Version of the library that computes; imports it.

    Raises:
        IncompatibleRuntimeError: it is not here.
    """
    try:
        if runtime is Runtime.ONNX:
            import onnxruntime  # noqa: PLC0415

            return str(onnxruntime.__version__)
        import sklearn  # noqa: PLC0415

        return str(sklearn.__version__)
    except ImportError as error:
        raise IncompatibleRuntimeError(
            f"the layer with {LIBRARY[runtime]} is not attached to this server"
        ) from error


def check_library(runtime: Runtime, libraries: dict[str, str], here: Mapping[str, str]) -> None:
    """Let a model pass only where the libraries are near enough to those it was proven with.

    Args:
        runtime: What is to compute.
        libraries: Name to version, as the manifest says.
        here: Name to version of what is there.

    Raises:
        IncompatibleRuntimeError: they are not; the sentence is a table of what fits.
    """
    table = library_table(runtime, libraries, here)
    if not serves(table):
        raise IncompatibleRuntimeError(f"the libraries do not fit the model\n{as_text(table)}")


def _here(runtime: Runtime, libraries: Mapping[str, str]) -> dict[str, str]:
    """The libraries that matter for a model, as they are here; what computes is imported."""
    computes = {LIBRARY[runtime]: installed_version(runtime)}
    if runtime is Runtime.ONNX:
        return computes
    from servery.adapters.deployed_libraries import installed  # noqa: PLC0415

    others = [rule.library for rule in RULES[runtime] if rule.library in libraries]
    found = {name: installed(name) for name in others if name != "python"}
    return {**found, "python": platform.python_version(), **computes}
