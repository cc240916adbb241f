"""The one place that reads the environment and makes clients, each on first use and once.

Third-party packages are imported inside the factories: a front function never imports numpy,
and a model server never imports boto3, only because this module is imported.
"""

from __future__ import annotations

import os
import secrets
import time
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from servery.errors import FaultError

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient
    from mypy_boto3_lambda import LambdaClient

    from servery.adapters.firehose_prediction_log import FirehosePredictionLog
    from servery.adapters.lambda_model_servers import LambdaModelServers
    from servery.adapters.lambda_server_publisher import LambdaServerPublisher
    from servery.adapters.model_loader import ModelLoader
    from servery.domain.columns import DataSets
    from servery.domain.manifest import Runtime
    from servery.domain.signature import Signature
    from servery.domain.table import TableReader
    from servery.edge.after_response import AfterResponse
    from servery.edge.predictor import ModelServer
    from servery.ports import (
        ArtifactSource,
        ModelRuntime,
        ObjectStore,
        Registry,
        ReleaseQueue,
        TrainingQueue,
    )
    from servery.usecases.gateway import Gateway
    from servery.usecases.monitoring import Recorder
    from servery.usecases.predictor import Shelf
    from servery.usecases.registry.reading import RegistryReader
    from servery.usecases.release import ReleasePorts
    from servery.usecases.training.export import Tools
    from servery.usecases.training.register import Code
    from servery.usecases.training.train import Trainer
    from servery.usecases.web_single import WebSingle


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


def entropy() -> str:
    """A few random characters that make an id unique within a microsecond."""
    return secrets.token_hex(4)


@cache
def server_publisher() -> LambdaServerPublisher:
    """What publishes model servers, and knows which code is deployed."""
    import boto3  # noqa: PLC0415

    from servery.adapters.lambda_model_layers import LambdaModelLayers  # noqa: PLC0415
    from servery.adapters.lambda_server_publisher import LambdaServerPublisher  # noqa: PLC0415
    from servery.domain.manifest import Runtime  # noqa: PLC0415

    client = boto3.client("lambda")
    # Only a release publishes; the registry's function asks for the deployed code alone.
    prefix = optional_setting("MODEL_LAYER_PREFIX")
    return LambdaServerPublisher(
        client,
        setting("PREDICTOR_FUNCTION"),
        core_layer=setting("CORE_LAYER_ARN"),
        runtime_layers={
            Runtime.ONNX: setting("ONNX_LAYER_ARN"),
            Runtime.JOBLIB: setting("SKLEARN_LAYER_ARN"),
        },
        model_layers=LambdaModelLayers(client, prefix=prefix, bucket=setting("ARTIFACTS_BUCKET")),
    )


@cache
def registry_reader() -> RegistryReader:
    """What answers questions about what there is."""
    from servery.usecases.registry.reading import RegistryReader  # noqa: PLC0415

    return RegistryReader(
        registry(), object_store(), code=server_publisher().code, clock=SystemClock()
    )


# --- release ---


@cache
def release_ports() -> ReleasePorts:
    """What a release works with."""
    from servery.usecases.release import ReleasePorts  # noqa: PLC0415

    return ReleasePorts(
        registry=registry(),
        objects=object_store(),
        publisher=server_publisher(),
        servers=model_servers(),
        clock=SystemClock(),
        pause=time.sleep,
    )


# --- gateway ---


def in_lambda() -> bool:
    """Whether this process is an execution environment, and not a test or a tool."""
    return bool(optional_setting("AWS_LAMBDA_FUNCTION_NAME"))


def allowed_origins() -> str:
    """The origins whose pages may call, separated by commas."""
    return optional_setting("ALLOWED_ORIGINS")


@cache
def model_servers() -> LambdaModelServers:
    """The model servers, each call of them with its own deadline."""
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    from servery.adapters.lambda_model_servers import LambdaModelServers  # noqa: PLC0415

    def client(seconds: float) -> LambdaClient:
        config = Config(
            connect_timeout=min(2.0, seconds),
            read_timeout=seconds,
            retries={"mode": "standard", "total_max_attempts": 1},
        )
        return boto3.client("lambda", config=config)

    return LambdaModelServers(client)


@cache
def gateway() -> Gateway:
    """Who answers predictions; a registry that is slow is given up soon, its record is at hand."""
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    from servery.adapters.dynamodb_registry import DynamoDbRegistry  # noqa: PLC0415
    from servery.domain.spec import Serving  # noqa: PLC0415
    from servery.usecases.gateway import Deployments, Gateway  # noqa: PLC0415

    clock = SystemClock()
    config = Config(
        connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2}
    )
    client = boto3.client("dynamodb", config=config)
    records = DynamoDbRegistry(client, setting("REGISTRY_TABLE"), clock)
    servers = model_servers()
    servers.prepare(Serving().deadline_ms / 1000)
    return Gateway(Deployments(records, clock), servers, clock)


# --- predictor ---


def model_loader(source: ArtifactSource) -> ModelLoader:
    """What loads models out of a source, checked and proven."""
    from servery.adapters.model_loader import ModelLoader  # noqa: PLC0415
    from servery.adapters.runtimes import load_runtime  # noqa: PLC0415
    from servery.edge.inference import Codec  # noqa: PLC0415

    return ModelLoader(source, load_runtime, Codec)


