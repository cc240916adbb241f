"""The distinct rows that were asked, and how often each was; what the cache has of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from servery.domain.cached_rows import place_of, row_keys
from servery.domain.warm_ups import Coverage

if TYPE_CHECKING:
    from collections.abc import Collection

    from servery.domain.canonical import Reading
    from servery.domain.manifest import ModelRef

MOST_ROWS = 200_000
MOST_VALUES = 8_000_000
"""Values of all rows together; a function of a gigabyte holds as many."""


@dataclass(slots=True)
class AskedRow:
    """A distinct row.

    Attributes:
        values: Of the inputs, in the order of the readings.
        times: How often it was asked.
    """

    values: tuple[Any, ...]
    times: int


class Tally:
    """Counts rows by their keys in the cache.

    Args:
        ref: The version whose keys they are.
        generation: Of the cache.
        most: Distinct rows that are looked at; others are counted only.
    """

    def __init__(self, ref: ModelRef, generation: int, *, most: int = MOST_ROWS) -> None:
        self._ref = ref
        self._generation = generation
        self._most = most
        self._values = 0
        self.rows: dict[bytes, AskedRow] = {}
        self.left_out = 0

    def add(self, reading: Reading) -> None:
        """Count the rows of a request."""
        keys = row_keys(self._ref, self._generation, reading.rows)
        columns = list(reading.columns.values())
        for key, values in zip(keys, zip(*columns, strict=True), strict=True):
            known = self.rows.get(key)
            if known is not None:
                known.times += 1
            elif len(self.rows) >= self._most or self._values >= MOST_VALUES:
                self.left_out += 1
            else:
                self.rows[key] = AskedRow(values, 1)
                self._values += len(values)

    def places(self, most: int) -> dict[str, bytes]:
        """For each place the row that is asked most often there."""
        model = self._ref.model
        chosen: dict[str, bytes] = {}
        for key, row in self.rows.items():
            place = place_of(model, key, most)
            other = chosen.get(place)
            if other is None or self.rows[other].times < row.times:
                chosen[place] = key
        return chosen

    def coverage(self, found: Collection[bytes]) -> Coverage:
        """How much of all rows is among the keys that were found."""
        if not self.rows:
            return Coverage()
        times = sum(row.times for row in self.rows.values())
        there = [self.rows[key].times for key in found if key in self.rows]
        return Coverage(
            rows=round(len(there) / len(self.rows), 6), asked=round(sum(there) / times, 6)
        )

    def most_asked(self, keys: Collection[bytes]) -> Iterator[bytes]:
        """These keys, those that are asked most often first."""
        return iter(sorted(keys, key=lambda key: -self.rows[key].times))
