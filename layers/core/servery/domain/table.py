"""Rows of raw data on their way in: chunks of cells, and what is wrong with the bad ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec

from servery.errors import InvalidInputError, Violation

if TYPE_CHECKING:
    from servery.domain.spec import Column

CHUNK_ROWS = 8192


class Reason(StrEnum):
    """Why a row is bad."""

    TOO_FEW_FIELDS = "too_few_fields"
    TOO_MANY_FIELDS = "too_many_fields"
    BAD_QUOTING = "bad_quoting"
    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    NOT_FINITE = "not_finite"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_CATEGORY = "unknown_category"
    TOO_LONG = "too_long"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    UNKNOWN_FIELD = "unknown_field"
    FIELD_TWICE = "field_twice"
    NO_ANSWER = "no_answer"


class Rejection(msgspec.Struct, frozen=True):
    """A bad row: the line it starts on (Parquet: its number from 1), the column, the reason.

    The column is empty where the row as a whole is wrong. Values are never repeated here.
    """

    line: int
    column: str
    reason: Reason


class Chunk(msgspec.Struct, frozen=True):
    """Some rows, by column.

    Attributes:
        lines: Where each row starts.
        cells: Column to its cells, as long as `lines`: text (CSV) or values and None (Parquet).
        rejected: Rows beside them that could not be cut into cells.
    """

    lines: list[int]
    cells: dict[str, list[object]]
    rejected: list[Rejection]


class TableReader(Protocol):
    """Reads a file of one format."""

    def __call__(self, content: bytes, columns: list[Column]) -> Iterator[Chunk]:
        """Chunks of at most `CHUNK_ROWS` rows, in the order of the file.

        `MalformedError` where the bytes are not of the format, `InvalidInputError` where the
        columns of the file are not those of the spec.
        """
        ...


def check_header(found: Iterable[str], columns: list[Column]) -> None:
    """Compare the columns of a file with those of the spec, in any order.

    Raises:
        InvalidInputError: columns are missing, unknown or there twice; the sentence names them.
    """
    counted = Counter(found)
    declared = {column.name for column in columns}
    missing = [column.name for column in columns if column.name not in counted]
    extra = [name for name in counted if name not in declared]
    twice = [name for name, times in counted.items() if times > 1]
    wrong = (("missing", missing), ("not in the spec", extra), ("there twice", twice))
    problems = [f"{what}: {_listed(names)}" for what, names in wrong if names]
    if problems:
        raise InvalidInputError(
            f"the columns of the data are not those of the spec; {'; '.join(problems)}",
            tuple(Violation(name, what) for what, names in wrong for name in names),
        )


def _listed(names: list[str], most: int = 20) -> str:
    told = ", ".join(repr(name) for name in names[:most])
    return f"{told} and {len(names) - most} more" if len(names) > most else told
