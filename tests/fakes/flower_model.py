"""A small real model: a linear classifier of flowers as ONNX, with its manifest and reference."""

from __future__ import annotations

from typing import Any

import msgspec
import onnx
import onnxruntime
from fakes.signatures import FLOWERS
from onnx import TensorProto, helper
from servery.domain.digest import digest_bytes
from servery.domain.manifest import (
    Latency,
    Lineage,
    Manifest,
    ModelRef,
    Parity,
    Runtime,
    RuntimeFigures,
    Sample,
)
from servery.domain.serving import Limits
from servery.domain.signature import Dtype, Field, Signature
from servery.ports import ObjectStore

CLASSES = FLOWERS.output.classes or []
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
VERSION = "1.1.0-dabc1234.sdef5678"


def with_examples(signature: Signature) -> Signature:
    """The signature with an example for each input, as a training finds them."""
    inputs = [msgspec.structs.replace(f, example=FLOWER[f.name]) for f in signature.inputs]
    return msgspec.structs.replace(signature, inputs=inputs)


def images(side: int) -> Signature:
    """The flowers as square images, each pixel from 0 to 16."""
    names = [f"pixel_{row}_{column}" for row in range(side) for column in range(side)]
    inputs = [Field(name=n, dtype=Dtype.INT, minimum=0, maximum=16, example=0) for n in names]
    return msgspec.structs.replace(FLOWERS, inputs=inputs)


def flower_onnx(favourite: str = "setosa", inputs: int = 4) -> bytes:
    """A graph that prefers one class, whatever it is asked, and the more the larger input one."""
    row = CLASSES.index(favourite)
    weights = [[0.1 * (i == row)] + [0.0] * (inputs - 1) for i in range(len(CLASSES))]
    node = helper.make_node(
        "LinearClassifier",
        ["numeric"],
        ["label", "scores"],
        domain="ai.onnx.ml",
        coefficients=[weight for line in weights for weight in line],
        intercepts=[1.0 if i == row else 0.0 for i in range(len(CLASSES))],
        classlabels_strings=CLASSES,
        post_transform="SOFTMAX",
        multi_class=0,
    )
    graph = helper.make_graph(
        [node],
        "flowers",
        [helper.make_tensor_value_info("numeric", TensorProto.FLOAT, [None, inputs])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 3]),
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def flower_manifest(
    content: bytes,
    *,
    favourite: str = "setosa",
    signature: Signature = FLOWERS,
    model: str = "iris",
) -> Manifest:
    """The manifest of a model file."""
    latency = Latency(p50_ms=0.01, p99_ms=0.02)
    figures = RuntimeFigures(
        one_row=latency, thousand_rows=latency, load_ms=1.0, size_bytes=len(content)
    )
    return Manifest(
        model=model,
        version="0.1.0-dabc1234.sdef5678",
        training="tr0",
        created="2026-03-01T12:00:00+00:00",
        owner="botany",
        signature=signature,
        limits=Limits(max_rows=100, max_body_kb=100),
        runtime=Runtime.ONNX,
        runtime_reason="faster",
        libraries={"python": "3.13", "onnxruntime": onnxruntime.__version__},
        files={"model.onnx": digest_bytes(content)},
        metrics={"accuracy": 0.97},
        figures={"onnx": figures},
        parity=Parity(exported=True),
        sample=Sample(records=[_record(signature)], classes=[favourite]),
        lineage=Lineage(
            training_id="t", source_uri="", source_digest="", dataset="", split="", code="", spec={}
        ),
    )


def store_flowers(
    objects: ObjectStore,
    version: str = VERSION,
    *,
    favourite: str = "setosa",
    signature: Signature = FLOWERS,
    model: str = "iris",
) -> ModelRef:
    """Put the artifact of a version into a store, as a registration would."""
    content = flower_onnx(favourite, len(signature.inputs))
    manifest = msgspec.json.encode(
        flower_manifest(content, favourite=favourite, signature=signature, model=model)
    )
    prefix = f"models/{model}/{version}/tr0"
    objects.put(f"{prefix}/model.onnx", content)
    objects.put(f"{prefix}/manifest.json", manifest)
    return ModelRef(
        model=model,
        version=version,
        training="tr0",
        prefix=prefix,
        digest=digest_bytes(content),
        manifest_digest=digest_bytes(manifest),
        runtime=Runtime.ONNX,
    )


def _record(signature: Signature) -> dict[str, Any]:
    return {f.name: FLOWER.get(f.name, f.minimum) for f in signature.inputs}
