"""What loads models where they are served, and the server that both halves of a pair have."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

from servery.wiring.clients import credentials, endpoint, region
from servery.wiring.settings import SystemClock, optional_setting, setting

if TYPE_CHECKING:
    from servery.adapters.model_loader import ModelLoader
    from servery.adapters.s3_http import S3Http
    from servery.edge.predictor import ModelServer
    from servery.ports import ArtifactSource
    from servery.usecases.predictor import Shelf


def model_loader(source: ArtifactSource) -> ModelLoader:
    """What loads models out of a source, checked and proven."""
    from servery.adapters.model_loader import ModelLoader
    from servery.adapters.runtimes import load_runtime
    from servery.edge.inference import Codec

    return ModelLoader(source, load_runtime, Codec)


@cache
def s3() -> S3Http:
    """S3 without boto3."""
    from servery.adapters.s3_http import S3Http

    return S3Http(
        region=region(), credentials=credentials, clock=SystemClock(), endpoint=endpoint("S3")
    )


@cache
def s3_artifacts() -> ArtifactSource:
    """The artifacts bucket."""
    from servery.adapters.s3_artifact_source import S3ArtifactSource

    return S3ArtifactSource(s3(), setting("ARTIFACTS_BUCKET"))


@cache
def shelf() -> Shelf:
    """The models of this server: the one in its image, or those that requests name."""
    from servery.adapters.image_artifact_source import (
        ImageArtifactSource,
        image_ref,
    )
    from servery.domain.manifest import Runtime
    from servery.domain.spec import Mode
    from servery.usecases.predictor import Pin, Shelf

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


def warm_server(service: str, **more: Any) -> ModelServer:  # noqa: ANN401
    """A model server, warm: what can be loaded before a request is.

    A server whose model does not load comes up all the same, and says so when it is asked.

    Args:
        service: The room that it is of.
        more: What else it is made with, as `ModelServer` takes it.
    """
    from servery.edge.predictor import ModelServer
    from servery.edge.telemetry import log_error

    started = time.perf_counter()
    try:
        _warm_up()
    except Exception as error:
        log_error(error.__cause__ or error, request_id="init", route="init")
    init_ms = round((time.perf_counter() - started) * 1000, 3)
    code = optional_setting("AWS_LAMBDA_FUNCTION_VERSION")
    return ModelServer(shelf, service=service, code=code, init_ms=init_ms, **more)


def _warm_up() -> None:
    if not optional_setting("SERVERY_MODE"):
        return  # not published: it answers nobody
    from servery.adapters.runtimes import installed_version
    from servery.domain.manifest import Runtime

    installed_version(Runtime(setting("SERVERY_RUNTIME")))
    shelf().warm_up()
