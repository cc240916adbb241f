"""Queries answered by DuckDB, which sees the tables of the lake and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.lake_tables import DUCKDB, all_columns

from devkit.sql.answers import Rows, refused
from devkit.sql.views import REQUESTS, requests_view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from devkit.sql.files import Scope

_CLOSED = (
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def query(sql: str, files: Mapping[str, Sequence[Path]], scope: Scope, *, limit: int) -> Rows:
    """Answer a query.

    Args:
        sql: The query; it sees predictions, labels, events and the view requests.
        files: The lines of each table.
        scope: What the lines have to be of.
        limit: How many rows at the most.

    Raises:
        DevkitError: DuckDB does not take the query; the sentence is its own.
    """
    import duckdb  # noqa: PLC0415 - nobody else needs it

    with duckdb.connect(
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    ) as connection:
        for table, paths in files.items():
            _load(connection, table, paths, scope)
        connection.execute(f"CREATE VIEW {REQUESTS} AS {requests_view()}")
        for setting in _CLOSED:
            connection.execute(setting)
        try:
            answer = connection.execute(sql)
            rows = answer.fetchmany(limit + 1)
        except duckdb.PermissionException as error:
            raise refused("A query reads the tables of the lake, and nothing else.") from error
        except duckdb.Error as error:
            raise refused(str(error).strip()) from error
        columns = [column[0] for column in answer.description or ()]
    return Rows(columns, rows[:limit], more=len(rows) > limit)


def _load(connection: DuckDBPyConnection, table: str, paths: Sequence[Path], scope: Scope) -> None:
    """Make a table of files; what is not of the scope, or no line of ours, is passed over."""
    columns = {column.name: DUCKDB[column.kind] for column in all_columns(table)}
    declared = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    connection.execute(f"CREATE TABLE {table} ({declared})")
    if not paths:
        return
    kinds = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    models = scope.of(table)
    connection.execute(
        f"INSERT INTO {table} SELECT * FROM read_json(?, format = 'newline_delimited', "  # noqa: S608
        f"columns = {{{kinds}}}, ignore_errors = true) "
        "WHERE list_contains(?, day) AND (? OR list_contains(?, model))",
        [[str(path) for path in paths], list(scope.days), not models, models],
    )
