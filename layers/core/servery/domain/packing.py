"""Parquet around a model server: what is in a file, and how predicted text becomes a part."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from servery.domain.signature import Dtype

PACKING = "packing.json"

FITTING = {
    Dtype.FLOAT: {Dtype.FLOAT, Dtype.INT},
    Dtype.INT: {Dtype.INT, Dtype.FLOAT},
    Dtype.BOOL: {Dtype.BOOL},
    Dtype.STRING: {Dtype.STRING},
}
"""Which types of a file do for a type of ours; programs store whole numbers as floats too."""


class Packing(msgspec.Struct, frozen=True, kw_only=True):
    """How the predicted pieces of a batch become Parquet; kept as `packing.json`.

    Attributes:
        ids: Columns that are passed through, in the order of the output.
        row: Name of the column of a predicted piece that says which row of its chunk it is, from
            0; their ids are then taken from a table beside the staged piece, with the types of
            the source. Empty where the ids stand in the piece itself, as text.
        prediction: Type of the predictions.
        parts: Prefix of the parts, `outbox/{model}/{batch}/part-`.
    """

    ids: list[str]
    row: str = ""
    prediction: Dtype
    parts: str


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column of a Parquet file.

    Attributes:
        name: Its name.
        told: Its type as the file has it.
        dtype: Our type for it; None where we have none, or where all is null.
        plain: Whether its values can be passed through: text, numbers, bools and times.
        empty: Whether all is null.
    """

    name: str
    told: str
    dtype: Dtype | None
    plain: bool
    empty: bool = False


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group: its rows, and the bytes of the columns that matter, before compression."""

    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Rows of a Parquet file as a model server reads them.

    Attributes:
        rows: CSV without a header.
        ids: The columns that are passed through, as a small Parquet file; empty where they
            stand among the rows.
    """

    rows: bytes
    ids: bytes = b""
