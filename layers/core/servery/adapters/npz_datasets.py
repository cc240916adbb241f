"""Typed columns as npz files: plain arrays, never pickles.

Text is one array of UTF-8 bytes and one of offsets, so that one long value does not make every
value long. The same columns give the same bytes.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from servery.domain.columns import Columns, Values
from servery.domain.signature import Dtype
from servery.errors import ArtifactError

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from servery.ports import ObjectStore

_NAMES = "columns"
_BROKEN = (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, msgspec.DecodeError)


class NpzDataSets:
    """Columns in npz files in an object store.

    Args:
        store: Where the files are.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def write(self, key: str, columns: Columns) -> int:
        """Write columns whole; the size of what was written, in bytes."""
        content = encode(columns)
        self._store.put(key, content)
        return len(content)

    def read(self, key: str) -> Columns:
        """Read columns.

        Raises:
            ArtifactError: there are none, or the file is none of ours.
        """
        return decode(self._store.get(key))


def encode(columns: Columns) -> bytes:
    """The npz file of some columns."""
    names = sorted(columns)
    described = msgspec.json.encode([(name, columns[name].dtype) for name in names])
    arrays: dict[str, NDArray[Any]] = {_NAMES: np.frombuffer(described, dtype=np.uint8)}
    for index, name in enumerate(names):
        column = columns[name]
        arrays[f"{index}.nulls"] = column.nulls
        if column.dtype is Dtype.STRING:
            encoded = [value.encode() for value in column.values]
            ends = np.cumsum([len(value) for value in encoded], dtype=np.int64)
            arrays[f"{index}.ends"] = ends
            arrays[f"{index}.bytes"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        else:
            arrays[f"{index}.values"] = column.values
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def decode(content: bytes) -> Columns:
    """The columns of an npz file.

    Raises:
        ArtifactError: the file is none of ours.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            names = msgspec.json.decode(arrays[_NAMES].tobytes(), type=list[tuple[str, Dtype]])
            return {
                name: _column(arrays, index, dtype) for index, (name, dtype) in enumerate(names)
            }
    except _BROKEN as error:
        raise ArtifactError("a stored data set cannot be read") from error


def _column(arrays: Any, index: int, dtype: Dtype) -> Values:  # noqa: ANN401 - np.load's own mapping
    nulls = arrays[f"{index}.nulls"]
    if dtype is not Dtype.STRING:
        return Values(dtype, arrays[f"{index}.values"], nulls)
    content, ends = arrays[f"{index}.bytes"].tobytes(), arrays[f"{index}.ends"].tolist()
    values = np.empty(len(ends), dtype=np.object_)
    start = 0
    for row, end in enumerate(ends):
        values[row] = content[start:end].decode()
        start = end
    return Values(dtype, values, nulls)
