"""JSON rows woven around numbers that were written all at once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from servery.domain.json_text import write_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_UNSURE = np.array(0x15AE43FD, np.uint32).view(np.float32)[()]
_UNSURE_TEXT = orjson.dumps(_UNSURE, option=orjson.OPT_SERIALIZE_NUMPY)
_SURE_TEXT = repr(float(_UNSURE)).encode()
"""Of all float32 there is one, 7.038531e-26, whose shortest form is read as its neighbour by
whoever reads a float64 first; it is written as a float64."""


class FeatureRows:
    """Writes rows of features as JSON objects; each number is read back as exactly what it was.

    Args:
        names: Of the features, in the order of the columns.
    """

    def __init__(self, names: Sequence[str]) -> None:
        members = (literal(orjson.dumps(name)) + b":%b" for name in names)
        self._row = b"{" + b",".join(members) + b"}"

    def write(self, matrix: NDArray[np.float32], before: bytes = b"", after: bytes = b"") -> bytes:
        """The rows, separated by commas, each between `before` and `after`.

        Args:
            matrix: Finite numbers of shape (rows, names).
            before: What comes before each row's object.
            after: What comes behind it.
        """
        row = literal(before) + self._row + literal(after)
        numbers = write_numbers(matrix)[2:-2].replace(b"],[", b",").split(b",")
        if _UNSURE in matrix or -_UNSURE in matrix:
            numbers = [number.replace(_UNSURE_TEXT, _SURE_TEXT) for number in numbers]
        return b",".join([row] * len(matrix)) % tuple(numbers)


@lru_cache(16)
def feature_rows(names: tuple[str, ...]) -> FeatureRows:
    """What writes rows of these features; made once."""
    return FeatureRows(names)


def exact(numbers: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
    """The same numbers in the type in which orjson writes them so that they are read back."""
    unsure = _UNSURE in numbers or -_UNSURE in numbers
    return numbers.astype(np.float64) if unsure else numbers


def tokens(column: NDArray[np.generic]) -> list[bytes]:
    """The JSON of each number of a column."""
    return write_numbers(column)[1:-1].split(b",")


def interleaved(columns: list[list[bytes]], rows: int) -> tuple[bytes, ...]:
    """Tokens by column as tokens by row."""
    width = len(columns)
    woven = [b""] * (rows * width)
    for index, column in enumerate(columns):
        woven[index::width] = column
    return tuple(woven)


def literal(text: bytes) -> bytes:
    """A text that stands for itself in a pattern of `%`."""
    return text.replace(b"%", b"%%")
