"""What several rooms use of AWS, and how long their clients wait."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

from servery.wiring.settings import SystemClock, optional_setting, setting
from servery.wiring.snapshots import let_go

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_lambda import LambdaClient

    from servery.adapters.container_credentials import ContainerCredentials
    from servery.adapters.dynamodb_keeping import DynamoDbKeeping
    from servery.adapters.kept_connections import KeptConnections
    from servery.adapters.kept_deployments import KeptDeployments
    from servery.adapters.lambda_model_servers import LambdaModelServers
    from servery.adapters.lambda_server_publisher import LambdaServerPublisher
    from servery.adapters.lean_dynamodb import LeanDynamoDb
    from servery.adapters.lean_firehose import LeanFirehose
    from servery.adapters.sigv4 import Credentials
    from servery.ports import ObjectStore, Registry, ReleaseExecutions, ReleaseQueue, ReleaseSignals

MOST_CONNECTIONS = 32  # of threads that ask at the same time
_CREDENTIALS_ADDRESS = "AWS_CONTAINER_CREDENTIALS_FULL_URI"


def patience(*, connect_s: float, read_s: float, attempts: int, connections: int = 10) -> Config:
    """How long a client waits, in seconds, how often it tries in all, and what it keeps open."""
    from botocore.config import Config

    return Config(
        connect_timeout=connect_s,
        read_timeout=read_s,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=connections,
    )


@cache
def object_store() -> ObjectStore:
    """The artifacts bucket."""
    import boto3

    from servery.adapters.s3_object_store import S3ObjectStore

    return S3ObjectStore(boto3.client("s3"), setting("ARTIFACTS_BUCKET"))


@cache
def registry() -> Registry:
    """The registry; a table that does not answer is given up after seconds, not a minute."""
    return _registry(patience(connect_s=2, read_s=5, attempts=4))


@cache
def quick_registry() -> Registry:
    """The registry for who answers predictions: given up soon, the last record is at hand."""
    return _registry(patience(connect_s=1, read_s=1, attempts=2))


@cache
def deployments() -> KeptDeployments:
    """Who answers for which model, at most two seconds old."""
    from servery.adapters.kept_deployments import KeptDeployments

    return KeptDeployments(quick_registry(), SystemClock())


def _registry(config: Config) -> Registry:
    import boto3

    from servery.adapters.dynamodb_registry import DynamoDbRegistry

    client = boto3.client("dynamodb", config=config)
    return DynamoDbRegistry(client, setting("REGISTRY_TABLE"), SystemClock())


@cache
def release_signals() -> ReleaseSignals:
    """What is said to releases under way."""
    import boto3

    from servery.adapters.dynamodb_release_signals import DynamoDbReleaseSignals

    client = boto3.client("dynamodb", config=patience(connect_s=2, read_s=5, attempts=4))
    return DynamoDbReleaseSignals(client, setting("REGISTRY_TABLE"), SystemClock())


@cache
def release_executions() -> ReleaseExecutions:
    """The executions that carry releases out."""
    import boto3

    from servery.adapters.stepfunctions_releases import StepFunctionsReleaseExecutions

    return StepFunctionsReleaseExecutions(boto3.client("stepfunctions"))


@cache
def keeping() -> DynamoDbKeeping:
    """Evaluations, retirements and retrainings."""
    import boto3

    from servery.adapters.dynamodb_keeping import DynamoDbKeeping

    config = patience(connect_s=2, read_s=5, attempts=4)
    return DynamoDbKeeping(boto3.client("dynamodb", config=config), setting("REGISTRY_TABLE"))


@cache
def release_queue() -> ReleaseQueue:
    """What hands releases to the state machine, candidates and rolls to the function."""
    import boto3

    from servery.adapters.lambda_release_queue import LambdaReleaseQueue
    from servery.adapters.stepfunctions_releases import StepFunctionsReleaseQueue

    return StepFunctionsReleaseQueue(
        boto3.client("stepfunctions"),
        setting("TRAINING_TO_SERVING_ARN"),
        LambdaReleaseQueue(boto3.client("lambda"), setting("RELEASE_FUNCTION")),
    )


def credentials() -> Credentials:
    """Who asks, without an SDK; read anew for each request.

    Raises:
        FaultError: nobody has told.
        UnavailableError: with SnapStart: those who tell do not answer now.
    """
    from servery.adapters.sigv4 import Credentials

    key = optional_setting("AWS_ACCESS_KEY_ID")
    if not key and optional_setting(_CREDENTIALS_ADDRESS):
        return container_credentials().get()
    return Credentials(
        key or setting("AWS_ACCESS_KEY_ID"),
        setting("AWS_SECRET_ACCESS_KEY"),
        optional_setting("AWS_SESSION_TOKEN"),
    )


@cache
def container_credentials() -> ContainerCredentials:
    """Who asks, where SnapStart leaves the keys out of the environment."""
    from servery.adapters.container_credentials import ContainerCredentials

    token = optional_setting("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    return ContainerCredentials(setting(_CREDENTIALS_ADDRESS), token, SystemClock())


let_go(container_credentials.cache_clear)


def region() -> str:
    """Where everything is."""
    return optional_setting("AWS_REGION") or setting("AWS_DEFAULT_REGION")


def endpoint(service: str) -> str:
    """Address of a service of another cloud than AWS's; empty for AWS's own."""
    of_service = optional_setting(f"AWS_ENDPOINT_URL_{service}")
    return of_service or optional_setting("AWS_ENDPOINT_URL")


@cache
def lean_dynamodb() -> LeanDynamoDb:
    """DynamoDB for what stands in the way of every request; each call has its own time."""
    from servery.adapters.lean_dynamodb import LeanDynamoDb

    return LeanDynamoDb(
        connections=_connections("dynamodb"),
        region=region(),
        credentials=credentials,
        clock=SystemClock(),
    )


@cache
def model_servers() -> LambdaModelServers:
    """The model servers, each call of them with its own deadline."""
    import boto3

    from servery.adapters.lambda_model_servers import LambdaModelServers

    def client(seconds: float) -> LambdaClient:
        config = patience(connect_s=min(2.0, seconds), read_s=seconds, attempts=1)
        return boto3.client("lambda", config=config)

    return LambdaModelServers(client)


class _Keys(NamedTuple):
    access_key: str
    secret_key: str
    token: str


class _OfTheEnvironment:
    """The credentials that Lambda gives, as the adapter asks for them."""

    def get_frozen_credentials(self) -> _Keys:
        now = credentials()
        return _Keys(now.access_key, now.secret_key, now.session_token)


def _address(service: str) -> str:
    """Where a service is, without an SDK to ask."""
    place = region()
    ending = "amazonaws.com.cn" if place.startswith("cn-") else "amazonaws.com"
    return (endpoint(service.upper()) or f"https://{service}.{place}.{ending}").rstrip("/")


def _connections(service: str) -> KeptConnections:
    from servery.adapters.kept_connections import KeptConnections

    made = KeptConnections(_address(service), most=MOST_CONNECTIONS)
    let_go(made.clear)
    return made


@cache
def lean_model_servers() -> LambdaModelServers:
    """The model servers, without boto3: a client of it takes longer to make than a cold start."""
    from servery.adapters.lambda_model_servers import LambdaModelServers
    from servery.adapters.lean_lambda import LeanLambda

    api = LeanLambda(
        connections=_connections("lambda"),
        region=region(),
        credentials=_OfTheEnvironment(),
        clock=SystemClock(),
        trace=lambda: optional_setting("_X_AMZN_TRACE_ID"),
    )

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
def lean_firehose() -> LeanFirehose:
    """Firehose, without boto3."""
    from servery.adapters.lean_firehose import LeanFirehose

    return LeanFirehose(
        connections=_connections("firehose"),
        region=region(),
        credentials=credentials,
        clock=SystemClock(),
    )


@cache
def server_publisher() -> LambdaServerPublisher:
    """What publishes model servers, and knows which code is deployed."""
    import boto3

    from servery.adapters.lambda_model_layers import LambdaModelLayers
    from servery.adapters.lambda_server_publisher import LambdaServerPublisher
    from servery.domain.manifest import Runtime

    client = boto3.client("lambda")
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
