"""The rows of a staged request: each model is sent its own columns, as they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from servery.errors import InvalidInputError, Violation

Row = Mapping[str, msgspec.Raw]
"""Column to value; a value is passed on as it was written, and nothing here looks into it."""

MOST_TOLD = 20
_NAME_SHOWN = 64


def check_columns(
    rows: Sequence[Row], light: Sequence[str] | None, heavy: Sequence[str] | None
) -> None:
    """Refuse rows that do not have exactly the columns that the two models take together.

    Args:
        rows: The request's.
        light: Inputs of the light model; None where nobody knows them at the moment.
        heavy: Inputs of the heavy one; None as well. Any further column may be one of those
            that are not known.

    Raises:
        InvalidInputError: a column is missing or is not known, by field; or there is no row.
    """
    found: list[Violation] = []
    if not rows:
        found.append(Violation("records", "is empty"))
    wanted = dict.fromkeys([*(light or ()), *(heavy or ())])
    whole = light is not None and heavy is not None
    for index, row in enumerate(rows):
        if len(found) >= MOST_TOLD:
            break
        if whole:
            strange = [name for name in row if name not in wanted]
            found += [_at(index, name, "is a column of neither stage") for name in strange]
        found += [_at(index, name, "is missing") for name in wanted if name not in row]
    if found:
        first = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        message = f"the request does not fit the two stages: {first.field}: {first.message}{more}"
        raise InvalidInputError(message, tuple(found[:MOST_TOLD]))


def body_of(rows: Sequence[Row], columns: Sequence[str], own_id: str | None) -> bytes:
    """The body of a request for one model: its columns of the rows, in its own order."""
    body: dict[str, object] = {} if own_id is None else {"id": own_id}
    body["records"] = [{name: row[name] for name in columns} for row in rows]
    return msgspec.json.encode(body)


def _at(index: int, name: str, message: str) -> Violation:
    printable = name.encode("ascii", "backslashreplace").decode()
    shown = printable if len(printable) <= _NAME_SHOWN else f"{printable[:_NAME_SHOWN]}..."
    return Violation(f"records[{index}].{shown}", message)
