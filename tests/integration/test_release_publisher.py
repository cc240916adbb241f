"""The publisher of model servers on an emulated Lambda: what is frozen, found again and deleted."""

from __future__ import annotations

import io
import json
import zipfile

import boto3
import pytest
from botocore.exceptions import ClientError
from fakes.moto_aws import moto_account
from fakes.records import a_ref, a_release
from moto import mock_aws
from servery.adapters.lambda_model_layers import LambdaModelLayers
from servery.adapters.lambda_release_queue import LambdaReleaseQueue
from servery.adapters.lambda_server_publisher import LambdaServerPublisher
from servery.domain.manifest import Part, Runtime
from servery.domain.serving import Mode
from servery.errors import FaultError, TooLargeError, UnavailableError

REGION = "eu-central-1"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "def handler(event, context): return event")
    return buffer.getvalue()


@pytest.fixture
def cloud(monkeypatch):
    moto_account(monkeypatch)
    with mock_aws():
        yield boto3.client("lambda", region_name=REGION)


@pytest.fixture
def layers(cloud):
    return {
        name: cloud.publish_layer_version(
            LayerName=name, Content={"ZipFile": zipped(f"{name}.py")}
        )["LayerVersionArn"]
        for name in ("core", "onnx", "sklearn")
    }


@pytest.fixture
def publisher(cloud, layers):
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": REGION})
    for number in (1, 2):
        s3.put_object(Bucket="artifacts", Key=f"images/iris/{number}.zip", Body=zipped("m.py"))
    iam = boto3.client("iam", region_name=REGION)
    role = iam.create_role(RoleName="predictor", AssumeRolePolicyDocument=json.dumps(TRUST))
    for name, verb in (("predictor", "predict"), ("preprocessor", "prepare")):
        cloud.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role["Role"]["Arn"],
            Handler=f"{verb}.handler",
            Code={"ZipFile": zipped(f"{verb}.py")},
            Environment={"Variables": {"ARTIFACTS_BUCKET": "artifacts", "SERVERY_MODEL": "stale"}},
            Layers=[layers["core"], layers["onnx"]],
        )
    return LambdaServerPublisher(
        cloud,
        "predictor",
        "preprocessor",
        core_layer=layers["core"],
        runtime_layers={Runtime.ONNX: [layers["onnx"]], Runtime.JOBLIB: [layers["sklearn"]]},
        model_layers=LambdaModelLayers(cloud, prefix="stack-model-", bucket="artifacts"),
        pause=lambda seconds: None,
    )


def frozen(cloud, server):
    config = cloud.get_function_configuration(FunctionName=server.function)
    return config["Environment"]["Variables"], [layer["Arn"] for layer in config["Layers"]]


def versions(cloud, function="predictor"):
    listed = cloud.list_versions_by_function(FunctionName=function)["Versions"]
    return [v["Version"] for v in listed if v["Version"] != "$LATEST"]


def test_only_the_name_is_pinned_when_the_server_loads(cloud, layers, publisher):
    server = publisher.publish(a_ref(), Mode.LOAD, "release-1")
    assert frozen(cloud, server) == (
        {
            "ARTIFACTS_BUCKET": "artifacts",
            "SERVERY_MODE": "load",
            "SERVERY_MODEL": "iris",
            "SERVERY_RUNTIME": "onnx",
            "SERVERY_RELEASE": "release-1",
        },
        [layers["core"], layers["onnx"]],
    )
    assert server.function == "predictor:1"
    assert server.layer == ""
    publisher.settle(server)


def test_everything_is_pinned_when_the_model_is_in_the_image(cloud, layers, publisher):
    ref = a_ref(runtime=Runtime.JOBLIB)
    server = publisher.publish(ref, Mode.IMAGE, "release-1", "images/iris/1.zip")
    environment, attached = frozen(cloud, server)
    assert environment == {
        "ARTIFACTS_BUCKET": "artifacts",
        "SERVERY_MODE": "image",
        "SERVERY_MODEL": "iris",
        "SERVERY_RUNTIME": "joblib",
        "SERVERY_RELEASE": "release-1",
        "SERVERY_VERSION": ref.version,
        "SERVERY_TRAINING": "tr0",
        "SERVERY_DIGEST": ref.digest,
    }
    assert attached == [layers["core"], layers["sklearn"], server.layer]
    assert server.layer.endswith(":layer:stack-model-iris:1")


def test_the_same_server_comes_back_when_it_was_published_before(cloud, publisher):
    first = publisher.publish(a_ref(), Mode.IMAGE, "release-1", "images/iris/1.zip")
    publisher.publish(a_ref(), Mode.LOAD, "release-2")
    assert publisher.publish(a_ref(), Mode.IMAGE, "release-1", "images/iris/1.zip") == first
    assert versions(cloud) == ["1", "2"]


def test_earlier_servers_stay_as_they_are_when_another_is_published(cloud, publisher):
    first = publisher.publish(a_ref(), Mode.IMAGE, "release-1", "images/iris/1.zip")
    before = frozen(cloud, first)
    publisher.publish(a_ref(model="wine"), Mode.LOAD, "release-2")
    assert frozen(cloud, first) == before


