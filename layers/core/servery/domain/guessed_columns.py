"""The columns of a sample file, guessed from its cells: types, ranges, categories, nulls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from servery.domain.cells import PARSE, is_null
from servery.domain.signature import Dtype
from servery.domain.spec import Column, Role
from servery.domain.table import Reason
from servery.errors import InvalidInputError, Violation

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_CATEGORIES = 50
OUTPUT = "prediction"
"""What is predicted where the sample does not have it."""
_WHOLE = re.compile(r"[+-]?[0-9]+")
_BOOLS = frozenset({"true", "false"})


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner says about the columns, beyond what the sample shows.

    Attributes:
        target: The column that the model predicts; empty where the sample has none.
        units: Column to unit.
        unit: Of every column that `units` does not name; empty for none.
        ranges: Column to lowest and highest allowed value, or to None for no bounds.
        ranged: Whether the ranges in the sample bound what is allowed.
    """

    target: str = ""
    units: dict[str, str] = {}
    unit: str = ""
    ranges: dict[str, tuple[float, float] | None] = {}
    ranged: bool = True


def guess_columns(table: Mapping[str, Sequence[str]], wishes: Wishes) -> list[Column]:
    """The columns that a table of cells has, in its order.

    A column is whole numbers, numbers, bools (`true` and `false` in any case) or text, the first
    that every cell is. A number's range and a short text's categories are those of the sample: the
    model has been shown to answer there and nowhere else.

    Args:
        table: Column to its cells.
        wishes: What the owner says about them.

    Raises:
        InvalidInputError: a column has no cell that says anything, or the owner has named a
            column that is not there or left out a unit; with every such column.
    """
    _check_named(table, wishes)
    found = [_column(name, cells, wishes) for name, cells in table.items()]
    missing = [column.name for column in found if not column.unit]
    if missing:
        raise InvalidInputError(
            "every feature and the target need a unit: --unit NAME=UNIT, or --unit 1 for all the "
            f"others; without one: {', '.join(missing[:20])}",
            tuple(Violation(name, "needs a unit; say 1 where it has none") for name in missing),
        )
    return found


def _column(name: str, cells: Sequence[str], wishes: Wishes) -> Column:
    said = [cell for cell in cells if cell.strip()]
    if not said:
        raise InvalidInputError(
            f"the column {name!r} of the sample is empty",
            (Violation(name, "has no value in the sample"),),
        )
    dtype, target = _dtype(said), name == wishes.target
    column = Column(
        name=name,
        dtype=dtype,
        role=Role.TARGET if target else Role.FEATURE,
        unit=wishes.units.get(name, wishes.unit) or None,
        nullable=not target and any(is_null(dtype, cell) for cell in cells),
    )
    if target:
        return column
    if dtype is Dtype.STRING:
        texts = sorted(set(cells) - {""})
        few = len(texts) <= MOST_CATEGORIES
        return msgspec.structs.replace(column, categories=list(texts) if few else None)
    return msgspec.structs.replace(column, range=_range(name, dtype, said, wishes))


def _dtype(said: Sequence[str]) -> Dtype:
    if all(cell.strip().lower() in _BOOLS for cell in said):
        return Dtype.BOOL
    if all(_WHOLE.fullmatch(cell.strip()) for cell in said) and _all_are(Dtype.INT, said):
        return Dtype.INT
    return Dtype.FLOAT if _all_are(Dtype.FLOAT, said) else Dtype.STRING


def _all_are(dtype: Dtype, said: Sequence[str]) -> bool:
    return not any(isinstance(PARSE[dtype](cell), Reason) for cell in said)


def _range(
    name: str, dtype: Dtype, said: Iterable[str], wishes: Wishes
) -> tuple[float, float] | None:
    if name in wishes.ranges:
        return wishes.ranges[name]
    if dtype is Dtype.BOOL or not wishes.ranged:
        return None
    numbers = [float(cell) for cell in said]
    return min(numbers), max(numbers)


def _check_named(table: Mapping[str, Sequence[str]], wishes: Wishes) -> None:
    named = {*wishes.units, *wishes.ranges, *filter(None, [wishes.target])}
    output = set() if wishes.target else {OUTPUT}
    if unknown := sorted(named - set(table) - output):
        raise InvalidInputError(
            f"the sample has no column {', '.join(unknown[:20])}; it has {', '.join(table)}",
            tuple(Violation(name, "is not in the sample") for name in unknown),
        )
