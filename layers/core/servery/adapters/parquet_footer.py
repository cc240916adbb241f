"""What a Parquet file says of itself at its end."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeAlias

import pyarrow as pa

from servery.adapters.parquet_table import dtype_of
from servery.domain.packing import FoundColumn, RowGroup
from servery.domain.signature import Dtype

Metadata: TypeAlias = Any  # of pyarrow, which has no types
Type: TypeAlias = Any
Field: TypeAlias = Any
Group: TypeAlias = Any

_PLAIN = (
    pa.types.is_date,
    pa.types.is_decimal,
    pa.types.is_time,
    pa.types.is_timestamp,
)


class ParquetFooter:
    """See the port.

    Args:
        metadata: As pyarrow reads it.
    """

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        schema = metadata.schema.to_arrow_schema()
        self._columns = [_found(field) for field in schema]

    @property
    def columns(self) -> list[FoundColumn]:
        """Its columns, in order."""
        return self._columns

    def groups(self, names: Collection[str]) -> list[RowGroup]:
        """Its row groups, sized by the named columns alone."""
        paths = [self._metadata.schema.column(i).path for i in range(self._metadata.num_columns)]
        wanted = [index for index, path in enumerate(paths) if path in names]
        return [
            _group(self._metadata.row_group(index), wanted)
            for index in range(self._metadata.num_row_groups)
        ]


def is_plain(kind: Type) -> bool:
    """Whether values of a type are written as text by their type alone: days, times, decimals."""
    return any(of(kind) for of in _PLAIN)


def _found(field: Field) -> FoundColumn:
    kind = field.type
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    dtype = dtype_of(kind)
    known = dtype if isinstance(dtype, Dtype) else None
    empty = pa.types.is_null(value)
    plain = empty or known is not None or is_plain(value)
    return FoundColumn(field.name, str(kind), known, plain, empty)


def _group(group: Group, wanted: list[int]) -> RowGroup:
    size = sum(group.column(index).total_uncompressed_size for index in wanted)
    # Encoded, a column may take next to nothing; as text, each cell takes some bytes.
    return RowGroup(group.num_rows, max(size, 4 * group.num_rows * len(wanted)))
