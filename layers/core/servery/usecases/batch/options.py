"""What the submitter of a file says with it, as user metadata of the object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from servery.domain.batches import BatchOptions
from servery.domain.names import ColumnName
from servery.domain.records import ModelRecord
from servery.domain.spec import BatchRules, Rerun
from servery.errors import InvalidInputError

PREFIX = "servery-"
_ORIGIN = "servery-origin"
_MOST_COLUMNS = 100
_RULES: dict[str, tuple[str, Any, str]] = {
    "servery-output": (
        "output",
        Literal["same", "csv", "jsonl", "parquet"],
        "same, csv, jsonl or parquet",
    ),
    "servery-id-columns": (
        "id_columns",
        Annotated[list[ColumnName], Meta(max_length=_MOST_COLUMNS)],
        "a JSON array of names of columns, each once",
    ),
    "servery-max-rejected": (
        "max_rejected",
        Annotated[float, Meta(ge=0, le=1)],
        "a share from 0 to 1",
    ),
    "servery-rerun": ("rerun", Rerun, "all, failed or none"),
    _ORIGIN: ("origin", Literal["drop", "submit"], "drop or submit"),
}


def rules_of(record: ModelRecord) -> BatchRules:
    """What a model's spec says about batches; the defaults where it says nothing that fits."""
    try:
        return msgspec.convert(record.spec.get("batch", {}), BatchRules)
    except msgspec.ValidationError:
        return BatchRules()  # registered by other rules than today's


def options_of(metadata: Mapping[str, str], rules: BatchRules) -> BatchOptions:
    """The options of a file: what was said with it, else what the spec says.

    Raises:
        InvalidInputError: something was said that is no option, or that an option cannot be;
            the sentence names the option.
    """
    said = {}
    for name, text in metadata.items():
        if name.startswith(PREFIX):
            field, value = _value(name, text)
            said[field] = value
    said.pop("origin", None)
    plain = BatchOptions(
        output=rules.output,
        id_columns=rules.id_columns,
        max_rejected=rules.max_rejected,
        rerun=rules.rerun,
    )
    return msgspec.structs.replace(plain, **said)


def origin_of(metadata: Mapping[str, str]) -> str:
    """Who put the file there: `submit` for the command line, else `drop`."""
    return "submit" if metadata.get(_ORIGIN) == "submit" else "drop"


def _value(name: str, text: str) -> tuple[str, Any]:
    if name not in _RULES:
        known = ", ".join(_RULES)
        raise InvalidInputError(f"{name[:64]} is no option of a batch; there are {known}")
    field, kind, wanted = _RULES[name]
    try:
        raw = msgspec.json.decode(text) if field == "id_columns" else text
        value = msgspec.convert(raw, kind, strict=False)
        if field == "id_columns" and len(set(value)) != len(value):
            raise msgspec.ValidationError("a column is there twice")
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidInputError(f"the option {name} has to be {wanted}") from error
    return field, value
