"""Queries answered by Athena, which reads the lake where it lies."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from servery.domain.lake import TABLES

from devkit.errors import UsageError
from devkit.sql.answers import Rows, refused
from devkit.sql.views import REQUESTS, requests_view

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from devkit.sql.files import Scope

PAUSE_SECONDS = 0.5
_RUNNING = ("QUEUED", "RUNNING")
_WITH = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*with\s+(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_NUMBERS: dict[str, Callable[[str], Any]] = {
    "bigint": int,
    "integer": int,
    "double": float,
    "boolean": lambda value: value == "true",
}


def wrapped(sql: str, database: str, scope: Scope) -> str:
    """A query that sees the same tables as with DuckDB: only some models and days of them.

    Raises:
        UsageError: no model is named; partitions are worked out from the names of models.
    """
    if not scope.models:
        raise UsageError("Athena is told which models.", "Name them: --model NAME")
    parts = [
        f'{table} AS (SELECT * FROM "{database}".{table} '  # noqa: S608 - names of our own
        f"WHERE model IN ({_listed(scope.of(table))}) AND day IN ({_listed(scope.days)}))"
        for table in TABLES
    ]
    parts.append(f"{REQUESTS} AS ({requests_view()})")
    asked = sql.strip().rstrip(";")
    own = _WITH.match(asked)
    tail = f", {own['rest']}" if own is not None else f"\n{asked}"
    return f"WITH {', '.join(parts)}{tail}"


def query(
    client: Any,  # noqa: ANN401 - its stubs are no dependency
    sql: str,
    *,
    workgroup: str,
    limit: int,
    pause: Callable[[float], None] = time.sleep,
) -> Rows:
    """Run a query to its end.

    Raises:
        DevkitError: Athena does not take it, or gave it up; the sentence is its own.
    """
    started = client.start_query_execution(QueryString=sql, WorkGroup=workgroup)
    which = {"QueryExecutionId": started["QueryExecutionId"]}
    while True:
        status = client.get_query_execution(**which)["QueryExecution"]["Status"]
        if status["State"] not in _RUNNING:
            break
        pause(PAUSE_SECONDS)
    if status["State"] != "SUCCEEDED":
        raise refused(str(status.get("StateChangeReason", status["State"])))
    return _read(client, which, limit)


def _read(client: Any, which: dict[str, str], limit: int) -> Rows:  # noqa: ANN401
    columns: list[dict[str, str]] = []
    rows: list[list[Any]] = []
    for page in client.get_paginator("get_query_results").paginate(**which):
        found = page["ResultSet"]["Rows"]
        if not columns:
            columns = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
            found = found[1:]  # the first one has the names
        rows += [_values(row["Data"], columns) for row in found]
        if len(rows) > limit:
            break
    names = [column["Name"] for column in columns]
    return Rows(names, rows[:limit], more=len(rows) > limit)


def _values(data: Sequence[dict[str, str]], columns: Sequence[dict[str, str]]) -> list[Any]:
    return [
        _NUMBERS.get(column["Type"], str)(cell["VarCharValue"]) if "VarCharValue" in cell else None
        for cell, column in zip(data, columns, strict=True)
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join("'" + name.replace("'", "''") + "'" for name in names)
