"""What travels over HTTP where a schema cannot know the model: for documentation and clients.

The codec of the model server reads and writes these forms from a model's signature, faster and
stricter than these types could; here is what they all have in common.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from servery.domain.graph_records import StepReport

Datatype = Literal[
    "BOOL",
    "BYTES",
    "FP16",
    "FP32",
    "FP64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
]
Value = str | float | int | bool | None


class _Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pass


class Wrong(_Document, frozen=True, kw_only=True):
    """One thing that is wrong with a request: where, and what to do."""

    field: str
    message: str


class ChangeFirst(_Document, frozen=True, kw_only=True):
    """A change of another model that has to come first: `release` or `roll_back`."""

    kind: str
    model: str
    version: str = ""
    training: str = ""


class Problem(_Document, frozen=True, kw_only=True):
    """An error (RFC 9457). `instance` names the request; `hop` who failed or was slow.

    `steps`: what became of each step of a graph. `first`: what has to be released, or rolled
    back, before half of a pair can be.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Wrong] = []
    hop: str = ""
    steps: list[StepReport] = []
    first: ChangeFirst | None = None


class ServerMetadata(_Document, frozen=True, kw_only=True):
    """What answers, and which extensions of the protocol it speaks."""

    name: str
    version: str
    extensions: list[str]


class Live(_Document, frozen=True, kw_only=True):
    """That the API runs."""

    live: bool


class Ready(_Document, frozen=True, kw_only=True):
    """That the API can look up who answers for a model."""

    ready: bool


class TensorMetadata(_Document, frozen=True, kw_only=True):
    """A tensor that a model takes or gives; -1 in its shape is the number of rows."""

    name: str
    datatype: Datatype
    shape: list[int]
    parameters: dict[str, Any] = {}


class ModelMetadata(_Document, frozen=True, kw_only=True):
    """A model in the words of the Open Inference Protocol; `versions` are those served now."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    parameters: dict[str, Any] = {}


class Tensor(_Document, frozen=True, kw_only=True):
    """Rows of one column (shape [n] or [n, 1]), or of all numeric ones packed as `input` [n, k]."""

    name: str
    shape: list[int]
    datatype: Datatype
    data: list[Any]
    parameters: dict[str, Any] = {}


class WantedOutput(_Document, frozen=True, kw_only=True):
    """An output tensor that the answer should have."""

    name: str
    parameters: dict[str, Any] = {}


class TensorRequest(_Document, frozen=True, kw_only=True):
    """Rows as tensors, the form of the Open Inference Protocol."""

    inputs: list[Tensor]
    outputs: list[WantedOutput] = []
    id: str = ""
    parameters: dict[str, Any] = {}


class RecordsRequest(_Document, frozen=True, kw_only=True):
    """Rows as objects, column to value."""

    records: list[dict[str, Value]]
    id: str = ""


class EntityRows(_Document, frozen=True, kw_only=True):
    """Data of several entities, by key."""

    rows: dict[str, dict[str, Value]]


class Provenance(_Document, frozen=True, kw_only=True):
    """How a tensor answer came about; `pair`: who takes the features that it has."""

    request_id: str
    served_by: str
    cache: Literal["hit", "partial", "miss", "off"]
    degraded: bool = False
    pair: str = ""


class TensorAnswer(_Document, frozen=True, kw_only=True):
    """Predictions as tensors."""

    model_name: str
    model_version: str
    outputs: list[Tensor]
    parameters: Provenance
    id: str = ""


class ClassPrediction(_Document, frozen=True, kw_only=True):
    """The class of a row; probabilities where the model gives them."""

    class_: str | int | bool = msgspec.field(name="class")
    probabilities: dict[str, float] = {}
    model_version: str


class ValuePrediction(_Document, frozen=True, kw_only=True):
    """The predicted value of a row."""

    value: float
    unit: str
    model_version: str


class RecordsAnswer(_Document, frozen=True, kw_only=True):
    """Predictions by row, all of one kind, and how they came about.

    A preprocessor answers `features` for each row, and the `pair` that they belong to.
    """

    model: str
    model_version: str
    request_id: str
    served_by: str
    cache: Literal["hit", "partial", "miss", "off"]
    predictions: list[dict[str, Any]]
    degraded: bool = False
    id: str = ""
    pair: str = ""
