"""What opens foreign files: each is made by the one function that may open its format."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from servery.errors import RejectedError

if TYPE_CHECKING:
    from servery.domain.signature import Signature
    from servery.usecases.training.importing.tools import GraphReader, PipelineReader
    from servery.usecases.training.tools import RuntimeLoader, Tools


def graph_reader() -> GraphReader:
    """What examines foreign ONNX files."""
    from servery.adapters.onnx_import import read_graph, rewrite

    return lambda content, inputs: rewrite(read_graph(content), inputs)


def skops_reader() -> PipelineReader:
    """What examines and builds foreign skops files."""
    from servery.adapters.skops_import import read_skops

    return read_skops


def pickle_reader() -> PipelineReader:
    """What opens pickles that somebody trusts."""
    from servery.adapters.trusted_pickle import read_trusted

    return read_trusted


def onnx_tools(load: RuntimeLoader) -> Tools:
    """What loads and measures graphs, with onnxruntime alone."""
    from servery.adapters.onnx_import import libraries

    return _tools(load, libraries())


def sklearn_tools(load: RuntimeLoader) -> Tools:
    """What loads and measures pipelines, with scikit-learn alone."""
    from servery.adapters.sklearn_trainer import usual_libraries

    return _tools(load, usual_libraries())


def _tools(load: RuntimeLoader, libraries: dict[str, str]) -> Tools:
    from servery.adapters.stopwatch import measure
    from servery.usecases.training.tools import Tools

    return Tools(
        export=_no_export,
        cut=_no_cut,
        load=load,
        measure=measure,
        now=time.perf_counter,
        libraries=libraries,
    )


def _no_export(content: bytes, *, digest: str, signature: Signature) -> tuple[bytes, ...]:  # noqa: ARG001
    """Compiles nothing: what was imported in a form stays in it."""
    raise RejectedError("nothing is compiled here")


def _no_cut(content: bytes, *, features: int) -> tuple[bytes, bytes]:  # noqa: ARG001
    """Cuts nothing."""
    raise RejectedError("nothing is cut here")
