"""The predictor: the server of whole models, and of the half of a pair that predicts."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.clients import credentials, endpoint, region
from servery.wiring.models import s3, shelf, warm_server
from servery.wiring.settings import SystemClock, setting
from servery.wiring.snapshots import let_go

if TYPE_CHECKING:
    from servery.adapters.lake_entities import LakeEntities
    from servery.adapters.layered_entities import LayeredEntities
    from servery.edge.predictor import ModelServer
    from servery.usecases.predictor.chunk import ChunkPredictor

__all__ = [
    "chunks",
    "entities",
    "model_server",
    "shelf",
]


@cache
def chunks() -> ChunkPredictor:
    """What predicts chunks of batches; nothing of it is imported before a batch asks."""
    from servery.adapters.chunk_rows import RowReader, RowWriter
    from servery.adapters.s3_chunk_files import S3ChunkFiles
    from servery.usecases.predictor.chunk import ChunkPredictor

    files = S3ChunkFiles(s3(), setting("EXCHANGE_BUCKET"))
    return ChunkPredictor(files, RowReader, RowWriter)


@cache
def entities() -> LayeredEntities:
    """Where data of entities are looked up; nothing of it is imported before a graph asks."""
    from servery.adapters.layered_entities import LayeredEntities
    from servery.adapters.lean_entities import LeanEntities

    table = LeanEntities(
        table=setting("FEATURES_TABLE"),
        region=region(),
        credentials=credentials,
        clock=SystemClock(),
        endpoint=endpoint("DYNAMODB"),
    )
    let_go(table.close)
    return LayeredEntities(table, SystemClock(), lake=lake_entities)


@cache
def lake_entities() -> LakeEntities:
    """The data of entities in the lake, with less patience than the files of a model need."""
    from servery.adapters.lake_entities import LakeEntities
    from servery.adapters.s3_http import S3Http
    from servery.adapters.s3_lake import S3Lake

    s3 = S3Http(
        region=region(),
        credentials=credentials,
        clock=SystemClock(),
        endpoint=endpoint("S3"),
        timeout=1.0,
    )
    let_go(s3.close)
    return LakeEntities(S3Lake(s3, setting("LAKE_BUCKET")).read)


@cache
def model_server() -> ModelServer:
    """The model server of this function."""
    return warm_server("predictor", chunks=chunks, entities=entities)
