"""Where in a line of CSV each column is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servery.domain.chunks import Layout
    from servery.domain.inputs import Columns


@dataclass(frozen=True, slots=True)
class CsvPlaces:
    """Positions in the header.

    Attributes:
        width: Fields of a row.
        numeric: Of the numeric inputs, in signature order.
        text: Of the text inputs, in signature order.
        ids: Of the columns that are passed through.
    """

    width: int
    numeric: list[int]
    text: list[int]
    ids: list[int]

    @classmethod
    def of(cls, columns: Columns, layout: Layout) -> CsvPlaces:
        """The places for a layout whose header has every input and id column."""
        at = {name: index for index, name in enumerate(layout.header)}
        return cls(
            len(layout.header),
            [at[column.name] for column in columns.numeric],
            [at[column.name] for column in columns.text],
            [at[name] for name in layout.ids],
        )
