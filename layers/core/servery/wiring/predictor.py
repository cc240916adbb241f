"""The predictor: the server of whole models, and of the half of a pair that predicts."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.models import credentials, endpoint, region, s3, shelf, warm_server
from servery.wiring.settings import SystemClock, setting

if TYPE_CHECKING:
    from servery.adapters.lean_entities import LeanEntities
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
def entities() -> LeanEntities:
    """Where data of entities are looked up; nothing of it is imported before a graph asks."""
    from servery.adapters.lean_entities import LeanEntities

    return LeanEntities(
        table=setting("FEATURES_TABLE"),
        region=region(),
        credentials=credentials,
        clock=SystemClock(),
        endpoint=endpoint("DYNAMODB"),
    )


@cache
def model_server() -> ModelServer:
    """The model server of this function."""
    return warm_server("predictor", chunks=chunks, entities=entities)
