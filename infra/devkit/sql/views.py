"""The tables of the lake as SQL has them, in words that DuckDB and Athena both know."""

from __future__ import annotations

from servery.domain.lake import EVENTS, LABELS, PREDICTIONS
from servery.domain.lake_tables import all_columns

REQUESTS = "requests"
"""One row for each request: its prediction with the labels and the client events of it."""

JOINED = ("labels", "label_rows", "events")


def requests_view() -> str:
    """The query of the view `requests`.

    A line that the lake has twice counts once, and of several labels for a row the last holds.
    """
    columns = ", ".join(f'p."{column.name}"' for column in all_columns(PREDICTIONS))
    return f"""
SELECT {columns}, l.labels, l.label_rows, e.events
FROM (
  SELECT *, row_number() OVER (PARTITION BY request_id, "time" ORDER BY latency_ms) AS once
  FROM {PREDICTIONS}
) p
LEFT JOIN (
  SELECT request_id, array_agg(label ORDER BY "row") AS labels,
         array_agg("row" ORDER BY "row") AS label_rows
  FROM (
    SELECT request_id, "row", max_by(label, "time") AS label
    FROM {LABELS} GROUP BY request_id, "row"
  ) AS held GROUP BY request_id
) l ON l.request_id = p.request_id
LEFT JOIN (
  SELECT request_id, array_agg(name ORDER BY "time", name) AS events
  FROM (SELECT DISTINCT request_id, name, "row", "value", "time" FROM {EVENTS}) AS told
  GROUP BY request_id
) e ON e.request_id = p.request_id
WHERE p.once = 1""".strip()  # noqa: S608 - names of our own


def names() -> dict[str, list[str]]:
    """The columns that there are, by table and view."""
    tables = {t: [c.name for c in all_columns(t)] for t in (PREDICTIONS, LABELS, EVENTS)}
    return {REQUESTS: [*tables[PREDICTIONS], *JOINED], **tables}
