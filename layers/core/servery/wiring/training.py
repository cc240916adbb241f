"""Training: what reads data, fits, exports, proves and registers."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.aws import object_store, registry
from servery.wiring.settings import SystemClock, setting

if TYPE_CHECKING:
    from servery.domain.columns import DataSets
    from servery.domain.manifest import Runtime
    from servery.domain.signature import Signature
    from servery.domain.table import TableReader
    from servery.ports import ModelRuntime, TrainingQueue
    from servery.usecases.training.products import Code
    from servery.usecases.training.tools import Tools
    from servery.usecases.training.train import Trainer

__all__ = [
    "SystemClock",
    "datasets",
    "export_tools",
    "object_store",
    "registry",
    "runtime_loader",
    "table_reader",
    "trainer",
    "training_code",
    "training_queue",
]


@cache
def datasets() -> DataSets:
    """Typed columns in the artifacts bucket."""
    from servery.adapters.npz_datasets import NpzDataSets

    return NpzDataSets(object_store())


def table_reader(data_format: str) -> TableReader:
    """What reads a format of raw data; only Parquet needs pyarrow."""
    if data_format == "parquet":
        from servery.adapters.parquet_table import read_parquet

        return read_parquet
    from servery.adapters.csv_table import read_csv

    return read_csv


def trainer() -> Trainer:
    """What fits pipelines."""
    from servery.adapters.sklearn_trainer import fit

    return fit


def runtime_loader(
    runtime: Runtime, content: bytes, *, digest: str, signature: Signature
) -> ModelRuntime:
    """The runtime that will serve, of a model that has no manifest yet."""
    if runtime.value == "onnx":
        from servery.adapters.onnx_runtime import OnnxRuntime

        return OnnxRuntime.load(content, digest=digest, signature=signature)
    from servery.adapters.sklearn_runtime import SklearnRuntime

    return SklearnRuntime.load(content, digest=digest, signature=signature)


def export_tools() -> Tools:
    """What compiles, proves and measures."""
    from servery.adapters.onnx_cutter import cut
    from servery.adapters.onnx_exporter import export, export_libraries
    from servery.adapters.stopwatch import measure
    from servery.usecases.training.tools import Tools

    return Tools(
        export=export,
        cut=cut,
        load=runtime_loader,
        measure=measure,
        now=time.perf_counter,
        libraries=export_libraries(),
    )


@cache
def training_code() -> Code:
    """Which code makes models here."""
    from servery.adapters.source_digest import library_digest, logic_digest
    from servery.usecases.training.products import Code

    return Code(library=library_digest(), training=logic_digest())


@cache
def training_queue() -> TrainingQueue:
    """What starts trainings."""
    import boto3

    from servery.adapters.stepfunctions_training_queue import (
        StepFunctionsTrainingQueue,
    )

    return StepFunctionsTrainingQueue(boto3.client("stepfunctions"), setting("BATCH_TRAINING_ARN"))
