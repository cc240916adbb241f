"""The model server."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.models import model_loader, s3, s3_artifacts
from servery.wiring.settings import SystemClock, optional_setting, setting

if TYPE_CHECKING:
    from servery.edge.predictor import ModelServer
    from servery.usecases.predictor import Shelf
    from servery.usecases.predictor.chunk import ChunkPredictor

__all__ = [
    "model_server",
]


@cache
def shelf() -> Shelf:
    """The models of this server: the one in its image, or those that requests name."""
    from servery.adapters.image_artifact_source import (  # noqa: PLC0415
        ImageArtifactSource,
        image_ref,
    )
    from servery.domain.manifest import Runtime  # noqa: PLC0415
    from servery.domain.spec import Mode  # noqa: PLC0415
    from servery.usecases.predictor import Pin, Shelf  # noqa: PLC0415

    model, runtime = setting("SERVERY_MODEL"), Runtime(setting("SERVERY_RUNTIME"))
    if Mode(setting("SERVERY_MODE")) is Mode.LOAD:
        loader = model_loader(s3_artifacts())
        return Shelf(loader.load, Pin(model, runtime), SystemClock())
    source = ImageArtifactSource()
    only = image_ref(
        source,
        model=model,
        version=setting("SERVERY_VERSION"),
        training=setting("SERVERY_TRAINING"),
        digest=setting("SERVERY_DIGEST"),
        runtime=runtime,
    )
    return Shelf(model_loader(source).load, Pin(model, runtime, only), SystemClock())


@cache
def chunks() -> ChunkPredictor:
    """What predicts chunks of batches; nothing of it is imported before a batch asks."""
    from servery.adapters.chunk_rows import RowReader, RowWriter  # noqa: PLC0415
    from servery.adapters.s3_chunk_files import S3ChunkFiles  # noqa: PLC0415
    from servery.usecases.predictor.chunk import ChunkPredictor  # noqa: PLC0415

    files = S3ChunkFiles(s3(), setting("EXCHANGE_BUCKET"))
    return ChunkPredictor(files, RowReader, RowWriter)


@cache
def model_server() -> ModelServer:
    """The model server of this function, warm: what can be loaded before a request is.

    A server whose model does not load comes up all the same, and says so when it is asked.
    """
    from servery.edge.predictor import ModelServer  # noqa: PLC0415
    from servery.edge.telemetry import log_error  # noqa: PLC0415

    started = time.perf_counter()
    try:
        _warm_up()
    except Exception as error:
        log_error(error.__cause__ or error, request_id="init", route="init")
    init_ms = round((time.perf_counter() - started) * 1000, 3)
    code = optional_setting("AWS_LAMBDA_FUNCTION_VERSION")
    return ModelServer(shelf, chunks=chunks, code=code, init_ms=init_ms)


def _warm_up() -> None:
    if not optional_setting("SERVERY_MODE"):
        return  # not published: it answers nobody
    from servery.adapters.runtimes import installed_version  # noqa: PLC0415
    from servery.domain.manifest import Runtime  # noqa: PLC0415

    installed_version(Runtime(setting("SERVERY_RUNTIME")))
    shelf().warm_up()
