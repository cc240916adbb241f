"""The tables of the lake as the documentation has them."""

from __future__ import annotations

from servery.domain.lake_tables import all_columns


def table_of(name: str) -> str:
    """A table of the lake in Markdown."""
    rows = [
        f"| `{column.name}` | {column.kind.value} | {column.since} | {column.says} |"
        for column in all_columns(name)
    ]
    return "\n".join(["| column | type | since | what |", "| --- | --- | --- | --- |", *rows])
