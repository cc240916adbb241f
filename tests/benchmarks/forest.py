"""The model and the rows that chunks are measured with: a real forest over synthetic columns."""

from __future__ import annotations

import os

# One thread each, and before anything starts some.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from servery.adapters.model_loader import Model
from servery.adapters.onnx_runtime import OnnxRuntime
from servery.domain.chunks import Chunk, Layout
from servery.domain.digest import digest_bytes
from servery.domain.inference import Form, Question
from servery.domain.manifest import Lineage, Manifest, ModelRef, Parity, Runtime, Sample
from servery.domain.serving import Limits
from servery.domain.signature import Dtype, Field, Output, Signature, Task
from servery.edge.inference import Codec

TREES, WIDTH, SPARE = 100, 30, 20_000
NAMES = [f"feature_{index:02d}" for index in range(WIDTH)]
CLASSES: list[str | int | bool] = ["no", "yes"]
SIGNATURE = Signature(
    task=Task.CLASSIFICATION,
    inputs=[Field(name=name, dtype=Dtype.FLOAT) for name in NAMES],
    output=Output(name="answer", dtype=Dtype.STRING, classes=CLASSES, probabilities=True),
)
HEADER = ["id", *NAMES]
LAYOUT = Layout(
    batch="bench",
    format="csv",
    header=HEADER,
    ids=["id"],
    output="csv",
    bucket="exchange",
    parts="part-",
    rejects="rejects-",
)


@dataclass(frozen=True)
class Forest:
    """A fitted forest and its export.

    Attributes:
        fitted: In scikit-learn.
        graph: The bytes of its ONNX graph, in blocks as the export has it.
        whole: The bytes of the graph as it was converted.
        rows: Rows of the same kind that it was not trained on, float32.
        trained_on: How many it was trained on.
    """

    fitted: Any
    graph: bytes
    whole: bytes
    rows: NDArray[np.float32]
    trained_on: int

    @cached_property
    def model(self) -> Model:
        """As a model server has it."""
        return loaded(self.graph)

    def say(self) -> str:
        """What it is, in a line."""
        nodes = sum(tree.tree_.node_count for tree in self.fitted.estimators_)
        return (
            f"Random forest of {TREES} trees with {nodes:,} nodes, trained on {self.trained_on:,} "
            f"synthetic rows of {WIDTH} columns; ONNX graph of {len(self.graph) / 1e6:.1f} MB."
        )


def grow(trained_on: int) -> Forest:
    """Train a forest of full depth on so many rows; the same one each time."""
    from servery.adapters.forest_blocks import divide  # noqa: PLC0415
    from skl2onnx import to_onnx  # noqa: PLC0415 - whoever predicts has no need of it
    from skl2onnx.common.data_types import FloatTensorType  # noqa: PLC0415
    from sklearn.datasets import make_classification  # noqa: PLC0415
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415

    matrix, target = make_classification(
        n_samples=trained_on + SPARE,
        n_features=WIDTH,
        n_informative=15,
        n_redundant=5,
        flip_y=0.05,
        random_state=0,
    )
    matrix = matrix.astype(np.float32)
    answers = np.array(CLASSES, object)[target].astype(str)
    fitted = RandomForestClassifier(n_estimators=TREES, random_state=0, n_jobs=1)
    fitted.fit(matrix[:trained_on], answers[:trained_on])
    whole = to_onnx(
        fitted,
        initial_types=[("numeric", FloatTensorType([None, WIDTH]))],
        options={"zipmap": False},
    )
    graph = divide(whole) or whole
    contents = [bytes(each.SerializeToString()) for each in (graph, whole)]
    return Forest(fitted, *contents, matrix[trained_on:], trained_on)


def lines(rows: NDArray[np.float32]) -> list[bytes]:
    """The rows as CSV without their ids, each number at its shortest."""
    return [",".join(str(value) for value in row).encode() for row in rows]


def chunks_of(found: list[bytes], size: int) -> Iterator[bytes]:
    """Endless chunks of about so many bytes, with ids that go on."""
    number = 0
    while True:
        chunk, length = [], 0
        while length < size:
            line = b"r%08d,%s\n" % (number, found[number % len(found)])
            chunk.append(line)
            length += len(line)
            number += 1
        yield b"".join(chunk)


def loaded(graph: bytes) -> Model:
    """A model out of the bytes of its graph."""
    runtime = OnnxRuntime.load(graph, digest=digest_bytes(graph), signature=SIGNATURE)
    digest = digest_bytes(graph)
    lineage = Lineage(
        training_id="", source_uri="", source_digest="", dataset="", split="", code="", spec={}
    )
    manifest = Manifest(
        model="forest",
        version="1.0.0-1.1",
        training="tr0",
        created="2026-03-01T12:00:00+00:00",
        owner="benchmarks",
        signature=SIGNATURE,
        limits=Limits(),
        runtime=Runtime.ONNX,
        runtime_reason="",
        libraries={},
        files={Runtime.ONNX.filename: digest},
        metrics={},
        figures={},
        parity=Parity(exported=True),
        sample=Sample(records=[]),
        lineage=lineage,
    )
    ref = ModelRef(
        model="forest",
        version="1.0.0-1.1",
        training="tr0",
        prefix="models/forest/",
        digest=digest,
        manifest_digest=digest_bytes(msgspec.json.encode(manifest)),
        runtime=Runtime.ONNX,
    )
    nothing = Question(Form.RECORDS, 0, np.empty((0, WIDTH), np.float32), None)
    return Model(ref, manifest, runtime, Codec(SIGNATURE, Limits()), nothing)


class ChunkMemory:
    """The objects of a batch in memory: `ChunkFiles` over one chunk."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.written: dict[str, bytes] = {}

    def load(self, key: str) -> bytes:
        """The layout, whatever it is called."""
        del key
        return msgspec.json.encode(LAYOUT)

    def read(self, chunk: Chunk) -> bytes:
        """The chunk, whichever it is."""
        del chunk
        return self.content

    def write(self, bucket: str, key: str, content: bytes) -> None:
        """Keep what is written."""
        del bucket
        self.written[key] = content


CHUNK = Chunk(name="00000", bucket="exchange", key="inbox/forest/rows.csv")
