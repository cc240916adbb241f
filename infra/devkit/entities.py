"""Data of entities, for graphs to look up: read from files, loaded, shown."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from devkit import rows
from devkit.api import advising
from devkit.errors import DevkitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from devkit.api import Api

_ROWS, _BYTES = 1_000, 1_000_000
_padded = re.compile(r"[+-]?0\d").match  # 007 is no number, 0.7 is one
_TRUTH = {"true": True, "false": False}
_HINTS = {404: "Load it: servery entities load FILE --entity E --key COLUMN"}


def read(path: Path, key: str, *, text: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """The rows of a file by their key; the key's column is no part of the data.

    The cells of a table (.csv) are numbers or true and false where the whole column is; empty
    ones are null. JSON lines say themselves what they are.

    Args:
        path: .csv, .json or .jsonl.
        key: Column with the keys.
        text: Columns of a table that stay text in any case.

    Raises:
        DevkitError: the file cannot be read, lacks a key, or has one twice.
    """
    found = rows.from_file(path, {})
    if rows.is_csv(path):
        found = _typed(found, {key, *text})
    keyed: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(found, start=1):
        name = "" if row.get(key) is None else str(row[key])
        if not name:
            raise DevkitError(f"Row {number} of {path} has no {key}.", "Name another --key.")
        if name in keyed:
            raise DevkitError(f"Row {number} of {path} has the {key} {name} a second time.")
        keyed[name] = {column: value for column, value in row.items() if column != key}
    return keyed


def load(
    api: Api,
    entity: str,
    data: Mapping[str, Mapping[str, Any]],
    *,
    seconds: int | None = None,
    sent: Callable[[int], None] = lambda _: None,
) -> int:
    """Send data of entities, in pieces; what was there under a key is replaced.

    Args:
        api: Of the stack.
        entity: Kind of entity.
        data: By key.
        seconds: How long they are kept; for good if left out.
        sent: Told how many are there already.

    Returns:
        How many.

    Raises:
        ApiError: the API refused; what was sent before is there.
    """
    total, query = 0, "" if seconds is None else f"?seconds={seconds}"
    for piece in _pieces(data):
        api.post(f"/entities/{quote(entity, safe='')}{query}", {"rows": piece})
        total += len(piece)
        sent(total)
    return total


def get(api: Api, entity: str, key: str) -> dict[str, Any]:
    """The data of one entity."""
    with advising(_HINTS):
        found: dict[str, Any] = api.get(f"/entities/{quote(entity, safe='')}/{quote(key, safe='')}")
    return found


def _pieces(data: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Mapping[str, Any]]]:
    piece: dict[str, Mapping[str, Any]] = {}
    size = 0
    for key, row in data.items():
        weight = len(json.dumps({key: row}))
        if piece and (len(piece) == _ROWS or size + weight > _BYTES):
            yield piece
            piece, size = {}, 0
        piece[key] = row
        size += weight
    if piece:
        yield piece


def _typed(found: list[dict[str, Any]], text: set[str]) -> list[dict[str, Any]]:
    columns = {
        name: [row[name] for row in found] if name in text else _column([r[name] for r in found])
        for name in found[0]
    }
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _column(cells: list[str]) -> list[Any]:
    """The cells as what all of them can be read as."""
    for read_cell in (_whole, _number, _truth):
        try:
            return [read_cell(cell) if cell else None for cell in cells]
        except (ValueError, KeyError):
            continue
    return [cell or None for cell in cells]


def _whole(cell: str) -> int:
    """A whole number; not what only looks like one, as 007 does."""
    number = int(cell)
    if str(number) != cell:
        raise ValueError(cell)
    return number


def _number(cell: str) -> float:
    number = float(cell)
    if "_" in cell or _padded(cell) or not math.isfinite(number):
        raise ValueError(cell)
    return number


def _truth(cell: str) -> bool:
    return _TRUTH[cell.lower()]
