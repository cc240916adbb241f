"""Looking up the data of entities for the rows of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from servery.domain.entities import Lookup, columns_of, key_text
from servery.domain.graphs import REQUEST
from servery.errors import BadAnswerError, InvalidInputError, ServeryError, Violation
from servery.usecases.graph.values import Known, Row

MOST_TOLD = 20


@dataclass(slots=True)
class Found:
    """What a lookup found.

    Attributes:
        rows: For each row its columns; None where there are none.
        error: Why some rows have none.
    """

    rows: list[Row | None] = field(default_factory=list)
    error: ServeryError | None = None


def keys_of(lookup: Lookup, known: Known, rows: list[int]) -> list[str]:
    """The key of each row, as text; empty where a row has none."""
    return [key_text(known.value(lookup.key, row)) for row in rows]


def fill(
    name: str,
    lookup: Lookup,
    data: Mapping[str, Mapping[str, Any]],
    *,
    rows: list[int],
    keys: list[str],
) -> Found:
    """The columns of each row, out of the data of all keys.

    An entity that there is no data of, or whose data do not fit the declared columns, leaves
    its rows without an answer. That is the caller's to fix only where there is no data of a key
    that came with the request.
    """
    found = Found()
    unknown: list[Violation] = []
    root, _, column = lookup.key.partition(".")
    for row, key in zip(rows, keys, strict=True):
        answer, wrong = columns_of(lookup, data.get(key))
        found.rows.append(answer)
        if wrong and found.error is None:
            found.error = BadAnswerError(name, f"{name}: {wrong}")
        if key not in data and len(unknown) < MOST_TOLD:
            message = f"there are no data of this {lookup.entity}"
            unknown.append(Violation(f"records[{row}].{column}", message))
    if unknown and root == REQUEST:
        first = unknown[0]
        message = f"{name} found nothing: {first.field}: {first.message}"
        found.error = InvalidInputError(message, tuple(unknown))
    return found
