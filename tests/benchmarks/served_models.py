"""The models that serving is measured with: three kinds, trained and exported as any other.

Breast cancer (569 rows of 30 numbers) by logistic regression behind a scaler, by a random forest
of 100 trees, and by histogram gradient boosting. Each is there as its real artifact, and as the
joblib file that anybody else would serve.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from fakes.training import Training, example
from servery.domain.deployment import Served, Server
from servery.domain.manifest import ModelRef
from servery.domain.serving import Mode
from servery.wiring import training as wiring

from benchmarks.one_function import ROOT, Subject

MODEL = "breast-cancer"
LOGISTIC, FOREST, BOOSTING = "logistic", "forest", "boosting"
ESTIMATORS: dict[str, dict[str, Any]] = {
    LOGISTIC: {"class": "sklearn.linear_model.LogisticRegression", "params": {"max_iter": 1000}},
    FOREST: {
        "class": "sklearn.ensemble.RandomForestClassifier",
        "params": {"n_estimators": 100},
    },
    BOOSTING: {
        "class": "sklearn.ensemble.HistGradientBoostingClassifier",
        "params": {"max_iter": 60, "learning_rate": 0.1},
    },
}
SERVER = Server(function="predictor:1", function_version="1", code="code-1", mode=Mode.LOAD)
HANDLERS = Path(__file__).parent / "handlers"


@dataclass(frozen=True)
class ServedModel:
    """One of them, on disk.

    Attributes:
        name: Which.
        ref: Its reference.
        folder: Where its files are: `servery_model/` as a layer brings it, and `model.joblib`.
        rows: Records that it may be asked, in the form of the API.
    """

    name: str
    ref: ModelRef
    folder: Path
    rows: list[dict[str, float]]

    @property
    def served(self) -> Served:
        """As a deployment record names it."""
        return Served(ref=self.ref, server=SERVER)

    @property
    def graph(self) -> bytes:
        """The bytes of its ONNX graph."""
        return (self.folder / "servery_model" / "model.onnx").read_bytes()

    def records(self, rows: int = 1) -> bytes:
        """A body that asks for so many rows."""
        chosen = [self.rows[index % len(self.rows)] for index in range(rows)]
        return json.dumps({"records": chosen}).encode()

    def tensors(self, rows: int = 1) -> bytes:
        """The same rows as one tensor."""
        chosen = [self.rows[index % len(self.rows)] for index in range(rows)]
        data = [value for row in chosen for value in row.values()]
        shape = [rows, len(chosen[0])]
        tensor = {"name": "input", "shape": shape, "datatype": "FP32", "data": data}
        return json.dumps({"inputs": [tensor]}).encode()

    def event(self, body: bytes) -> bytes:
        """What a model server is sent for a body."""
        event = {
            "verb": "infer",
            "ref": msgspec.to_builtins(self.ref),
            "request_id": "f6e0f0ee-5b3c-4a7f-8d54-3f5d0f8f3b6b",
            "body": body.decode(),
        }
        return json.dumps(event).encode()

    def in_image(self) -> Subject:
        """The model server, with the model in its image."""
        environment = {
            "POWERTOOLS_SERVICE_NAME": "predictor",
            "SERVERY_MODE": "image",
            "SERVERY_MODEL": self.ref.model,
            "SERVERY_RUNTIME": self.ref.runtime.value,
            "SERVERY_VERSION": self.ref.version,
            "SERVERY_TRAINING": self.ref.training,
            "SERVERY_DIGEST": self.ref.digest,
        }
        folder = ROOT / "functions" / "predictor"
        return Subject("predict.handler", folder, environment, [self.folder])

    def from_s3(self, address: str, bucket: str) -> Subject:
        """The model server that fetches the model when the first request names it."""
        environment = {
            "POWERTOOLS_SERVICE_NAME": "predictor",
            "SERVERY_MODE": "load",
            "SERVERY_MODEL": self.ref.model,
            "SERVERY_RUNTIME": self.ref.runtime.value,
            "ARTIFACTS_BUCKET": bucket,
            "AWS_ENDPOINT_URL_S3": address,
        }
        return Subject("predict.handler", ROOT / "functions" / "predictor", environment)

    def plain(self, **environment: str) -> Subject:
        """The plain handler with the same fitted pipeline."""
        settings = {"MODEL_FILE": str(self.folder / "model.joblib"), **environment}
        return Subject("plain.handler", HANDLERS, settings)


def proxy_event(body: bytes, model: str = MODEL) -> bytes:
    """The event of API Gateway for a request to predict."""
    event = {
        "resource": "/v2/models/{model}/infer",
        "path": f"/v2/models/{model}/infer",
        "httpMethod": "POST",
        "headers": {
            "accept": "*/*",
            "content-type": "application/json",
            "host": "abcdefghij.execute-api.eu-central-1.amazonaws.com",
            "user-agent": "python-httpx/0.28",
            "x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793",
            "x-api-key": "0123456789",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"model": model},
        "stageVariables": None,
        "requestContext": {
            "requestId": "f6e0f0ee-5b3c-4a7f-8d54-3f5d0f8f3b6b",
            "stage": "prod",
            "httpMethod": "POST",
            "resourcePath": "/v2/models/{model}/infer",
            "path": f"/prod/v2/models/{model}/infer",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": body.decode(),
        "isBase64Encoded": False,
    }
    return json.dumps(event).encode()


def served_model(name: str, folder: Path) -> ServedModel:
    """Train, export and store one of them below a folder."""
    spec, data = example(MODEL)
    spec = {**spec, "estimator": ESTIMATORS[name], "gates": {}}
    training_id = f"{MODEL}-{name}"
    measure = wiring.export_tools().measure
    training = Training(spec, data, training_id=training_id, measure=measure).run()
    version = training.state["register"]["version"]
    (registered,) = training.registry.trainings(MODEL, version)
    ref = registered.ref
    package = folder / name / "servery_model"
    package.mkdir(parents=True)
    for file in ("manifest.json", ref.runtime.filename):
        (package / file).write_bytes(training.store.get(f"{ref.prefix}/{file}"))
    fitted = training.store.get(f"trainings/{training_id}/model.joblib")
    (folder / name / "model.joblib").write_bytes(fitted)
    return ServedModel(name, ref, folder / name, _rows(data, spec["data"]["target"]))


def _rows(data: bytes, target: str) -> list[dict[str, float]]:
    """The inputs of the rows of a CSV file."""
    return [
        {name: float(value) for name, value in row.items() if name != target}
        for row in csv.DictReader(io.StringIO(data.decode()))
    ]
