"""Data of entities that requests only name: what is looked up, and whether it fits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from servery.domain.names import COLUMN_NAME, MODEL_NAME
from servery.domain.signature import Dtype

Reference = Annotated[str, Meta(min_length=1, max_length=260)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class EntityColumn(_Part, frozen=True, kw_only=True):
    """A column of looked-up data or of a request, with the type that the steps count on.

    Attributes:
        name: Of the column.
        dtype: What it holds.
        unit: Unit of measure, `1` where there is none.
        nullable: Whether null is a value too.
    """

    name: Annotated[str, Meta(pattern=COLUMN_NAME)]
    dtype: Dtype
    unit: str = "1"
    nullable: bool = False


KeptSeconds = Annotated[float, Meta(ge=0, le=3600)]


class Keeping(msgspec.Struct, frozen=True):
    """Where else than in the table of features data of entities may be found.

    Attributes:
        seconds: How old they may be, from the memory of the process; 0 for never from there.
        from_lake: Whether those that the table has not got are in the lake.
    """

    seconds: float = 0.0
    from_lake: bool = False


class Lookup(_Part, frozen=True, kw_only=True):
    """Data of an entity, looked up by a key.

    Attributes:
        entity: Kind of entity, `customer`.
        key: Reference to the key of a row.
        columns: What is looked up.
        keep_s: For how long a process answers from what it has read before; so much later it
            knows of a change. 0 for reading them each time.
        from_lake: Whether data that the table of features has not got are read out of the lake,
            `entities/{entity}/{key}.json`, and kept in the table for a day.
    """

    entity: Annotated[str, Meta(pattern=MODEL_NAME)]
    key: Reference
    columns: Annotated[list[EntityColumn], Meta(min_length=1, max_length=200)]
    keep_s: KeptSeconds = 0.0
    from_lake: bool = False

    @property
    def keeping(self) -> Keeping | None:
        """Where else than in the table the data may be found; None for nowhere else."""
        return Keeping(self.keep_s, self.from_lake) if self.keep_s or self.from_lake else None


def complaint(column: EntityColumn, value: Any) -> str | None:  # noqa: ANN401
    """What keeps a value from being one of a column, without the value; None if nothing does."""
    if value is None:
        return None if column.nullable else "is null"
    kind = column.dtype
    if kind is Dtype.STRING:
        return None if isinstance(value, str) else "is not text"
    if kind is Dtype.BOOL:
        return None if isinstance(value, bool) else "is not true or false"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "is not a number"
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a finite number"
    return "is not a whole number" if kind is Dtype.INT and value != value // 1 else None


def columns_of(lookup: Lookup, data: Mapping[str, Any] | None) -> tuple[dict[str, Any] | None, str]:
    """The looked-up columns of one entity, or None and what keeps them from being there.

    Args:
        lookup: What is looked up.
        data: What is kept of the entity; None where there is nothing.
    """
    if data is None:
        return None, f"there are no data of the {lookup.entity}"
    answer: dict[str, Any] = {}
    for column in lookup.columns:
        if column.name not in data:
            if not column.nullable:
                return None, f"the data of the {lookup.entity} lack {column.name}"
            answer[column.name] = None
            continue
        wrong = complaint(column, data[column.name])
        if wrong:
            return None, f"{column.name} of the {lookup.entity} {wrong}"
        answer[column.name] = data[column.name]
    return answer, ""


def key_text(value: Any) -> str:  # noqa: ANN401 - whatever stands for a key
    """A key as text; a whole number without its fraction, as people write it; else empty."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
