"""The room `batch`: what starts, plans, packs and closes batches, and tells of them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring import clients
from servery.wiring.aws import object_store, registry
from servery.wiring.clients import Patience
from servery.wiring.settings import SystemClock, allowed_origins, setting

if TYPE_CHECKING:
    from servery.adapters.dynamodb_batches import DynamoDbBatches
    from servery.adapters.eventbridge_batch_events import EventBridgeBatchEvents
    from servery.adapters.s3_files import S3Files
    from servery.adapters.stepfunctions_batch_queue import StepFunctionsBatchQueue
    from servery.ports import Packer, RowGroups
    from servery.usecases.batch.finish import FinishPorts
    from servery.usecases.batch.plan import PlanPorts
    from servery.usecases.batch.start import StartPorts

__all__ = [
    "SystemClock",
    "allowed_origins",
    "batch_events",
    "batch_queue",
    "batches",
    "exchange_bucket",
    "files",
    "finish_ports",
    "packer",
    "plan_ports",
    "registry",
    "row_groups",
    "start_ports",
]


def exchange_bucket() -> str:
    """The bucket that files are dropped into and outputs are fetched from."""
    return setting("EXCHANGE_BUCKET")


# --- life: start, finish, fail, views


@cache
def batches() -> DynamoDbBatches:
    """Where batches are kept."""
    from servery.adapters.dynamodb_batches import DynamoDbBatches

    return DynamoDbBatches(clients.dynamodb(), setting("JOBS_TABLE"))


@cache
def batch_queue() -> StepFunctionsBatchQueue:
    """What starts the state machine."""
    from servery.adapters.stepfunctions_batch_queue import (
        StepFunctionsBatchQueue,
    )

    client = clients.stepfunctions()
    return StepFunctionsBatchQueue(client, setting("BATCH_PREDICTION_ARN"))


@cache
def batch_events() -> EventBridgeBatchEvents:
    """What tells the event bus."""
    from servery.adapters.eventbridge_batch_events import EventBridgeBatchEvents

    client = clients.events()
    return EventBridgeBatchEvents(client, exchange_bucket())


@cache
def start_ports() -> StartPorts:
    """What starting works with."""
    from servery.usecases.batch.start import StartPorts

    return StartPorts(
        store=batches(),
        files=files(),
        registry=registry(),
        queue=batch_queue(),
        events=batch_events(),
        clock=SystemClock(),
    )


@cache
def finish_ports() -> FinishPorts:
    """What finishing works with."""
    from servery.usecases.batch.finish import FinishPorts

    return FinishPorts(
        store=batches(),
        files=files(),
        events=batch_events(),
        clock=SystemClock(),
        bucket=exchange_bucket(),
    )


# --- cutting: plan, unpack, pack


@cache
def files() -> S3Files:
    """Files in S3, and the exchange bucket."""
    from servery.adapters.s3_files import S3Files

    patience = Patience(connect_s=5, read_s=60, attempts=5)
    return S3Files(clients.s3(patience), exchange_bucket())


@cache
def row_groups() -> RowGroups:
    """What reads Parquet."""
    from servery.adapters.parquet_row_groups import ParquetRowGroups

    return ParquetRowGroups(files())


def packer() -> Packer:
    """What writes Parquet."""
    from servery.adapters.parquet_part import pack_part

    return pack_part


@cache
def plan_ports() -> PlanPorts:
    """What planning works with; pyarrow is only imported once a file is Parquet."""
    from servery.adapters.gzip_stream import inflate
    from servery.usecases.batch.plan import PlanPorts

    return PlanPorts(
        store=batches(),
        files=files(),
        registry=registry(),
        objects=object_store(),
        clock=SystemClock(),
        bucket=exchange_bucket(),
        inflate=inflate,
        row_groups=row_groups,
    )
