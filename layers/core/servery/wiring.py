"""The one place that reads the environment and makes clients, each on first use and once.

Third-party packages are imported inside the factories: a front function never imports numpy,
and a model server never imports boto3, only because this module is imported.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from servery.errors import FaultError

if TYPE_CHECKING:
    from servery.ports import ObjectStore, Registry, ReleaseQueue, TrainingQueue


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The time now, UTC."""
        return datetime.now(UTC)


def setting(name: str) -> str:
    """A setting of this function.

    Raises:
        FaultError: the template does not set it.
    """
    value = os.environ.get(name)
    if not value:
        raise FaultError(f"the setting {name} is missing")
    return value


def optional_setting(name: str, default: str = "") -> str:
    """A setting that may be absent."""
    return os.environ.get(name, default)


# --- artifacts ---


@cache
def object_store() -> ObjectStore:
    """The artifacts bucket."""
    import boto3  # noqa: PLC0415

    from servery.adapters.s3_object_store import S3ObjectStore  # noqa: PLC0415

    return S3ObjectStore(boto3.client("s3"), setting("ARTIFACTS_BUCKET"))


# --- registry ---


@cache
def registry() -> Registry:
    """The registry; a table that does not answer is given up after seconds, not a minute."""
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    from servery.adapters.dynamodb_registry import DynamoDbRegistry  # noqa: PLC0415

    config = Config(
        connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 3}
    )
    client = boto3.client("dynamodb", config=config)
    return DynamoDbRegistry(client, setting("REGISTRY_TABLE"), SystemClock())


@cache
def release_queue() -> ReleaseQueue:
    """What hands releases to the release function."""
    import boto3  # noqa: PLC0415

    from servery.adapters.lambda_release_queue import LambdaReleaseQueue  # noqa: PLC0415

    return LambdaReleaseQueue(boto3.client("lambda"), setting("RELEASE_FUNCTION"))


@cache
def training_queue() -> TrainingQueue:
    """What starts trainings."""
    import boto3  # noqa: PLC0415

    from servery.adapters.stepfunctions_training_queue import (  # noqa: PLC0415
        StepFunctionsTrainingQueue,
    )

    return StepFunctionsTrainingQueue(boto3.client("stepfunctions"), setting("BATCH_TRAINING_ARN"))
