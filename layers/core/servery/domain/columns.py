"""Typed columns of good rows, and the digest that their content has whatever file it came from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from servery.domain.signature import Dtype

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Values:
    """The values of one column.

    Attributes:
        dtype: What it holds.
        values: float64, int64, bool or object (str), shape (rows,); where a value is null: nan,
            0, False or the empty string.
        nulls: Where a value is null, bool of shape (rows,).
    """

    dtype: Dtype
    values: NDArray[Any]
    nulls: NDArray[Any]

    def take(self, rows: NDArray[Any]) -> Values:
        """The given rows (positions or a mask), in their order."""
        return Values(self.dtype, self.values[rows], self.nulls[rows])


Columns = dict[str, Values]


class DataSets(Protocol):
    """Typed columns under keys in the artifacts bucket."""

    def write(self, key: str, columns: Columns) -> int:
        """Write columns whole; the size of what was written, in bytes."""
        ...

    def read(self, key: str) -> Columns:
        """Read columns; `ArtifactError` where there are none, or not in our form."""
        ...


def held_out_key(dataset: str, split: str) -> str:
    """Where the rows lie that a training held out, by the digests of data set and split."""
    return f"datasets/{dataset}/{split}/test.npz"


def digest_columns(columns: Columns) -> str:
    """SHA-256 (hex) of names, types, values and nulls; the order of the columns does not count.

    The order of the rows does: it decides which of them are held out.
    """
    hashed = hashlib.sha256()
    for name in sorted(columns):
        column = columns[name]
        hashed.update(msgspec.json.encode([name, column.dtype, len(column.values)]))
        hashed.update(column.nulls.tobytes())
        if column.dtype is Dtype.STRING:
            for value in column.values:
                encoded = value.encode()
                hashed.update(len(encoded).to_bytes(8, "little"))
                hashed.update(encoded)
        else:
            little = column.values.dtype.newbyteorder("<")
            hashed.update(column.values.astype(little, copy=False).tobytes())
    return hashed.hexdigest()
