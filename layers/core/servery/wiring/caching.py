"""The cache in front of models, for every room that asks them; made when a policy asks for it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.aws import lean_dynamodb
from servery.wiring.clients import credentials, endpoint, region
from servery.wiring.settings import SystemClock, setting, table_patience

if TYPE_CHECKING:
    from servery.adapters.dynamodb_rows import DynamoDbRows
    from servery.adapters.kept_manifests import KeptManifests
    from servery.usecases.data_cache import CachedModels, Figures, LastAnswers, Predictions

_NAME_BYTES = 9
_MANIFEST_SECONDS = 0.5  # for connecting and for each read, twice


@cache
def manifests() -> KeptManifests:
    """Manifests of versions; a caller waits for one, but only until it is known."""
    from servery.adapters.kept_manifests import KeptManifests
    from servery.adapters.s3_artifact_source import S3ArtifactSource
    from servery.adapters.s3_http import S3Http

    s3 = S3Http(
        region=region(),
        credentials=credentials,
        clock=SystemClock(),
        endpoint=endpoint("S3"),
        timeout=_MANIFEST_SECONDS,
    )
    return KeptManifests(S3ArtifactSource(s3, setting("ARTIFACTS_BUCKET")))


@cache
def cached_rows() -> DynamoDbRows:
    """The table."""
    from servery.adapters.dynamodb_rows import SECONDS, DynamoDbRows

    return DynamoDbRows(
        lean_dynamodb(),
        setting("CACHE_TABLE"),
        failed=_failed,
        seconds=SECONDS * table_patience(),
    )


@cache
def cached_models() -> CachedModels:
    """How requests and answers of models are read."""
    from servery.usecases.data_cache import CachedModels

    return CachedModels(manifests())


@cache
def prediction_cache() -> Predictions:
    """Answers of versions, by row."""
    import secrets
    import time

    from servery.usecases.data_cache import Flights, Predictions, Watch

    clock = SystemClock()
    table = cached_rows()
    flights = Flights(table, clock, time.sleep, lambda: secrets.token_urlsafe(_NAME_BYTES))
    return Predictions(
        cached_models(), table, flights, clock, Watch(looked=_looked, failed=_failed)
    )


@cache
def last_known() -> LastAnswers:
    """The last answers, by whichever version."""
    from servery.usecases.data_cache import LastAnswers

    return LastAnswers(cached_models(), cached_rows(), SystemClock(), _failed)


def keep_rows(seconds: float) -> None:
    """Write what is to be kept, in so many seconds at the most; for `after_response`."""
    if cached_rows.cache_info().currsize:
        cached_rows().flush(seconds)


def _looked(figures: Figures) -> None:
    from servery.edge.telemetry import emit

    counted = {"CacheHits": (figures.hits, "Count"), "CacheMisses": (figures.misses, "Count")}
    age = {"CacheAge": (round(figures.age_s, 3), "Seconds")} if figures.hits else {}
    emit(setting("POWERTOOLS_SERVICE_NAME"), {**counted, **age}, {"model": figures.model})


def _failed(error: Exception, request_id: str = "") -> None:
    from servery.edge.telemetry import emit, log_error

    log_error(error, request_id=request_id, route="cache")
    emit(setting("POWERTOOLS_SERVICE_NAME"), {"CacheErrors": (1, "Count")})