@cache
def s3_artifacts() -> ArtifactSource:
    """The artifacts bucket without boto3; credentials are read anew for each request."""
    from servery.adapters.s3_artifact_source import S3ArtifactSource  # noqa: PLC0415
    from servery.adapters.sigv4 import Credentials  # noqa: PLC0415

    def credentials() -> Credentials:
        return Credentials(
            setting("AWS_ACCESS_KEY_ID"),
            setting("AWS_SECRET_ACCESS_KEY"),
            optional_setting("AWS_SESSION_TOKEN"),
        )

    return S3ArtifactSource(
        setting("ARTIFACTS_BUCKET"),
        region=optional_setting("AWS_REGION") or setting("AWS_DEFAULT_REGION"),
        credentials=credentials,
        clock=SystemClock(),
        endpoint=optional_setting("AWS_ENDPOINT_URL_S3") or optional_setting("AWS_ENDPOINT_URL"),
    )


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
    return ModelServer(shelf, code=optional_setting("AWS_LAMBDA_FUNCTION_VERSION"), init_ms=init_ms)


def _warm_up() -> None:
    if not optional_setting("SERVERY_MODE"):
        return  # not published: it answers nobody
    from servery.adapters.runtimes import installed_version  # noqa: PLC0415
    from servery.domain.manifest import Runtime  # noqa: PLC0415

    installed_version(Runtime(setting("SERVERY_RUNTIME")))
    shelf().warm_up()


# --- web_single ---


def api_url() -> str:
    """Address of the gateway API, for a page that runs by itself; else its stage tells it."""
    return optional_setting("API_URL")


@cache
def web_single() -> WebSingle:
    """The model of the page: that of the image where there is one, else the champion."""
    from importlib.util import find_spec  # noqa: PLC0415

    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    from servery.adapters.dynamodb_registry import DynamoDbRegistry  # noqa: PLC0415
    from servery.adapters.image_artifact_source import (  # noqa: PLC0415
        MANIFEST,
        PACKAGE,
        ImageArtifactSource,
        model_package,
    )
    from servery.usecases.web_single import WebSingle, champion_of, packaged  # noqa: PLC0415

    model, clock = setting("WEB_MODEL"), SystemClock()
    impatient = Config(
        connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2}
    )
    client = boto3.client("dynamodb", config=impatient)
    records = DynamoDbRegistry(client, setting("REGISTRY_TABLE"), clock)
    if find_spec(PACKAGE) is not None:
        manifest = (model_package() / MANIFEST).read_bytes()
        loader = model_loader(ImageArtifactSource())
        return WebSingle(model, packaged(manifest, records, model), loader.load, clock)
    loader = model_loader(s3_artifacts())
    return WebSingle(model, champion_of(records, model), loader.load, clock)


# --- training ---


@cache
def datasets() -> DataSets:
    """Typed columns in the artifacts bucket."""
    from servery.adapters.npz_datasets import NpzDataSets  # noqa: PLC0415

    return NpzDataSets(object_store())


def table_reader(data_format: str) -> TableReader:
    """What reads a format of raw data; only Parquet needs pyarrow."""
    if data_format == "parquet":
        from servery.adapters.parquet_table import read_parquet  # noqa: PLC0415

        return read_parquet
    from servery.adapters.csv_table import read_csv  # noqa: PLC0415

    return read_csv


def trainer() -> Trainer:
    """What fits pipelines."""
    from servery.adapters.sklearn_trainer import fit  # noqa: PLC0415

    return fit


def runtime_loader(
    runtime: Runtime, content: bytes, *, digest: str, signature: Signature
) -> ModelRuntime:
    """The runtime that will serve, of a model that has no manifest yet."""
    if runtime.value == "onnx":
        from servery.adapters.onnx_runtime import OnnxRuntime  # noqa: PLC0415

        return OnnxRuntime.load(content, digest=digest, signature=signature)
    from servery.adapters.sklearn_runtime import SklearnRuntime  # noqa: PLC0415

    return SklearnRuntime.load(content, digest=digest, signature=signature)


def export_tools() -> Tools:
    """What compiles, proves and measures."""
    from servery.adapters.onnx_exporter import export, export_libraries  # noqa: PLC0415
    from servery.adapters.stopwatch import measure  # noqa: PLC0415
    from servery.usecases.training.export import Tools  # noqa: PLC0415

    return Tools(
        export=export,
        load=runtime_loader,
        measure=measure,
        now=time.perf_counter,
        libraries=export_libraries(),
    )


@cache
def training_code() -> Code:
    """Which code makes models here."""
    from servery.adapters.source_digest import library_digest, logic_digest  # noqa: PLC0415
    from servery.usecases.training.register import Code  # noqa: PLC0415

    return Code(library=library_digest(), training=logic_digest())


# --- monitoring ---


@cache
def prediction_log() -> FirehosePredictionLog:
    """The prediction log; what it loses becomes a metric of this function."""
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    from servery.adapters.firehose_prediction_log import FirehosePredictionLog  # noqa: PLC0415
    from servery.edge.telemetry import emit  # noqa: PLC0415

    service = setting("POWERTOOLS_SERVICE_NAME")
    config = Config(
        connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 1}
    )

    @cache
    def client() -> FirehoseClient:
        return boto3.client("firehose", config=config)

    return FirehosePredictionLog(
        client,
        setting("PREDICTION_LOG_STREAM"),
        lost=lambda lines: emit(service, {"PredictionLogLost": (lines, "Count")}),
    )


@cache
def prediction_recorder() -> Recorder:
    """What requests to predict are logged by."""
    from servery.usecases.monitoring import Recorder  # noqa: PLC0415

    return Recorder(prediction_log(), SystemClock())


@cache
def after_response() -> AfterResponse:
    """Writes the prediction log when a response has left; start it while Lambda still inits."""
    from servery.edge.after_response import AfterResponse  # noqa: PLC0415

    return AfterResponse(
        lambda seconds: prediction_log().flush(seconds),
        optional_setting("AWS_LAMBDA_RUNTIME_API"),
    )
