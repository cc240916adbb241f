"""The cache in front of models, for every room that asks them; made when a policy asks for it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.aws import lean_dynamodb, patience
from servery.wiring.settings import SystemClock, setting

if TYPE_CHECKING:
    from servery.adapters.dynamodb_rows import DynamoDbRows
    from servery.adapters.kept_manifests import KeptManifests
    from servery.usecases.data_cache import CachedModels, Figures, LastAnswers, Predictions

_NAME_BYTES = 9


@cache
def manifests() -> KeptManifests:
    """Manifests of versions; a caller waits for one, but only until it is known."""
    import boto3

    from servery.adapters.kept_manifests import KeptManifests
    from servery.adapters.s3_object_store import S3ObjectStore

    config = patience(connect_s=1, read_s=2, attempts=2)
    client = boto3.client("s3", config=config)
    return KeptManifests(S3ObjectStore(client, setting("ARTIFACTS_BUCKET")))


@cache
def cached_rows() -> DynamoDbRows:
    """The table."""
    from servery.adapters.dynamodb_rows import DynamoDbRows

    return DynamoDbRows(lean_dynamodb(), setting("CACHE_TABLE"), failed=_failed)


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
