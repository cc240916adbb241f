"""What several rooms use of AWS."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

from servery.wiring import clients
from servery.wiring.clients import Patience
from servery.wiring.settings import SystemClock, optional_setting, setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_lambda import LambdaClient

    from servery.adapters.dynamodb_keeping import DynamoDbKeeping
    from servery.adapters.kept_deployments import KeptDeployments
    from servery.adapters.lambda_model_servers import LambdaModelServers
    from servery.adapters.lambda_server_publisher import LambdaServerPublisher
    from servery.adapters.lean_dynamodb import LeanDynamoDb
    from servery.domain.manifest import Part, Runtime
    from servery.ports import ObjectStore, Registry, ReleaseExecutions, ReleaseQueue, ReleaseSignals


@cache
def object_store() -> ObjectStore:
    """The artifacts bucket."""
    from servery.adapters.s3_object_store import S3ObjectStore

    patience = Patience(connect_s=5, read_s=60, attempts=5)  # an artifact may be large
    return S3ObjectStore(clients.objects(patience), setting("ARTIFACTS_BUCKET"))


@cache
def registry() -> Registry:
    """The registry; a table that does not answer is given up after seconds, not a minute."""
    return _registry(clients.PATIENT)


@cache
def quick_registry() -> Registry:
    """The registry for who answers predictions: given up soon, the last record is at hand."""
    return _registry(Patience(connect_s=1, read_s=1, attempts=2))


@cache
def deployments() -> KeptDeployments:
    """Who answers for which model, at most two seconds old."""
    from servery.adapters.kept_deployments import KeptDeployments

    return KeptDeployments(quick_registry(), SystemClock())


def _registry(patience: Patience) -> Registry:
    from servery.adapters.dynamodb_registry import DynamoDbRegistry

    return DynamoDbRegistry(clients.dynamodb(patience), setting("REGISTRY_TABLE"), SystemClock())


@cache
def release_signals() -> ReleaseSignals:
    """What is said to releases under way."""
    from servery.adapters.dynamodb_release_signals import DynamoDbReleaseSignals

    return DynamoDbReleaseSignals(clients.dynamodb(), setting("REGISTRY_TABLE"), SystemClock())


@cache
def release_executions() -> ReleaseExecutions:
    """The executions that carry releases out."""
    from servery.adapters.stepfunctions_releases import StepFunctionsReleaseExecutions

    return StepFunctionsReleaseExecutions(clients.stepfunctions())


@cache
def keeping() -> DynamoDbKeeping:
    """Evaluations, retirements and retrainings."""
    from servery.adapters.dynamodb_keeping import DynamoDbKeeping

    return DynamoDbKeeping(clients.dynamodb(), setting("REGISTRY_TABLE"))


@cache
def release_queue() -> ReleaseQueue:
    """What hands releases to the state machine, candidates and rolls to the function."""
    from servery.adapters.lambda_release_queue import LambdaReleaseQueue
    from servery.adapters.stepfunctions_releases import StepFunctionsReleaseQueue

    return StepFunctionsReleaseQueue(
        clients.stepfunctions(),
        setting("TRAINING_TO_SERVING_ARN"),
        LambdaReleaseQueue(clients.functions(), setting("RELEASE_FUNCTION")),
    )


@cache
def lean_dynamodb() -> LeanDynamoDb:
    """DynamoDB for what stands in the way of every request; each call has its own time."""
    from servery.adapters.lean_dynamodb import LeanDynamoDb

    return LeanDynamoDb(
        connections=clients.connections(clients.address("dynamodb", "DYNAMODB")),
        region=clients.region(),
        credentials=clients.credentials,
        clock=SystemClock(),
    )


@cache
def model_servers() -> LambdaModelServers:
    """The model servers, each call of them with its own deadline."""
    from servery.adapters.lambda_model_servers import LambdaModelServers

    def client(seconds: float) -> LambdaClient:
        connect_s = min(2.0, seconds)
        return clients.functions(Patience(connect_s=connect_s, read_s=seconds, attempts=1))

    return LambdaModelServers(client)


@cache
def lean_model_servers() -> LambdaModelServers:
    """The model servers, without boto3: a client of it takes longer to make than a cold start."""
    from servery.adapters.lambda_model_servers import LambdaModelServers

    api = clients.lean_lambda()

    def client(seconds: float) -> LambdaClient:
        return cast("LambdaClient", api.within(seconds))

    return LambdaModelServers(client)


@cache
def lean_deployments() -> KeptDeployments:
    """Who answers for which model, at most two seconds old, without boto3."""
    from servery.adapters.kept_deployments import KeptDeployments
    from servery.adapters.lean_deployments import LeanDeployments

    reader = LeanDeployments(lean_dynamodb(), setting("REGISTRY_TABLE"))
    return KeptDeployments(reader, SystemClock())


@cache
def server_publisher() -> LambdaServerPublisher:
    """What publishes model servers, and knows which code is deployed."""
    return _publisher(clients.sdk("lambda"))


def deployed_code() -> Callable[[Runtime, Part | None], str]:
    """What knows which code is deployed, and does nothing else."""
    return _publisher(clients.functions()).code


def _publisher(client: LambdaClient) -> LambdaServerPublisher:
    from servery.adapters.lambda_model_layers import LambdaModelLayers
    from servery.adapters.lambda_server_publisher import LambdaServerPublisher
    from servery.domain.manifest import Runtime

    boosting = [layer for layer in [optional_setting("BOOSTING_LAYER_ARN")] if layer]
    # Only a release publishes; the registry's function asks for the deployed code alone.
    prefix = optional_setting("MODEL_LAYER_PREFIX")
    return LambdaServerPublisher(
        client,
        setting("PREDICTOR_FUNCTION"),
        setting("PREPROCESSOR_FUNCTION"),
        core_layer=setting("CORE_LAYER_ARN"),
        runtime_layers={
            Runtime.ONNX: [setting("ONNX_LAYER_ARN")],
            Runtime.JOBLIB: [setting("SKLEARN_LAYER_ARN"), setting("OWN_LAYER_ARN"), *boosting],
        },
        model_layers=LambdaModelLayers(client, prefix=prefix, bucket=setting("ARTIFACTS_BUCKET")),
    )
