"""Id columns on their way out: what was read from one format, as the other one writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

_SPECIAL = (",", '"', "\r")


def csv_cell(text: str) -> str:
    """A field of CSV; in quotes where it holds a comma, a quote or a line end."""
    if any(mark in text for mark in (*_SPECIAL, "\n")):
        return '"' + text.replace('"', '""') + '"'
    return text


def _csv_cells(column: list[str]) -> list[str]:
    joined = "\n".join(column)
    plain = joined.count("\n") == len(column) - 1 and not any(mark in joined for mark in _SPECIAL)
    return column if plain else list(map(csv_cell, column))


def _json_texts(column: list[str]) -> list[str]:
    return [orjson.dumps(text).decode() for text in column]


def _cell_of(value: str) -> str:
    """What a JSON value is in CSV: text is bare, null empty, the rest stays as it is written."""
    if value.startswith('"'):
        try:
            return str(orjson.loads(value))
        except orjson.JSONDecodeError:
            return value  # half of a surrogate pair, which no UTF-8 can hold
    return "" if value == "null" else value


def _cells_of(column: list[str]) -> list[str]:
    return _csv_cells(list(map(_cell_of, column)))


def _same(column: list[str]) -> list[str]:
    return column


WRITE_IDS: dict[tuple[str, str], Callable[[list[str]], list[str]]] = {
    ("csv", "csv"): _csv_cells,
    ("csv", "jsonl"): _json_texts,
    ("jsonl", "csv"): _cells_of,
    ("jsonl", "jsonl"): _same,
}
