"""Training: what reads data, fits, exports, proves and registers."""

from __future__ import annotations

import platform
import time
from functools import cache
from typing import TYPE_CHECKING

from servery.wiring import clients
from servery.wiring.aws import keeping, object_store, registry
from servery.wiring.clients import Patience
from servery.wiring.importing import (
    graph_reader,
    onnx_tools,
    pickle_reader,
    sklearn_tools,
    skops_reader,
)
from servery.wiring.settings import SystemClock, optional_setting, setting

if TYPE_CHECKING:
    from servery.domain.columns import DataSets
    from servery.domain.manifest import Runtime
    from servery.domain.pipeline_spec import StepName
    from servery.domain.signature import Signature
    from servery.domain.spec import ModelSpec
    from servery.domain.steps import Means
    from servery.domain.table import TableReader
    from servery.ports import ModelRuntime, ObjectStore, TrainingQueue
    from servery.usecases.training.collect import Labelled
    from servery.usecases.training.messages import TrainEvent
    from servery.usecases.training.products import Code
    from servery.usecases.training.retrain import RetrainPorts
    from servery.usecases.training.steps import Machine, Steps
    from servery.usecases.training.tools import Tools
    from servery.usecases.training.train import Trainer

__all__ = [
    "SystemClock",
    "datasets",
    "datasets_in",
    "export_tools",
    "graph_reader",
    "has_batch",
    "labelled",
    "object_store",
    "onnx_tools",
    "pickle_reader",
    "pipeline_queue",
    "registry",
    "retrain_ports",
    "runtime_loader",
    "sklearn_tools",
    "skops_reader",
    "steps",
    "table_reader",
    "train_kept",
    "trainer",
    "training_code",
    "training_queue",
]


@cache
def datasets() -> DataSets:
    """Typed columns in the artifacts bucket."""
    return datasets_in(object_store())


def datasets_in(store: ObjectStore) -> DataSets:
    """Typed columns in a store."""
    from servery.adapters.npz_datasets import NpzDataSets

    return NpzDataSets(store)


@cache
def labelled() -> Labelled:
    """Where labelled rows come from."""
    from servery.adapters.lake_objects import LakeObjects
    from servery.usecases.training.collect import Labelled

    client = clients.s3(Patience(connect_s=2, read_s=20, attempts=4))
    return Labelled(LakeObjects(client, setting("LAKE_BUCKET")), SystemClock())


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
def steps() -> Steps:
    """What runs the steps of trainings, and skips those whose output is there."""
    from servery.usecases.training.steps import Steps

    return Steps(object_store(), SystemClock(), _means, _machine())


def _means(step: StepName, spec: ModelSpec) -> Means:
    from servery.adapters.step_code import step_means

    return step_means(step, spec, logic=training_code().training)


def _machine() -> Machine:
    """What this process runs on; what no function does has no list price here."""
    from servery.domain.lambda_price import invocation_usd, processor_of
    from servery.usecases.training.steps import Machine

    memory_mb = int(optional_setting("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0"))
    processor = processor_of(platform.machine())

    def price(seconds: float) -> float:
        return invocation_usd(seconds, memory_mb, processor) if memory_mb else 0.0

    return Machine(now=time.perf_counter, memory_mb=memory_mb, price=price)


def train_kept(event: TrainEvent) -> bool:
    """Whether the train step would find its result already there."""
    return steps().has(event)


def has_batch() -> bool:
    """Whether this stack has AWS Batch for large trainings."""
    return bool(optional_setting("TRAINING_JOB_QUEUE"))


@cache
def training_queue() -> TrainingQueue:
    """What starts trainings."""
    return _queue(setting("BATCH_TRAINING_ARN"))


@cache
def pipeline_queue() -> TrainingQueue:
    """What starts trainings as pipelines."""
    return _queue(setting("PIPELINE_TRAINING_ARN"))


def _queue(state_machine: str) -> TrainingQueue:
    from servery.adapters.stepfunctions_training_queue import (
        StepFunctionsTrainingQueue,
    )

    return StepFunctionsTrainingQueue(clients.stepfunctions(), state_machine)


@cache
def retrain_ports() -> RetrainPorts:
    """What an alarm starts a training with."""
    from servery.adapters.stepfunctions_running_trainings import StepFunctionsRunningTrainings
    from servery.usecases.training.retrain import RetrainPorts

    client = clients.stepfunctions()
    machines = [setting("BATCH_TRAINING_ARN"), setting("PIPELINE_TRAINING_ARN")]
    return RetrainPorts(
        registry=registry(),
        kept=keeping(),
        running=StepFunctionsRunningTrainings(client, machines),
        queue=training_queue(),
        clock=SystemClock(),
    )
