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
    from servery.adapters.npz_datasets import NpzDataSets  # noqa: PLC0415

    return NpzDataSets(object_store())


def table_reader(data_format: str) -> TableReader:
    """What reads a format of raw data; only Parquet needs pyarrow."""
    if data_format == "parquet":
        from servery.adapters.parquet_table import read_parquet  # noqa: PLC0415

        return read_parquet
    from servery.adapters.csv_table import read_csv  # noqa: PLC0415

    return read_csv


def trainer() -> Trainer:
    """What fits pipelines."""
    from servery.adapters.sklearn_trainer import fit  # noqa: PLC0415

    return fit


def runtime_loader(
    runtime: Runtime, content: bytes, *, digest: str, signature: Signature
) -> ModelRuntime:
    """The runtime that will serve, of a model that has no manifest yet."""
    if runtime.value == "onnx":
        from servery.adapters.onnx_runtime import OnnxRuntime  # noqa: PLC0415

        return OnnxRuntime.load(content, digest=digest, signature=signature)
    from servery.adapters.sklearn_runtime import SklearnRuntime  # noqa: PLC0415

    return SklearnRuntime.load(content, digest=digest, signature=signature)


def export_tools() -> Tools:
    """What compiles, proves and measures."""
    from servery.adapters.onnx_cutter import cut  # noqa: PLC0415
    from servery.adapters.onnx_exporter import export, export_libraries  # noqa: PLC0415
    from servery.adapters.stopwatch import measure  # noqa: PLC0415
    from servery.usecases.training.tools import Tools  # noqa: PLC0415

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
    from servery.adapters.source_digest import library_digest, logic_digest  # noqa: PLC0415
    from servery.usecases.training.products import Code  # noqa: PLC0415

    return Code(library=library_digest(), training=logic_digest())


@cache
def training_queue() -> TrainingQueue:
    """What starts trainings."""
    import boto3  # noqa: PLC0415

    from servery.adapters.stepfunctions_training_queue import (  # noqa: PLC0415
        StepFunctionsTrainingQueue,
    )

    return StepFunctionsTrainingQueue(boto3.client("stepfunctions"), setting("BATCH_TRAINING_ARN"))
