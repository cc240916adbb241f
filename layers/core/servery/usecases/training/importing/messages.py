"""What the steps of `model_import` hand on. Nothing in it is a path that somebody chose."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from servery.domain.guessed_columns import Wishes
from servery.domain.imports import Format
from servery.domain.spec import Column
from servery.usecases.training.messages import (
    Collected,
    Evaluated,
    Exported,
    Preprocessed,
    Trained,
)

# The prefix is what the functions that open foreign files may write below.
ImportId = Annotated[str, Meta(pattern=r"^import_[A-Za-z0-9_-]{1,72}$(?!\n)")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """What was uploaded, by its content, and what its owner says about it.

    Attributes:
        model: SHA-256 (hex) of the model file.
        sample: SHA-256 (hex) of the sample file.
        trusted: Whether the owner has said that the model file may run as code.
        wishes: About the columns of the sample.
    """

    model: Sha256
    sample: Sha256
    trusted: bool = False
    wishes: Wishes = msgspec.field(default_factory=Wishes)


class ImportEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Input of the execution.

    Attributes:
        training_id: Name of the import, which is a training that was done elsewhere.
        spec: What the owner says about the model: name and owner at the least.
        upload: The files.
    """

    training_id: ImportId
    spec: dict[str, Any]
    upload: Upload

    @property
    def model(self) -> str:
        """What the model is to be called."""
        return str(self.spec.get("name", ""))


class Inspected(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out without opening the model file.

    Attributes:
        format: What the model file is, by its content.
        columns: The columns of the sample; one of them is the target where it is labelled.
        labelled: Whether the sample has the target.
        collect: The rows of the sample as a data set.
        split: SHA-256 of its split: every row is held out.
        rows: How many there are.
    """

    format: Format
    columns: list[Column]
    labelled: bool
    collect: Collected
    split: str
    rows: int


class OpenEvent(ImportEvent, frozen=True, kw_only=True):
    """The state behind the first step."""

    inspected: Inspected


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What a training would have left, step by step, and its spec."""

    spec: dict[str, Any]
    collect: Collected
    preprocess: Preprocessed
    train: Trained
    export: Exported
    evaluate: Evaluated
