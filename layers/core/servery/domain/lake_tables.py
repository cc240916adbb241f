"""The columns of the lake's tables; what is made of them elsewhere is held to this by tests.

Those are the structures that lines are written from, the tables of Athena in the template, those
of `servery sql`, and `infra/docs/prediction-log.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from servery.domain.lake import EVENTS, LABELS, PREDICTIONS


class Kind(StrEnum):
    """What a column has; the value is the type in Athena's tables."""

    TEXT = "string"
    WHOLE = "bigint"
    NUMBER = "double"
    TRUTH = "boolean"
    NAMES = "array<string>"
    DOCUMENT = "json"


ATHENA = {kind: "string" if kind is Kind.DOCUMENT else kind.value for kind in Kind}
"""Athena has no documents: a column has the text of one, which `json_extract` reads."""

DUCKDB = {
    Kind.TEXT: "VARCHAR",
    Kind.WHOLE: "BIGINT",
    Kind.NUMBER: "DOUBLE",
    Kind.TRUTH: "BOOLEAN",
    Kind.NAMES: "VARCHAR[]",
    Kind.DOCUMENT: "JSON",
}


@dataclass(frozen=True, slots=True)
class LakeColumn:
    """One column.

    Attributes:
        name: As in the lines.
        kind: What it has.
        says: What it is, for people.
        since: The schema that brought it; older lines have null there.
    """

    name: str
    kind: Kind
    says: str
    since: int = 1


PARTITIONS = (
    LakeColumn("model", Kind.TEXT, "Name of the model or graph, `unknown` where nobody said"),
    LakeColumn("day", Kind.TEXT, "Day of the request, or when it was told: `2026-03-01`, UTC"),
)
"""Columns that every table has, and is partitioned by."""

_REQUEST = LakeColumn("request_id", Kind.TEXT, "What joins the tables: `x-request-id`")
_SCHEMA = LakeColumn("schema", Kind.WHOLE, "Version of the line")

COLUMNS: dict[str, tuple[LakeColumn, ...]] = {
    PREDICTIONS: (
        _SCHEMA,
        _REQUEST,
        LakeColumn("time", Kind.TEXT, "When the request came, ISO 8601, UTC"),
        LakeColumn(
            "model_version", Kind.TEXT, "The version that answered; of a graph its revision"
        ),
        LakeColumn("training", Kind.TEXT, "`trN` that it was released from"),
        LakeColumn("route", Kind.TEXT, "How the request came to who answered"),
        LakeColumn("branch", Kind.TEXT, "Branch that it took"),
        LakeColumn("experiment", Kind.TEXT, "Experiment that it took part in"),
        LakeColumn("variant", Kind.TEXT, "Variant of that"),
        LakeColumn("key", Kind.TEXT, "Digest of the key that it took part by"),
        LakeColumn("fallback", Kind.TEXT, "What stood in for the model"),
        LakeColumn("cache", Kind.TEXT, "hit, partial, miss or off"),
        LakeColumn("status", Kind.WHOLE, "HTTP status"),
        LakeColumn("rows", Kind.WHOLE, "Rows predicted"),
        LakeColumn("latency_ms", Kind.NUMBER, "From the request to its answer"),
        LakeColumn("model_ms", Kind.NUMBER, "Of it, in the model"),
        LakeColumn("degraded", Kind.TRUTH, "Whether another version stood in"),
        LakeColumn("input", Kind.DOCUMENT, "The request's body, of what was answered"),
        LakeColumn("output", Kind.DOCUMENT, "The answer's body"),
        LakeColumn("malformed", Kind.TRUTH, "Whether the body was no JSON of the expected form"),
        LakeColumn("truncated", Kind.TRUTH, "Whether input or output was left out for its size"),
        LakeColumn("hashed", Kind.NAMES, "Personal fields that are hashes: `input.name`", 2),
        LakeColumn("omitted", Kind.NAMES, "Personal fields that were left out", 2),
        LakeColumn("error", Kind.TEXT, "Class of the error; empty for none"),
        LakeColumn("code", Kind.TEXT, "Identity of the code that answered"),
    ),
    LABELS: (
        _SCHEMA,
        _REQUEST,
        LakeColumn("row", Kind.WHOLE, "Which row of the request, from 0"),
        LakeColumn("label", Kind.TEXT, "What was true of it, as text"),
        LakeColumn("time", Kind.TEXT, "When it was told, ISO 8601, UTC; the last one holds"),
    ),
    EVENTS: (
        _SCHEMA,
        _REQUEST,
        LakeColumn("name", Kind.TEXT, "What happened"),
        LakeColumn("row", Kind.WHOLE, "Which row; null for the request as a whole"),
        LakeColumn("value", Kind.TEXT, "How much of it, as text; null where nobody said"),
        LakeColumn("time", Kind.TEXT, "When it happened, ISO 8601, UTC"),
    ),
}


def all_columns(table: str) -> tuple[LakeColumn, ...]:
    """All columns of a table, those that it is partitioned by last."""
    return COLUMNS[table] + PARTITIONS
