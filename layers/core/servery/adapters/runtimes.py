"""The runtimes by name, each imported when a model first needs it, and what they must fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.manifest import Runtime
from servery.errors import IncompatibleRuntimeError

if TYPE_CHECKING:
    from servery.domain.manifest import Manifest
    from servery.ports import ModelRuntime

LIBRARY = {Runtime.ONNX: "onnxruntime", Runtime.JOBLIB: "scikit-learn"}


def load_runtime(runtime: Runtime, content: bytes, manifest: Manifest) -> ModelRuntime:
    """A `RuntimeFactory`: make a runtime out of the bytes of a model file.

    The library that computes has to have the major and minor version that the manifest names,
    and the bytes the digest that it names.

    Raises:
        IncompatibleRuntimeError: another version of the library; the sentence is a table.
        ArtifactError: the bytes are not those of the manifest, or cannot be read.
    """
    check_library(runtime, manifest.libraries, installed_version(runtime))
    digest = manifest.files.get(runtime.filename, "")
    if runtime is Runtime.ONNX:
        from servery.adapters.onnx_runtime import OnnxRuntime  # noqa: PLC0415

        return OnnxRuntime.load(content, digest=digest, signature=manifest.signature)
    from servery.adapters.sklearn_runtime import SklearnRuntime  # noqa: PLC0415

    return SklearnRuntime.load(content, digest=digest, signature=manifest.signature)


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


def check_library(runtime: Runtime, libraries: dict[str, str], installed: str) -> None:
    """Let a model pass only where the library that computes has the version it was proven with.

    Raises:
        IncompatibleRuntimeError: major or minor version differ; the sentence is a table.
    """
    name = LIBRARY[runtime]
    made_with = libraries.get(name, "not recorded")
    if made_with.split(".")[:2] == installed.split(".")[:2]:
        return
    fits = ".".join([*made_with.split(".")[:2], "*"]) if name in libraries else "a new training"
    rows = [
        ("library", "made with", "here", "fits"),
        (name, made_with, installed, fits),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    raise IncompatibleRuntimeError(f"the libraries do not fit the model\n{table}")