def test_the_code_is_another_when_code_or_a_layer_changes_and_not_by_publishing(
    cloud, layers, publisher
):
    onnx, joblib = publisher.code(Runtime.ONNX), publisher.code(Runtime.JOBLIB)
    assert onnx != joblib
    assert publisher.publish(a_ref(), Mode.LOAD, "release-1").code == onnx
    publisher.publish(a_ref(runtime=Runtime.JOBLIB), Mode.IMAGE, "release-2", "images/iris/1.zip")
    assert publisher.code(Runtime.ONNX) == onnx

    cloud.update_function_code(FunctionName="predictor", ZipFile=zipped("other.py"))
    assert publisher.code(Runtime.ONNX) != onnx


def test_nothing_but_what_is_kept_stays_when_a_model_is_swept(cloud, publisher):
    kept = publisher.publish(a_ref(), Mode.IMAGE, "release-1", "images/iris/1.zip")
    publisher.publish(a_ref(), Mode.IMAGE, "release-2", "images/iris/2.zip")
    wine = publisher.publish(a_ref(model="wine"), Mode.LOAD, "release-3")

    assert publisher.sweep("iris", [kept]) == ["predictor:2", "stack-model-iris:2"]

    assert versions(cloud) == [kept.function_version, wine.function_version]
    left = cloud.list_layer_versions(LayerName="stack-model-iris")["LayerVersions"]
    assert [v["Version"] for v in left] == [1]
    assert publisher.sweep("iris", [kept]) == []
    assert publisher.sweep("never-released", []) == []


def a_preprocessor(**changes):
    return a_ref(model="iris-features", part=Part.PREPROCESSOR, pair="a" * 32, **changes)


def test_preprocessor_is_published_from_its_own_function_when_it_is_released(cloud, publisher):
    predictor = publisher.publish(a_ref(part=Part.PREDICTOR, pair="a" * 32), Mode.LOAD, "release-1")
    server = publisher.publish(a_preprocessor(), Mode.LOAD, "release-2")
    assert (predictor.function, server.function) == ("predictor:1", "preprocessor:1")
    assert frozen(cloud, server)[0]["SERVERY_MODEL"] == "iris-features"
    assert publisher.publish(a_preprocessor(), Mode.LOAD, "release-2") == server
    assert (versions(cloud), versions(cloud, "preprocessor")) == (["1"], ["1"])
    publisher.settle(server)


def test_code_is_that_of_the_function_that_would_serve_when_it_is_asked_for(cloud, publisher):
    predictor = publisher.code(Runtime.ONNX, Part.PREDICTOR)
    preprocessor = publisher.code(Runtime.ONNX, Part.PREPROCESSOR)
    assert predictor == publisher.code(Runtime.ONNX) != preprocessor
    assert publisher.publish(a_preprocessor(), Mode.LOAD, "release-1").code == preprocessor

    cloud.update_function_code(FunctionName="preprocessor", ZipFile=zipped("other.py"))
    assert publisher.code(Runtime.ONNX, Part.PREPROCESSOR) != preprocessor
    assert publisher.code(Runtime.ONNX) == predictor


def test_servers_of_both_functions_go_when_a_model_is_swept(cloud, publisher):
    publisher.publish(a_ref(model="iris-features"), Mode.LOAD, "release-1")
    kept = publisher.publish(a_preprocessor(), Mode.LOAD, "release-2")
    publisher.publish(a_preprocessor(), Mode.LOAD, "release-3")
    wine = publisher.publish(a_ref(model="wine"), Mode.LOAD, "release-4")
    gone = publisher.sweep("iris-features", [kept])
    assert gone == ["predictor:1", "preprocessor:2"]
    assert versions(cloud) == [wine.function_version]
    assert versions(cloud, "preprocessor") == ["1"]


def test_unavailable_when_a_release_cannot_be_handed_over(cloud):
    with pytest.raises(UnavailableError, match="cannot be reached"):
        LambdaReleaseQueue(cloud, "no-such-function").start(a_release())


class Refusing:
    """A client of Lambda that refuses one call."""

    def __init__(self, client, operation, code, message="no"):
        self._client = client
        self._refused = operation
        self._error = ClientError(
            {
                "Error": {"Code": code, "Message": message},
                "ResponseMetadata": {"HTTPStatusCode": 400},
            },
            operation,
        )

    def __getattr__(self, name):
        if name != self._refused:
            return getattr(self._client, name)

        def refuse(**_):
            raise self._error

        return refuse


@pytest.mark.parametrize(
    ("operation", "code", "message", "expected"),
    [
        ("update_function_configuration", "ResourceConflictException", "", UnavailableError),
        ("publish_version", "PreconditionFailedException", "", UnavailableError),
        (
            "update_function_configuration",
            "InvalidParameterValueException",
            "Function code combined with layers exceeds the maximum allowed size of 262144000",
            TooLargeError,
        ),
        ("publish_version", "CodeStorageExceededException", "", FaultError),
        ("publish_layer_version", "AccessDeniedException", "", FaultError),
    ],
)
def test_the_error_says_what_to_do_when_lambda_refuses(
    cloud, layers, publisher, operation, code, message, expected
):
    client = Refusing(cloud, operation, code, message)
    refused = LambdaServerPublisher(
        client,
        "predictor",
        "preprocessor",
        core_layer=layers["core"],
        runtime_layers={Runtime.ONNX: [layers["onnx"]]},
        model_layers=LambdaModelLayers(client, prefix="stack-model-", bucket="artifacts"),
        pause=lambda seconds: None,
    )
    with pytest.raises(expected):
        refused.publish(a_ref(), Mode.IMAGE, "release-1", "images/iris/1.zip")
