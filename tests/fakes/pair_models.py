"""A small real pair: scaling and encoding in one graph, a linear classifier in the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import numpy as np
import onnxruntime
from fakes.tiny_models import NUMERIC, TEXT, MemoryArtifacts, shape_model, signature
from numpy.typing import NDArray
from servery.adapters.sklearn_runtime import feature_matrix
from servery.domain.digest import digest_bytes
from servery.domain.manifest import (
    Lineage,
    Manifest,
    ModelRef,
    Pair,
    Parity,
    Part,
    Runtime,
    Sample,
    pair_id,
)
from servery.domain.serving import Limits
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NAMES = ["width", "height", "kind a (100%)", "kind_b", "kind_c"]
ROWS: list[dict[str, Any]] = [
    {"width": float(w), "kind": kind, "height": float(h)}
    for (w, h), (kind,) in zip(NUMERIC, TEXT, strict=True)
]


@dataclass(frozen=True)
class Halves:
    """Both graphs of a training, and what they say to its rows."""

    preprocessor: bytes
    predictor: bytes
    features: NDArray[np.float32]
    labels: list[str]
    scores: NDArray[np.float32]

    @property
    def digests(self) -> tuple[str, str]:
        return digest_bytes(self.preprocessor), digest_bytes(self.predictor)


@cache
def halves(bound: float = 0.3) -> Halves:
    """The two graphs of a training; another `bound` is another training."""
    target = np.where(NUMERIC.sum(axis=1) + (TEXT[:, 0] == "a") > bound, "big", "small")
    rows = feature_matrix(NUMERIC, TEXT)
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), [0, 1]),
            ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [2]),
        ]
    ).fit(rows[: int(40 + 10 * bound)])
    types = [("numeric", FloatTensorType([None, 2])), ("text", StringTensorType([None, 1]))]
    before = to_onnx(columns, initial_types=types).SerializeToString()
    (features,) = _run(before, {"numeric": NUMERIC, "text": TEXT})
    model = LogisticRegression().fit(features, target)
    after = to_onnx(
        model,
        initial_types=[("numeric", FloatTensorType([None, len(NAMES)]))],
        options={"zipmap": False},
    ).SerializeToString()
    labels, scores = _run(after, {"numeric": features})
    return Halves(before, after, features, labels.tolist(), scores)


def add_pair(
    artifacts: MemoryArtifacts, version: str = "1.0.0-1.1", *, bound: float = 0.3, **limits: int
) -> tuple[ModelRef, ModelRef]:
    """Put both artifacts of a training into a source; preprocessor, predictor."""
    both = halves(bound)
    return tuple(  # type: ignore[return-value]
        add_half(artifacts, part, both, version, limits=Limits(**limits)) for part in Part
    )


def pair_of(both: Halves, part: Part) -> Pair:
    """What the manifest of a half says."""
    before, after = both.digests
    partner = "shapes" if part is Part.PREPROCESSOR else "shapes-features"
    id_ = pair_id(before, after)
    return Pair(id=id_, part=part, partner=partner, preprocessor=before, predictor=after)


def add_half(
    artifacts: MemoryArtifacts,
    part: Part,
    both: Halves,
    version: str = "1.0.0-1.1",
    **changed: Any,
) -> ModelRef:
    """Put one artifact into a source; `changed` are fields that are not as they should be."""
    prepares = part is Part.PREPROCESSOR
    model = "shapes-features" if prepares else "shapes"
    content = both.preprocessor if prepares else both.predictor
    pair = pair_of(both, part)
    digest = digest_bytes(content)
    manifest = Manifest(
        model=model,
        version="0.0.0-1.1",
        training="tr0",
        created="2026-03-01T12:00:00+00:00",
        owner="geometry",
        signature=_signature(part),
        limits=Limits(),
        runtime=Runtime.ONNX,
        runtime_reason="",
        libraries={"onnxruntime": onnxruntime.__version__},
        files={"model.onnx": digest},
        metrics={},
        figures={},
        parity=Parity(exported=True),
        sample=_sample(part, both),
        lineage=Lineage(
            training_id="t", source_uri="", source_digest="", dataset="", split="", code="", spec={}
        ),
        pair=pair,
    )
    said = msgspec.json.encode(msgspec.structs.replace(manifest, **changed))
    prefix = f"models/{model}/{version}/tr0"
    artifacts.files |= {f"{prefix}/model.onnx": content, f"{prefix}/manifest.json": said}
    return ModelRef(
        model=model,
        version=version,
        training="tr0",
        prefix=prefix,
        digest=digest,
        manifest_digest=digest_bytes(said),
        runtime=Runtime.ONNX,
        part=part,
        pair=pair.id,
    )


def _signature(part: Part) -> Signature:
    if part is Part.PREPROCESSOR:
        output = Output(name="features", dtype=Dtype.FLOAT, features=NAMES)
        whole = signature(output, text=True)
        return msgspec.structs.replace(whole, task=Task.PREPROCESSING)
    inputs = [Field(name=name, dtype=Dtype.FLOAT) for name in NAMES]
    return msgspec.structs.replace(shape_model()[0], inputs=inputs)


def _sample(part: Part, both: Halves) -> Sample:
    if part is Part.PREPROCESSOR:
        return Sample(records=ROWS[:4], scores=both.features[:4].tolist())
    records = [dict(zip(NAMES, row.tolist(), strict=True)) for row in both.features[:4]]
    return Sample(records=records, classes=both.labels[:4], scores=both.scores[:4].tolist())


def _run(graph: bytes, feed: dict[str, Any]) -> list[Any]:
    session = onnxruntime.InferenceSession(graph)
    return list(session.run(None, feed))
