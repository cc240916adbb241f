"""The registry: what tells what there is and takes requests to release."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from servery.wiring.aws import (
    keeping,
    model_servers,
    object_store,
    patience,
    registry,
    server_publisher,
)
from servery.wiring.settings import SystemClock, allowed_origins, optional_setting, setting

if TYPE_CHECKING:
    from servery.ports import ReleaseQueue
    from servery.usecases.registry.reading import RegistryReader
    from servery.usecases.registry.retire_ports import Removal, RetirePorts
    from servery.usecases.registry.versions import VersionReader

__all__ = [
    "SystemClock",
    "allowed_origins",
    "entropy",
    "keeping",
    "model_servers",
    "object_store",
    "registry",
    "registry_reader",
    "release_queue",
    "removal",
    "retire_ports",
    "version_reader",
]


@cache
def registry_reader() -> RegistryReader:
    """What answers questions about what there is."""
    from servery.usecases.registry.reading import RegistryReader

    return RegistryReader(
        registry(),
        object_store(),
        code=server_publisher().code,
        clock=SystemClock(),
        kept=keeping(),
    )


@cache
def version_reader() -> VersionReader:
    """What answers questions about versions."""
    from servery.adapters.deployed_libraries import deployed_libraries
    from servery.usecases.registry.versions import VersionReader

    absent = () if optional_setting("BOOSTING_LAYER_ARN") else ("lightgbm", "xgboost")

    def libraries() -> dict[str, str]:
        return {name: v for name, v in deployed_libraries().items() if name not in absent}

    return VersionReader(registry(), object_store(), libraries=libraries)


@cache
def release_queue() -> ReleaseQueue:
    """What hands releases to the release function."""
    import boto3

    from servery.adapters.lambda_release_queue import LambdaReleaseQueue

    return LambdaReleaseQueue(boto3.client("lambda"), setting("RELEASE_FUNCTION"))


def entropy() -> str:
    """A few random characters that make an id unique within a microsecond."""
    import secrets

    return secrets.token_hex(4)


@cache
def retire_ports() -> RetirePorts:
    """What tells whether a version may go."""
    import boto3

    from servery.adapters.dynamodb_batches import DynamoDbBatches
    from servery.adapters.dynamodb_graph_jobs import DynamoDbGraphJobs
    from servery.adapters.dynamodb_graphs import DynamoDbGraphs
    from servery.adapters.dynamodb_job_lists import AT_ONCE
    from servery.adapters.dynamodb_jobs import DynamoDbJobs
    from servery.usecases.registry.retire_ports import RetirePorts

    config = patience(connect_s=2, read_s=5, attempts=4, connections=AT_ONCE)
    client = boto3.client("dynamodb", config=config)
    jobs = setting("JOBS_TABLE")
    return RetirePorts(
        registry=registry(),
        kept=keeping(),
        graphs=DynamoDbGraphs(client, setting("REGISTRY_TABLE")),
        graph_jobs=DynamoDbGraphJobs(client, jobs),
        jobs=DynamoDbJobs(client, jobs),
        batches=DynamoDbBatches(client, jobs),
        clock=SystemClock(),
        entropy=entropy,
    )


@cache
def removal() -> Removal:
    """What takes away what is retired, and tells of it."""
    import boto3

    from servery.adapters.eventbridge_retirement_events import EventBridgeRetirementEvents
    from servery.usecases.registry.retire_ports import Removal

    events = boto3.client("events", config=patience(connect_s=2, read_s=5, attempts=4))
    return Removal(
        publisher=server_publisher(),
        objects=object_store(),
        events=EventBridgeRetirementEvents(events),
    )
