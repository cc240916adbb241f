"""Rows for a prediction, from the command line or from a file."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import yaml

from devkit.errors import DevkitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def from_json(text: str) -> list[dict[str, Any]]:
    """One record, a list of records, or `{"records": [...]}`.

    Raises:
        UsageError: it is something else.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"This is no JSON: {error}", """Say: --record '{"column": 1}'"""
        ) from error
    if isinstance(content, dict) and isinstance(content.get("records"), list):
        content = content["records"]
    rows = content if isinstance(content, list) else [content]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise UsageError(
            "Rows are objects with a value for each column.", """Say: --record '{"column": 1}'"""
        )
    return rows


def from_file(path: Path, dtypes: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rows of a JSON, JSON lines or CSV file.

    Args:
        path: What to read, by its suffix.
        dtypes: Column to dtype, for CSV; a cell that does not fit stays text, for the API to
            say what is wrong with it.

    Raises:
        DevkitError: the file cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")  # spreadsheets begin with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise DevkitError(f"{path} cannot be read: {error}") from error
    if is_csv(path):
        return _of_csv(path, text, dtypes)
    if path.suffix in (".jsonl", ".ndjson"):
        text = f"[{','.join(line for line in text.splitlines() if line.strip())}]"
    try:
        return from_json(text)
    except UsageError as error:
        raise DevkitError(
            f"{path} holds no rows: {error.message}", "Rows come from .csv, .json or .jsonl."
        ) from error


def is_csv(path: Path) -> bool:
    """Whether a file is read as a table with a header."""
    return path.suffix.lower() == ".csv"


def _of_csv(path: Path, text: str, dtypes: Mapping[str, str]) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    rows: list[dict[str, Any]] = []
    for row in reader:
        if None in row or None in row.values():
            raise DevkitError(
                f"Line {reader.line_num} of {path} has not as many cells as the header.",
                "Correct the line, or leave it out.",
            )
        rows.append({name: _value(cell, dtypes.get(name, "")) for name, cell in row.items()})
    if not rows:
        raise DevkitError(f"{path} has no rows.", "It needs a header and a line for each row.")
    return rows


def features(spec: Mapping[str, Any]) -> dict[str, str]:
    """Column to dtype of a spec's features, in their order."""
    return {
        column["name"]: column["dtype"]
        for column in spec["data"]["columns"]
        if column.get("role", "feature") == "feature"
    }


def from_spec(path: Path) -> list[dict[str, Any]]:
    """The features of every row of a spec's own data file (CSV beside the spec).

    Raises:
        DevkitError: a file cannot be read.
    """
    spec = yaml.safe_load(path.read_text())
    dtypes = features(spec)
    read = from_file(path.parent / spec["data"]["uri"], dtypes)
    return [{name: row[name] for name in dtypes} for row in read]


def _value(cell: str, dtype: str) -> float | int | bool | str | None:
    if dtype in ("float", "int", "bool") and cell == "":
        return None
    try:
        match dtype:
            case "float":
                return float(cell)
            case "int":
                return int(cell)
            case "bool":
                return {"true": True, "1": True, "false": False, "0": False}[cell.lower()]
    except (KeyError, ValueError):
        return cell
    return cell
