"""What a model answered, row by row: as it is kept, and as it stands in answers of either form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Raw, UnsetType

from servery.domain.signature import Task

if TYPE_CHECKING:
    from servery.domain.signature import Signature

FEATURES = "features"
PROBABILITIES = "probabilities"


class AnsweredRow(msgspec.Struct, frozen=True):
    """What a model answered for one row.

    Attributes:
        answer: As the records form has it, without the version.
        floats: Datatype of its numbers, `FP32` or `FP64`; empty where only records have been
            asked, which do not say it.
    """

    answer: bytes
    floats: str


class Document(msgspec.Struct, frozen=True):
    """An answer taken apart.

    Attributes:
        rows: What it says of each row.
        model_version: Who answered.
        degraded: Whether a stand-in did.
    """

    rows: list[AnsweredRow]
    model_version: str
    degraded: bool


class TensorBody(msgspec.Struct):
    """An output tensor, with its elements unread."""

    name: str
    datatype: str
    data: list[Raw]


class Parameters(msgspec.Struct, frozen=True):
    """What an answer of tensors says about itself."""

    degraded: bool = False


class AnswerBody(msgspec.Struct):
    """An answer in either form, with its rows or tensors unread."""

    model_version: str
    predictions: list[Raw] | UnsetType = UNSET
    outputs: list[TensorBody] | UnsetType = UNSET
    degraded: bool = False
    parameters: Parameters = Parameters()


class RowBody(msgspec.Struct):
    """A row of records, with its numbers unread."""

    first: Raw | UnsetType = msgspec.field(name="class", default=UNSET)
    value: Raw | UnsetType = UNSET
    probabilities: dict[str, Raw] = {}
    features: dict[str, Raw] = {}


def output_names(signature: Signature) -> tuple[str, ...]:
    """The tensors that a model answers with."""
    if signature.task is Task.PREPROCESSING:
        return (FEATURES,)
    if signature.task is Task.REGRESSION:
        return ("value",)
    return ("class", PROBABILITIES) if signature.output.probabilities else ("class",)
