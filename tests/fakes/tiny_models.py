"""Small real models, trained and exported in a moment, as artifacts in memory."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import joblib
import msgspec
import numpy as np
import onnxruntime
import sklearn
from numpy.typing import NDArray
from servery.adapters.sklearn_runtime import feature_matrix
from servery.domain.digest import digest_bytes
from servery.domain.manifest import Lineage, Manifest, ModelRef, Parity, Runtime, Sample
from servery.domain.serving import Limits
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.errors import ArtifactError
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

_rng = np.random.default_rng(0)
NUMERIC: NDArray[np.float32] = _rng.normal(size=(60, 2)).astype(np.float32)
TEXT: NDArray[np.object_] = np.array([["a", "b", "c"][i % 3] for i in range(60)], object)[:, None]


@dataclass
class MemoryArtifacts:
    """An artifact source that can be told to fail, and counts what is read."""

    files: dict[str, bytes] = field(default_factory=dict)
    fails: Exception | None = None
    reads: list[str] = field(default_factory=list)

    def read(self, ref: ModelRef, filename: str) -> bytes:
        self.reads.append(f"{ref.prefix}/{filename}")
        if self.fails is not None:
            raise self.fails
        try:
            return self.files[f"{ref.prefix}/{filename}"]
        except KeyError as error:
            raise ArtifactError(f"{filename} is missing") from error


def signature(output: Output, *, text: bool) -> Signature:
    """Two numbers, and a text where it is wanted."""
    inputs = [Field(name="width", dtype=Dtype.FLOAT), Field(name="height", dtype=Dtype.FLOAT)]
    if text:
        inputs.insert(1, Field(name="kind", dtype=Dtype.STRING, categories=["a", "b", "c"]))
    task = Task.REGRESSION if output.classes is None else Task.CLASSIFICATION
    return Signature(task=task, inputs=inputs, output=output)


def pipeline(target: NDArray[Any], *, regression: bool, text: bool) -> Pipeline:
    """Scaling, encoding and a linear model, fitted."""
    estimator = LinearRegression() if regression else LogisticRegression()
    steps = [("numbers", StandardScaler(), [0, 1])]
    if text:
        steps.append(("texts", OneHotEncoder(handle_unknown="ignore"), [2]))
    matrix = feature_matrix(NUMERIC, TEXT if text else None)
    return make_pipeline(ColumnTransformer(steps), estimator).fit(matrix, target)


def to_joblib(fitted: Pipeline) -> bytes:
    """The bytes of `model.joblib`."""
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer)
    return buffer.getvalue()


def to_graph(fitted: Pipeline, *, text: bool) -> bytes:
    """The bytes of `model.onnx`."""
    types: list[Any] = [("numeric", FloatTensorType([None, 2]))]
    if text:
        types.append(("text", StringTensorType([None, 1])))
    options = {"zipmap": False} if hasattr(fitted, "predict_proba") else None
    graph = to_onnx(fitted, initial_types=types, options=options)
    return bytes(graph.SerializeToString())


@cache
def shape_model(runtime: Runtime = Runtime.ONNX) -> tuple[Signature, bytes, Sample]:
    """A classifier of two numbers and a text into `big` and `small`, with its sample."""
    target = np.where(NUMERIC.sum(axis=1) + (TEXT[:, 0] == "a") > 0.3, "big", "small")
    fitted = pipeline(target, regression=False, text=True)
    wanted = Output(name="size", dtype=Dtype.STRING, classes=["big", "small"], probabilities=True)
    rows = feature_matrix(NUMERIC[:4], TEXT[:4])
    records = [
        {"width": float(w), "kind": kind, "height": float(h)}
        for (w, h), (kind,) in zip(NUMERIC[:4], TEXT[:4], strict=True)
    ]
    sample = Sample(
        records=records,
        classes=fitted.predict(rows).tolist(),
        scores=fitted.predict_proba(rows).tolist(),
    )
    content = to_joblib(fitted) if runtime is Runtime.JOBLIB else to_graph(fitted, text=True)
    return signature(wanted, text=True), content, sample


def add_model(
    artifacts: MemoryArtifacts,
    version: str = "1.0.0-1.1",
    *,
    model: str = "shapes",
    runtime: Runtime = Runtime.ONNX,
    **changed: Any,
) -> ModelRef:
    """Put an artifact into a source.

    Args:
        artifacts: Where it goes.
        version: What it is called.
        model: Name of the model.
        runtime: What computes its answers.
        changed: Fields of the manifest that are not as they should be.
    """
    like, content, sample = shape_model(runtime)
    manifest = Manifest(
        model=model,
        version="0.0.0-1.1",
        training="tr0",
        created="2026-03-01T12:00:00+00:00",
        owner="geometry",
        signature=like,
        limits=Limits(max_rows=100, max_body_kb=50),
        runtime=runtime,
        runtime_reason="",
        libraries={"onnxruntime": onnxruntime.__version__, "scikit-learn": sklearn.__version__},
        files={runtime.filename: digest_bytes(content)},
        metrics={"accuracy": 0.9},
        figures={},
        parity=Parity(exported=runtime is Runtime.ONNX),
        sample=sample,
        lineage=Lineage(
            training_id="t", source_uri="", source_digest="", dataset="", split="", code="", spec={}
        ),
    )
    said = msgspec.json.encode(msgspec.structs.replace(manifest, **changed))
    prefix = f"models/{model}/{version}/tr0"
    artifacts.files |= {f"{prefix}/{runtime.filename}": content, f"{prefix}/manifest.json": said}
    return ModelRef(
        model=model,
        version=version,
        training="tr0",
        prefix=prefix,
        digest=digest_bytes(content),
        manifest_digest=digest_bytes(said),
        runtime=runtime,
    )
