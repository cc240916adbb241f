"""The room `data_cache`: what warms caches and tells of them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring import clients
from servery.wiring.aws import model_servers, registry
from servery.wiring.caching import cached_models, cached_rows, manifests
from servery.wiring.clients import Patience
from servery.wiring.settings import SystemClock, allowed_origins, setting

if TYPE_CHECKING:
    from servery.adapters.dynamodb_batches import DynamoDbBatches
    from servery.adapters.dynamodb_warm_ups import DynamoDbWarmUps
    from servery.adapters.lake_objects import LakeObjects
    from servery.adapters.s3_files import S3Files
    from servery.ports import RowGroups
    from servery.usecases.data_cache.warm_desk import WarmDesk
    from servery.usecases.data_cache.warming import WarmingPorts

__all__ = ["allowed_origins", "warm_desk", "warming_ports"]

_ID_BYTES = 3


@cache
def warm_ups() -> DynamoDbWarmUps:
    """Where warm-ups are kept."""
    from servery.adapters.dynamodb_warm_ups import DynamoDbWarmUps

    return DynamoDbWarmUps(clients.dynamodb(), setting("CACHE_TABLE"))


@cache
def batches() -> DynamoDbBatches:
    """Where batches are kept."""
    from servery.adapters.dynamodb_batches import DynamoDbBatches

    return DynamoDbBatches(clients.dynamodb(), setting("JOBS_TABLE"))


@cache
def lake() -> LakeObjects:
    """The prediction log."""
    from servery.adapters.lake_objects import LakeObjects

    patience = Patience(connect_s=2, read_s=10, attempts=4)
    return LakeObjects(clients.s3(patience), setting("LAKE_BUCKET"))


@cache
def warm_desk() -> WarmDesk:
    """What takes warm-ups and tells how caches do."""
    import secrets

    from servery.adapters.lambda_warm_up_queue import LambdaWarmUpQueue
    from servery.usecases.data_cache.warm_desk import WarmDesk

    client = clients.functions(Patience(connect_s=2, read_s=5, attempts=3))
    return WarmDesk(
        registry=registry(),
        store=warm_ups(),
        queue=LambdaWarmUpQueue(client, setting("WARM_FUNCTION")),
        batches=batches(),
        log=lake(),
        clock=SystemClock(),
        entropy=lambda: secrets.token_hex(_ID_BYTES),
    )


@cache
def files() -> S3Files:
    """Files of batches."""
    from servery.adapters.s3_files import S3Files

    patience = Patience(connect_s=5, read_s=60, attempts=5)
    return S3Files(clients.s3(patience), setting("EXCHANGE_BUCKET"))


@cache
def row_groups() -> RowGroups:
    """What reads Parquet; not imported before a file is Parquet."""
    from servery.adapters.parquet_row_groups import ParquetRowGroups

    return ParquetRowGroups(files())


@cache
def warming_ports() -> WarmingPorts:
    """What warming works with."""
    import time

    from servery.adapters.gzip_stream import inflate
    from servery.adapters.patient_rows import PatientTable
    from servery.usecases.data_cache.batch_rows import FileReaders
    from servery.usecases.data_cache.warming import WarmingPorts

    return WarmingPorts(
        store=warm_ups(),
        registry=registry(),
        manifests=manifests(),
        models=cached_models(),
        rows=PatientTable(cached_rows(), time.sleep),
        log=lake(),
        batches=batches(),
        readers=FileReaders(files(), inflate, row_groups),
        servers=model_servers(),
        clock=SystemClock(),
        wait=time.sleep,
    )
