"""What loads models where they are served, and the server that both halves of a pair have."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from servery.wiring.clients import credentials, endpoint, region
from servery.wiring.settings import SystemClock, optional_setting, setting
from servery.wiring.snapshots import hook, let_go

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servery.adapters.model_loader import ModelLoader
    from servery.adapters.s3_http import S3Http
    from servery.domain.manifest import Runtime
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

    client = S3Http(
        region=region(), credentials=credentials, clock=SystemClock(), endpoint=endpoint("S3")
    )
    let_go(client.close)
    return client


@cache
def s3_artifacts() -> ArtifactSource:
    """The artifacts bucket."""
    from servery.adapters.s3_artifact_source import S3ArtifactSource

    return S3ArtifactSource(s3(), setting("ARTIFACTS_BUCKET"))


@cache
def shelf() -> Shelf:
    """The models of this server: the one in its image, or those that requests name."""
    from servery.domain.manifest import Runtime

    model, runtime = setting("SERVERY_MODEL"), Runtime(setting("SERVERY_RUNTIME"))
    return _of_requests(model, runtime) if _loads() else _of_image(model, runtime)


def _loads() -> bool:
    """Whether this server loads what requests name."""
    from servery.domain.serving import Mode

    return Mode(setting("SERVERY_MODE")) is Mode.LOAD


def _of_requests(model: str, runtime: Runtime) -> Shelf:
    from servery.adapters.artifacts_ahead import ArtifactsAhead
    from servery.usecases.predictor import Pin, Shelf

    loader = model_loader(ArtifactsAhead(s3_artifacts()))
    return Shelf(loader.load, Pin(model, runtime), SystemClock())


def _of_image(model: str, runtime: Runtime) -> Shelf:
    from servery.adapters.image_artifact_source import ImageArtifactSource, image_ref
    from servery.usecases.predictor import Pin, Shelf

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
    with _uncollected():
        from servery.edge.predictor import ModelServer
        from servery.edge.telemetry import log_error

        started = time.perf_counter()
        try:
            _warm_up()
        except Exception as error:
            log_error(error.__cause__ or error, request_id="init", route="init")
        init_ms = round((time.perf_counter() - started) * 1000, 3)
        code = optional_setting("AWS_LAMBDA_FUNCTION_VERSION")
        server = ModelServer(shelf, service=service, code=code, init_ms=init_ms, **more)
        hook(before=partial(_prepare, *more.values()), after=server.begin_anew)
        return server


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile, and never in what is there afterwards.

    Modules and models stay for good. To go through them again and again while they are loaded
    takes a noticeable part of a cold start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _warm_up() -> None:
    if not optional_setting("SERVERY_MODE"):
        return  # not published: it answers nobody
    from servery.adapters.runtimes import installed_version
    from servery.domain.manifest import Runtime

    if _loads():
        s3().prepare()
    installed_version(Runtime(setting("SERVERY_RUNTIME")))
    shelf().warm_up()


def _prepare(*made_on_first_use: Callable[[], object]) -> None:
    """Before a snapshot: do once what this server would otherwise first do for a request.

    As when it comes up, a failure is logged and told to whoever asks.
    """
    if not optional_setting("SERVERY_MODE"):
        return
    from servery.adapters.runtimes import import_runtime
    from servery.domain.manifest import Runtime
    from servery.edge.telemetry import log_error

    try:
        import_runtime(Runtime(setting("SERVERY_RUNTIME")))
        for make in made_on_first_use:
            make()
    except Exception as error:
        log_error(error, request_id="snapshot", route="init")
